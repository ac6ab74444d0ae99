from shop.registry import register


@register("square")
def square(value):
    return value * value

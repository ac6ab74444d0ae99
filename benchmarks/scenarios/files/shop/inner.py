from shop.trace import ran

FLOOR = 2


def in_list(value):
    return value + 1


def in_lambda(value):
    return value + 2


def in_generator(value):
    return value + 3


def in_nested(value):
    return value + 4


def hidden(value):
    return value + 5


def even(value):
    return value == 0 or odd(value - 1)


def odd(value):
    return value != 0 and even(value - 1)


def inner(values):
    ran("Inner")
    hidden = 0

    def nested(value):
        return in_nested(value) + hidden

    apply = lambda value: in_lambda(value)  # noqa: E731
    listed = [in_list(value) for value in values if value > FLOOR]
    return [listed, sum(in_generator(value) for value in values), [apply(nested(value)) for value in values], even(4)]

from shop.trace import ran


def window(values, size):
    ran("Window")
    return values[:size]

from shop import operations
from shop.trace import ran


def chosen(values):
    ran("Chosen")
    return [getattr(operations, "li" + "ft")(value) for value in values]

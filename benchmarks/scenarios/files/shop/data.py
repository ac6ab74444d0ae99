from shop import rules
from shop.trace import ran


def read(path):
    ran("Raw")
    with open(path) as file:
        return [int(word) for word in file.read().split()]


def clean(values):
    ran("Clean")
    return [value for value in values if rules.keep(value)]

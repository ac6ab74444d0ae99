import functools

from shop.tools import adder, power, scaled
from shop.trace import ran

STEP = 3


@scaled(3)
def triple(value):
    return value + 0


@functools.lru_cache(maxsize=None)
def remembered(value):
    return value - 1


add_five = adder(5)
cube = functools.partial(power, exponent=3)


def with_default(value, step=STEP):
    return value + step


def wrapped(values):
    ran("Wrapped")
    return [(triple(value), remembered(value), add_five(value), cube(value), with_default(value)) for value in values]

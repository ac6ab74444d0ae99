from .deep import unit


def weigh(values):
    return sum(value * unit() for value in values)

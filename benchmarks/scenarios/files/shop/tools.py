import functools


def scaled(factor):
    def decorate(function):
        @functools.wraps(function)
        def inner(*arguments):
            return function(*arguments) * factor

        return inner

    return decorate


def adder(number):
    def add(value):
        return value + number

    return add


def power(value, exponent):
    return value**exponent

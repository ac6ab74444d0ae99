def lift(value):
    return value + 10


OPERATION_LIMIT = 5

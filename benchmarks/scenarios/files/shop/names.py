def long_name(value):
    return value + 100

def late(value):
    return value + 300

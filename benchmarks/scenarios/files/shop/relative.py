def near(value):
    return value + 400

def unit():
    return 2


def offset():
    return 1

def starred(value):
    return value + 200


def not_asked_for(value):
    return value

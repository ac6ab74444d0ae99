ADDED = 1


def fetch():
    with open("feed.txt") as file:
        return [int(word) for word in file.read().split()]


def helper(value):
    return value + ADDED


def deeper(value):
    return value + 2

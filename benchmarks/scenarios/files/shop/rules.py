from shop.settings import BOUNDS


def keep(value: int) -> bool:
    low, high = BOUNDS
    return low <= value <= high


def unrelated():
    return 1

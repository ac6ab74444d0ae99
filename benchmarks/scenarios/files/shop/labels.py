import enum
from dataclasses import dataclass

from shop.trace import ran

try:
    from shop.fast import shorten
except ImportError:

    def shorten(text):
        return text[:5]


class Size(enum.Enum):
    SMALL = 10
    LARGE = 100


@dataclass
class Label:
    text: str
    copies: int = 1
    size: Size = Size.SMALL


def labels(values):
    ran("Labels")
    made = [Label(shorten(f"number {value}")) for value in values]
    return [(label.text, label.copies, label.size.value) for label in made]

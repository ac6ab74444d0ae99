"""JSON: values that come back as they went in, in a file that a person can read.

Dataclasses are written as objects and numpy scalars as numbers; anything else that JSON would silently turn
into something different (tuples, keys that are no strings, dates) is refused with its place in the value.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any, BinaryIO

from targets.errors import RoundTripError
from targets.target import Target

_SCALARS = frozenset({str, int, float, bool, type(None)})


class JsonTarget(Target[Any]):
    """Any JSON value. NaN and infinities are written as Python and most readers spell them."""

    extension = "json"

    def write(self, value: Any, file: BinaryIO) -> None:
        text = json.dumps(plain(value), ensure_ascii=False, indent=1)
        file.write(text.encode("utf-8"))

    def read(self, file: BinaryIO, **options: Any) -> Any:
        return json.loads(file.read(), **options)


def plain(value: Any, where: str = "value") -> Any:
    """The value with dataclasses and numpy scalars made plain; `RoundTripError` for what would not survive."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        return [item if type(item) in _SCALARS else plain(item, f"{where}[{at}]") for at, item in enumerate(value)]
    if kind is dict:
        for name in value:
            if type(name) is not str:
                raise RoundTripError(f"the key {name!r} of {where} is no str and would come back as one: use str keys, or PickleTarget")
        return {name: plain(item, f"{where}[{name!r}]") for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name), f"{where}.{field.name}") for field in dataclasses.fields(value)}
    numpy = sys.modules.get("numpy")
    # Of nanoseconds `item` makes a number, which nobody would take for a time.
    if numpy is not None and isinstance(value, numpy.generic) and not isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        scalar = value.item()
        if type(scalar) in _SCALARS:
            return scalar
    advice = {
        "tuple": "make it a list",
        "set": "make it a sorted list",
        "ndarray": "use .tolist(), or NumpyTarget",
        "datetime64": "make it a str",
        "timedelta64": "make it a number",
    }
    raise RoundTripError(
        f"{where} is a {kind.__module__}.{kind.__qualname__}, which JSON cannot give back: "
        f"{advice.get(kind.__name__, 'convert it, or use PickleTarget')}"
    )

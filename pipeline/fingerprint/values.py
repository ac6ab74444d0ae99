"""Values of names as text to be hashed: plain values all the way down, the same in every process; None for all others."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import pathlib
from typing import Any

from pipeline.fingerprint.inside import is_a
from targets import seal

_SCALARS = (str, int, float, bool, bytes, complex, type(None))
_PLAIN = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, fractions.Fraction, pathlib.PurePath)
#: So many values in one are hashed; what is larger is data, and belongs into a step.
_MOST = 100_000


def is_scalar(value: Any) -> bool:
    """Whether a value is immutable all the way down, and small."""
    if is_a(value, (tuple, frozenset)):
        return len(value) <= 1000 and all(is_scalar(item) for item in value)
    return type(value) in _SCALARS


def is_fixed(value: Any) -> bool:
    """Whether a plain value cannot change after it was made."""
    if is_a(value, (tuple, frozenset)):
        return all(is_fixed(item) for item in value)
    return type(value) in _SCALARS or is_a(value, (*_PLAIN, enum.Enum))


def text(value: Any) -> str | None:
    """None for what is not plain: it may differ from process to process and mean the same."""
    try:
        return _text(value, [_MOST])
    except Exception:  # it is not plain, contains itself, or does not answer
        return None


class _NotPlain(Exception):
    pass


def _text(value: Any, left: list[int]) -> str:
    left[0] -= 1
    if left[0] < 0:
        raise _NotPlain
    kind = type(value)
    if kind in _SCALARS:
        return repr(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(value, enum.Enum):
        return f"{name}.{value.name}={_text(value.value, left)}"
    if isinstance(value, _PLAIN):
        return f"{name}:{value!r}"
    if isinstance(value, dict):
        return f"{name}{{{','.join(f'{_text(key, left)}:{_text(item, left)}' for key, item in list(value.items()))}}}"
    if isinstance(value, (list, tuple)):
        return f"{name}[{','.join([_text(item, left) for item in value])}]"
    if isinstance(value, (set, frozenset)):
        return f"{name}[{','.join(sorted([_text(item, left) for item in value]))}]"
    if dataclasses.is_dataclass(value):
        return f"{name}({','.join([_text(getattr(value, item.name), left) for item in dataclasses.fields(value)])})"
    if callable(getattr(kind, "model_dump", None)):  # pydantic's; a client would be asked for it over the network
        return f"{name}({_text(value.model_dump(), left)})"
    if name == "re.Pattern":
        return f"{name}:{value.pattern!r}{value.flags}"
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == () and not value.dtype.hasobject:  # a scalar of numpy's
        return f"{name}:{value.item()!r}"
    if name == "numpy.ndarray" and not value.dtype.hasobject:
        return f"{name}:{value.dtype.str}{value.shape}{seal.digest(value.tobytes())}"
    raise _NotPlain

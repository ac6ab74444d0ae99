"""Keys: parameter values turned into bytes, so that different values never meet.

`encode` is injective over everything it takes: `1`, `"1"`, `1.0`, `True`, `None`, `""` and `-0.0` all differ,
a list is a tuple (Luigi makes it one), a dict does not depend on its order. It never uses `hash()`, `repr` of
arbitrary objects or anything that changes between processes, machines or versions. A value that it does not
know is refused, with its place in the parameter.

The format is frozen: `tests/golden_keys.json` fails when a change would lose every stored output.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import math
import pathlib
import re
import struct
import sys
import unicodedata
import uuid
from collections.abc import Mapping
from typing import Any

from luigi.date_interval import DateInterval
from luigi.freezing import FrozenOrderedDict

from pipeline.errors import ParameterError
from pipeline.ours import Ours
from pipeline.secrets import Secret, hashed
from targets import seal

SLUG_LENGTH = 80


class Unencodable(Exception):
    """A value that has no stable bytes; carries its place."""


def key_of(family: str, encoded: list[tuple[str, bytes]]) -> str:
    """The key of a task: its family and the encoded values of its significant parameters, by name."""
    parts = [_text(b"F", family)]
    for name, raw in sorted(encoded):
        parts.append(_text(b"P", name))
        parts.append(raw)
    return seal.short_digest(b"".join(parts))


def encode(value: Any) -> bytes:
    """Bytes that stand for this value and its type, and for no other."""
    kind = type(value)
    known = _ENCODERS.get(kind)
    if known is not None:
        return known(value)  # type: ignore[no-any-return]
    return _encode_other(value)


def freeze(value: Any) -> Any:
    """The value with lists, sets and dicts made immutable, all the way down; numpy scalars become Python's."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is list or kind is tuple:
        return tuple([freeze(item) for item in value])
    if isinstance(value, (FrozenOrderedDict, dict)):
        return FrozenOrderedDict((name, freeze(item)) for name, item in value.items())
    if isinstance(value, (set, frozenset)):
        return frozenset(freeze(item) for item in value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic) and not isinstance(value, (numpy.datetime64, numpy.timedelta64)):
        return value.item()
    return value


def _text(tag: bytes, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return tag + len(raw).to_bytes(4, "big") + raw


def _sequence(tag: bytes, items: list[bytes]) -> bytes:
    return tag + len(items).to_bytes(4, "big") + b"".join(len(item).to_bytes(4, "big") + item for item in items)


def _encode_int(value: int) -> bytes:
    try:
        return _text(b"i", str(value))
    except ValueError:  # Python refuses to write thousands of digits, so no record and no command line could hold it
        raise Unencodable(": an int of more digits than Python writes") from None


def _encode_float(value: float) -> bytes:
    return b"f" + (b"nan" if math.isnan(value) else struct.pack(">d", value))


def _encode_items(tag: bytes, values: Any) -> bytes:
    items = []
    for at, item in enumerate(values):
        try:
            items.append(encode(item))
        except Unencodable as error:
            raise Unencodable(f"[{at}]{error}") from None
    return _sequence(tag, items)


def _encode_mapping(value: Mapping[Any, Any]) -> bytes:
    pairs = []
    for name, item in value.items():
        try:
            pairs.append(_sequence(b":", [encode(name), encode(item)]))
        except Unencodable as error:
            raise Unencodable(f"[{name!r}]{error}") from None
    return _sequence(b"m", sorted(pairs))


def _encode_datetime(value: datetime.datetime) -> bytes:
    parts = [value.replace(tzinfo=None, fold=0).isoformat(), _zone(value.tzinfo), str(value.utcoffset()), str(getattr(value, "nanosecond", 0))]
    return _sequence(b"D", [_text(b"s", part) for part in parts])


def _zone(zone: datetime.tzinfo | None) -> str:
    if zone is None:
        return ""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if not name and type(zone).__str__ is object.__str__ and type(zone).__repr__ is object.__repr__:
        raise Unencodable(f": a time zone {type(zone).__module__}.{type(zone).__qualname__}, whose text is its address in memory,")
    return str(name or zone)


_ENCODERS: dict[type, Any] = {
    str: lambda value: _text(b"s", value),
    int: _encode_int,
    bool: lambda value: b"b1" if value else b"b0",
    float: _encode_float,
    type(None): lambda _: b"n",
    bytes: lambda value: b"y" + len(value).to_bytes(8, "big") + value,
    complex: lambda value: b"c" + _encode_float(value.real) + _encode_float(value.imag),
    tuple: lambda value: _encode_items(b"t", value),
    list: lambda value: _encode_items(b"t", value),
    datetime.date: lambda value: _text(b"d", value.isoformat()),
    datetime.datetime: _encode_datetime,
    datetime.time: lambda value: _text(b"T", f"{value.isoformat()} {_zone(value.tzinfo) or None}"),
    datetime.timedelta: lambda value: _text(b"L", f"{value.days} {value.seconds} {value.microseconds}"),
    decimal.Decimal: lambda value: _text(b"N", str(value.as_tuple())),
    fractions.Fraction: lambda value: _text(b"R", f"{value.numerator}/{value.denominator}"),
    uuid.UUID: lambda value: _text(b"u", value.hex),
    FrozenOrderedDict: _encode_mapping,
    dict: _encode_mapping,
}
_ENCODERS[Secret] = lambda value: b"!" + hashed(str.__str__(value))
_ATOMS = frozenset({str, int, bool, float, type(None), bytes, datetime.date, datetime.datetime, datetime.timedelta})


def _encode_other(value: Any) -> bytes:
    kind = type(value)
    if isinstance(value, enum.Enum):
        return _sequence(b"e", [_text(b"s", kind.__qualname__), _text(b"s", value.name or str(value.value))])
    if isinstance(value, Ours):
        return _text(b"k", value.key)
    if isinstance(value, (set, frozenset)):
        return _sequence(b"S", sorted(encode(item) for item in value))
    if isinstance(value, pathlib.PurePath):
        return _text(b"p", value.as_posix())
    if isinstance(value, re.Pattern):
        return _sequence(b"x", [encode(value.pattern), encode(value.flags)])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _sequence(b"o", [_text(b"s", kind.__qualname__), _encode_items(b"t", value)])
    if isinstance(value, Mapping):
        return _encode_mapping(value)
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None and not isinstance(value, type):
        return _sequence(b"o", [_text(b"s", kind.__qualname__), _encode_mapping({name: getattr(value, name) for name in fields})])
    if isinstance(value, (tuple, list)):
        return _encode_items(b"t", value)
    if isinstance(value, DateInterval):  # a month is not the days that it has, as Luigi sees it
        return _sequence(b"I", [_text(b"s", kind.__qualname__), encode(value.date_a), encode(value.date_b)])
    return _encode_numeric(value)


def _encode_numeric(value: Any) -> bytes:
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, (numpy.datetime64, numpy.timedelta64)):
            return _text(b"v", f"{value.dtype} {value}")
        if isinstance(value, numpy.generic) and type(value.item()) is not type(value):  # a longdouble stays one, and differs between machines
            return encode(value.item())
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        if value is pandas.NaT or value is pandas.NA:
            return _text(b"v", repr(value))
        if isinstance(value, pandas.Timestamp):
            return _encode_datetime(value)
        if isinstance(value, pandas.Timedelta):
            return _text(b"L", f"{value.days} {value.seconds} {value.microseconds} {value.nanoseconds}")
    # Subclasses of scalars (an application's own `class Name(str)`) count as what they are made of.
    for base in (int, float, str, bytes):
        if isinstance(value, base):
            return encode(base.__new__(base, value))  # type: ignore[type-var,arg-type]
    for kind in (datetime.datetime, datetime.date):
        if isinstance(value, kind):
            return bytes(_ENCODERS[kind](value))
    raise Unencodable(f": a {type(value).__module__}.{type(value).__qualname__}")


def encode_parameter(task: str, name: str, parameter: Any, value: Any) -> bytes:
    """Like `encode`; parameters of an app's own kind may say with `serialize` what their values stand for."""
    try:
        return encode(value)
    except Unencodable as error:
        import luigi

        if type(parameter).serialize is not luigi.Parameter.serialize:
            return _sequence(b"z", [_text(b"s", type(parameter).__qualname__), _text(b"s", parameter.serialize(value))])
        raise ParameterError(
            f"{task}.{name}{error} cannot be a parameter, since it has no value that stays the same from run to run. "
            f"Pass what it is made from, make it in a step of its own and require that, or give {name} a luigi.Parameter "
            f"class with serialize() and parse()"
        ) from None
    except RecursionError:
        raise ParameterError(f"{task}.{name} is nested too deeply, or contains itself") from None


def readable(parameter: Any, value: Any) -> str | None:
    """A short value as text, None for what would make a long name."""
    if isinstance(value, (str, int, float)):
        return str(value)
    return parameter.serialize(value) if isinstance(value, _SHORT) else None  # type: ignore[no-any-return]


def slug_of(texts: list[tuple[str, str]]) -> str:
    """A readable, bounded, portable piece of a file name made from parameters; the key does the telling apart."""
    words = "-".join([f"{name}-{text}" for name, text in texts])
    plain = words if words.isascii() else unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return _OTHER_THAN_WORDS.sub("-", plain)[:SLUG_LENGTH].strip("-").lower()


def same_as_files(names: list[str]) -> tuple[str, str] | None:
    """Two names that some file systems take for one, if there are any."""
    seen: dict[str, str] = {}
    for name in names:
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if plain in seen:
            return seen[plain], name
        seen[plain] = name
    return None


@functools.lru_cache(maxsize=1024)
def folder_name(name: str) -> str:
    """A namespace or family as a folder: names that a file system could mistake get a piece of their digest."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("._-").rstrip("._")[:100].rstrip("._")
    first = safe.split(".")[0]
    is_taken = first.upper() in _RESERVED or _KEY_AT_END.search(first) is not None
    if safe == name and not is_taken:
        return safe
    if is_taken:
        safe = safe.replace(".", "_")  # NUL.txt is as reserved as NUL is
    return f"{safe or 'x'}-{seal.short_digest(name.encode('utf-8', 'surrogatepass'))[:8]}"


_SHORT = (datetime.date, datetime.timedelta, enum.Enum, pathlib.PurePath, DateInterval)
_OTHER_THAN_WORDS = re.compile(r"[^A-Za-z0-9]+")
#: A folder with a key in its name would be taken for an output.
_KEY_AT_END = re.compile(r"[0-9a-f]{32}$")
_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"COM{n}" for n in range(10)), *(f"LPT{n}" for n in range(10))})

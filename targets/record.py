"""The record: small JSON beside an output that says what made it. Written last, it is the commit point.

Promises: a record that parses is exactly what was written (it carries its own checksum; one flipped bit
is a `RecordError`), records of older schema versions are read, a newer one is a `NewerRecordError` that
says so and is never overwritten. The requirements of a step are kept compactly once there are many.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from targets import seal
from targets.errors import NewerRecordError, RecordError

SCHEMA = 1
SUFFIX = ".record.json"
COMPACT_FROM = 65

_KEY_BYTES = 16
_IDENTITY_BYTES = 32


# Nobody changes a part or a record. They are not frozen, since that makes creating one, with all its fields, four times as dear.
@dataclass(slots=True)
class Part:
    """One stored file or directory of an output. A step with one output has one part, named ''."""

    name: str
    file: str
    format: str
    digest: str
    size: int
    kind: str = "file"
    columns: Mapping[str, str] | None = None
    #: The Python that has compiled the functions in it, where it holds any.
    bytecode: str = ""
    #: The joined digests and checksums of its pieces, where it has several.
    pieces: bytes = b""
    checksums: bytes = b""

    @classmethod
    def of(cls, sealed: seal.Seal, name: str, file: str, format: str, size: int, **more: Any) -> Part:
        return cls(name, file, format, sealed.digest, size, pieces=sealed.pieces, checksums=sealed.checksums, **more)


class Input(NamedTuple):
    """One requirement as it was when the output was made: where it stood, which task, which content."""

    path: str
    task: str
    key: str
    identity: str


class Inputs(Sequence[Input]):
    """All requirements of a step. Thousands of them are kept as packed keys and identities."""

    __slots__ = ("_identities", "_keys", "_label", "_paths", "_rows")

    def __init__(self, rows: Sequence[Input] = ()) -> None:
        self._rows: tuple[Input, ...] | None = tuple(rows)
        self._paths = seal.combine(row.path for row in self._rows) if len(self._rows) >= COMPACT_FROM else ""
        self._keys = b"".join(bytes.fromhex(row.key) for row in self._rows) if self._paths else b""
        self._identities = b"".join(bytes.fromhex(row.identity) for row in self._rows) if self._paths else b""
        self._label = ""

    def __len__(self) -> int:
        return len(self._rows) if self._rows is not None else len(self._keys) // _KEY_BYTES

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if self._rows is not None:
            return self._rows[index]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        at = index % len(self)
        return Input("", self._label, self.key_at(at), self.identity_at(at))

    def __iter__(self) -> Iterator[Input]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inputs) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(seal.combine(row.identity for row in self))

    def __repr__(self) -> str:
        return f"Inputs({len(self)})"

    def key_at(self, at: int) -> str:
        if self._rows is not None:
            return self._rows[at].key
        return self._keys[at * _KEY_BYTES : (at + 1) * _KEY_BYTES].hex()

    def identity_at(self, at: int) -> str:
        if self._rows is not None:
            return self._rows[at].identity
        return self._identities[at * _IDENTITY_BYTES : (at + 1) * _IDENTITY_BYTES].hex()

    def structure_matches(self, today: Sequence[tuple[str, str]]) -> str | None:
        """None where today's (path, key) pairs are those recorded, else words that say what differs."""
        if self._rows is not None:
            return _structure_difference(self._rows, today)
        if len(today) != len(self):
            return f"{len(today)} requirements instead of {len(self)}"
        if seal.combine(path for path, _ in today) != self._paths:
            return "the requirements have other names or places"
        for at, (path, key) in enumerate(today):
            if self.key_at(at) != key:
                return f"inputs{path} is another task"
        return None

    def to_json(self) -> Any:
        if self._rows is not None and not self._paths:
            return list(self._rows)
        families = self._label or ", ".join(sorted({row.task.split("(")[0] for row in self._rows or ()}))
        return {
            "count": len(self),
            "families": families,
            "paths": self._paths,
            "keys": base64.b64encode(self._keys).decode(),
            "identities": base64.b64encode(self._identities).decode(),
        }

    @classmethod
    def from_json(cls, value: Any) -> Inputs:
        if isinstance(value, list):
            return cls([Input(*row) for row in value])
        inputs = cls()
        inputs._rows = None
        inputs._paths = value["paths"]
        inputs._label = value["families"]
        inputs._keys = base64.b64decode(value["keys"], validate=True)
        inputs._identities = base64.b64decode(value["identities"], validate=True)
        if len(inputs._keys) != value["count"] * _KEY_BYTES or len(inputs._identities) != value["count"] * _IDENTITY_BYTES:
            raise RecordError("the packed requirements have the wrong length")
        return inputs


def _structure_difference(rows: Sequence[Input], today: Sequence[tuple[str, str]]) -> str | None:
    # By name or position: the order in which a dict names its requirements means nothing.
    now = dict(today)
    then = {row.path: row for row in rows}
    for path, row in then.items():
        if path not in now:
            return f"inputs{path} ({row.task}) is no longer required"
        if now[path] != row.key:
            return f"inputs{path} is another task than {row.task}"
    for path in now:
        if path not in then:
            return f"inputs{path} is new"
    return None


class Constant(dict[str, Any]):
    """A mapping that the records of a run share and nobody changes: its JSON is made once."""

    @functools.cached_property
    def text(self) -> str:
        return _encode(dict(self))


@dataclass(slots=True)
class Record:
    """What made an output, and what the output is."""

    family: str = ""
    module: str = ""
    key: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    code: Mapping[str, str] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=Inputs)
    dynamic: tuple[Mapping[str, Any], ...] = ()
    parts: tuple[Part, ...] = ()
    digest: str = ""
    size: int = 0
    #: The digest of the side files, where there are any, and how many bytes they have.
    directory: str | None = None
    directory_size: int = 0
    identity: str | None = None
    pickled: Mapping[str, str] = field(default_factory=dict)
    trimmed: bool = False
    wanted: bool = False
    accepted: Mapping[str, Any] = field(default_factory=dict)
    drift: tuple[str, ...] = ()
    #: Why somebody could not read it (`reason`), and with which versions of libraries (`with`).
    unreadable: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    started: float = 0.0
    duration: float = 0.0
    host: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    git: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""
    #: As it was read: the signature, and the bytes that it is for. Neither is written again.
    signature: str = field(default="", compare=False)
    signed: bytes = field(default=b"", compare=False, repr=False)

    def part(self, name: str) -> Part:
        for part in self.parts:
            if part.name == name:
                return part
        raise RecordError(f"the record of {self.family} has no part {name!r}")

    def to_bytes(self, sign: Callable[[bytes], str] | None = None) -> bytes:
        """What is stored. `sign` makes the signature of the body, which is kept at its end."""
        # A value that was left at its default is left out: 100,000 records are read at every start.
        body: dict[str, Any] = {"schema": SCHEMA}
        constants = ""
        for name, value, default in zip(_DEFAULTS, _values(self), _DEFAULTS.values(), strict=True):
            if type(value) is Constant:
                constants += f',"{name}":{value.text}' if value else ""
            elif value is not default and value != default:
                body[name] = value
        if self.inputs:
            body["inputs"] = self.inputs.to_json()
        if self.parts:
            body["parts"] = [_part_json(part) for part in self.parts]
        raw = (_encode(body)[:-1] + constants + "}").encode("utf-8", "surrogatepass")
        if sign is not None:
            raw = raw[:-1] + _SIGNATURE + sign(raw).encode() + b'"}'
        return raw[:-1] + _SEPARATOR + seal.digest(raw).encode() + b'"}\n'

    @classmethod
    def from_bytes(cls, data: bytes) -> Record:
        """Parse and check; `RecordError` for anything that is not, bit for bit, a record that was written."""
        body_end = len(data) - _TRAILER
        if body_end < 2 or data[body_end : body_end + len(_SEPARATOR)] != _SEPARATOR or data[-3:] != b'"}\n':
            raise RecordError("no checksum at its end")
        raw = data[:body_end] + b"}"
        if seal.digest(raw).encode() != data[body_end + len(_SEPARATOR) : -3]:
            raise RecordError("its checksum does not match")
        try:
            text = raw.decode("utf-8", "surrogatepass")
            body, end = _decode(text)
            if end != len(text):
                raise RecordError("something stands behind its end")
            if "signature" in body:
                body["signed"] = _without_signature(raw, body["signature"])
            schema = body.pop("schema")
            if not isinstance(schema, int) or schema < 1:
                raise RecordError(f"its schema version is {schema!r}")
            if schema > SCHEMA:
                raise NewerRecordError(
                    f"its schema version is {schema}, this luigi-warp reads up to {SCHEMA}: update luigi-warp, or use another store"
                )
            for name, value in body.items():
                if name in _KINDS and not isinstance(value, _KINDS[name]):
                    raise RecordError(f"its {name} is {value!r:.40}")
            if "inputs" in body:
                body["inputs"] = Inputs.from_json(body["inputs"])
            if "parts" in body:
                body["parts"] = tuple(_part(part) for part in body["parts"])
            for name in ("dynamic", "drift"):
                if name in body:
                    body[name] = tuple(body[name])
            return cls(**body)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RecordError(f"it is no record: {error}") from error


def _without_signature(raw: bytes, signature: Any) -> bytes:
    ending = _SIGNATURE + str(signature).encode("utf-8", "surrogatepass") + b'"}'
    if not raw.endswith(ending):
        raise RecordError("its signature is not at its end")
    return raw[: -len(ending)] + b"}"


def _plain_mapping(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot stand in a record")


# A record that contains itself ends in a RecursionError, without its parts being kept track of.
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain_mapping, check_circular=False).encode
# `json.loads` looks for white space before and after, which is not there.
_decode = json.JSONDecoder().raw_decode
_SEPARATOR = b',"checksum":"'
_SIGNATURE = b',"signature":"'
_TRAILER = len(_SEPARATOR) + 64 + len(b'"}\n')
_DEFAULTS: dict[str, Any] = {
    item.name: (item.default if item.default is not dataclasses.MISSING else item.default_factory())  # type: ignore[misc,operator]
    for item in dataclasses.fields(Record)
    if item.name not in ("inputs", "parts", "signature", "signed")
}


#: Of which type what a record says must be: whoever may write there could put anything in its place.
_KINDS: dict[str, Any] = {
    **{
        name: (float, int) if isinstance(default, float) else type(default)
        for name, default in _DEFAULTS.items()
        if isinstance(default, (str, float, int, dict))
    },
    **dict.fromkeys(("identity", "directory"), (str, type(None))),
    "signature": str,
}


_values = operator.attrgetter(*_DEFAULTS)


_PACKED = ("pieces", "checksums")


def _part_json(part: Part) -> dict[str, Any]:
    body: dict[str, Any] = {"name": part.name, "file": part.file, "format": part.format, "digest": part.digest, "size": part.size}
    if part.kind != "file":
        body["kind"] = part.kind
    if part.columns is not None:
        body["columns"] = dict(part.columns)
    if part.bytecode:
        body["bytecode"] = part.bytecode
    for name in _PACKED:
        if packed := getattr(part, name):
            body[name] = base64.b64encode(packed).decode()
    return body


def _part(body: dict[str, Any]) -> Part:
    for name in _PACKED:
        if name in body:
            body[name] = base64.b64decode(body[name], validate=True)
    part = Part(**body)
    if (
        not all(isinstance(text, str) for text in (part.name, part.file, part.format, part.digest, part.kind, part.bytecode))
        or type(part.size) is not int
    ):
        raise TypeError(f"a part is {body!r:.80}")
    return part

"""An output of several parts, each in its own format, with one record for all of them.

Either all parts are there or none: they are committed together. A part can be loaded alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from targets.errors import DumpError, MissingOutputError, RecordError, TargetError
from targets.place import Place
from targets.record import Part, Record
from targets.store import Draft
from targets.target import Target


class PartsTarget(Target[dict[str, Any]]):
    """`{"name": value}` with a format for each name."""

    extension = "parts"
    # A target is one thing: without this, `for x in target` would try target[0], target[1], ...
    __iter__ = None

    def __init__(self, place: Place, formats: Mapping[str, type[Target[Any]]]) -> None:
        super().__init__(place)
        if "record" in formats:
            raise TargetError("an output cannot be named 'record', since its file could take the record's place: choose another name")
        self.parts: dict[str, Target[Any]] = {}
        self.runs_code = any(kind.runs_code for kind in formats.values())  # type: ignore[misc]
        for name, kind in formats.items():
            part = kind(place)
            part.part = name
            self.parts[name] = part

    def __getitem__(self, name: str) -> Target[Any]:
        if name not in self.parts:
            raise MissingOutputError(f"{self._owner()} has no output {name!r}: it has {', '.join(self.parts)}")
        return self.parts[name]

    @property
    def path(self) -> str:
        return self.store.where(self.place.stem)

    def save(self, value: dict[str, Any], draft: Draft) -> tuple[Part, ...]:
        if not isinstance(value, Mapping) or set(value) != set(self.parts):
            got = sorted(map(str, value)) if isinstance(value, Mapping) else f"a {type(value).__name__}"
            raise DumpError(f"{self._owner()} has the outputs {sorted(self.parts)}, and easy_run returned {got}: return a dict with these names")
        return tuple(part for name, target in self.parts.items() for part in target.save(value[name], draft))

    def named_code(self) -> frozenset[Any]:
        return frozenset().union(*(target.named_code() for target in self.parts.values()))

    def load_from(self, record: Record, **options: Any) -> dict[str, Any]:
        # All parts are those of one record: another writer may be committing the next.
        return {name: target.load_part(record.part(name), **options) for name, target in self.parts.items()}

    def open(self, mode: str = "r") -> IO[Any]:
        raise TargetError(f"{self._owner()} has several outputs: open one of them, as in target[{next(iter(self.parts))!r}].open()")

    def fits(self, record: Record) -> str | None:
        if {part.name for part in record.parts} != set(self.parts):
            return "it was stored in other parts"
        for name, target in self.parts.items():
            try:
                if record.part(name).format != target.format_name():
                    return f"the part {name!r} was stored as {record.part(name).format}"
            except RecordError as error:
                return str(error)
        return None

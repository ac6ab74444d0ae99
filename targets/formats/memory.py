"""Outputs without a file: kept in this process only, or not kept at all.

Neither has bytes that could be compared, so consumers depend on what the output was made from: the step's
code and the identities of its inputs.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar, TypeVar

from targets.errors import MissingOutputError
from targets.record import Part, Record
from targets.store import Draft, Stamp
from targets.target import Facts, Target, log_name

T = TypeVar("T")


class MemoryTarget(Target[T]):
    """A value kept in this process. Every reader gets the same object: treat it as read-only.

    A later process makes it again, but only if a step that must run needs it.
    """

    extension = "memory"
    identity_from_inputs = True
    in_memory = True

    _kept: ClassVar[dict[tuple[str, str], tuple[Any, Record]]] = {}

    @property
    def _where(self) -> tuple[str, str]:
        return self.store.url, f"{self.place.stem}.{self.part}"

    def find_record(self, through: Any = None) -> tuple[Record, Stamp] | None:
        kept = self._kept.get(self._where)
        return (kept[1], (id(kept),)) if kept else None

    def stamp(self) -> Stamp | None:
        kept = self._kept.get(self._where)
        return (id(kept),) if kept else None

    def dump(self, value: T, *, facts: Facts | None = None, draft: Draft | None = None, directory: os.PathLike[str] | None = None) -> Record:
        parts = (Part(self.part, "", self.format_name(), "", 0, kind="none"),)
        record = (facts or self._plain_facts)(None, parts=parts)
        kept = self._kept[self._where] = (value, record)
        self.dumped = (id(kept),)
        return record

    def what_is_wrong(self, record: Record, through: Any = None) -> tuple[str, str] | None:
        return None

    def load(self, **options: Any) -> T:
        kept = self._kept.get(self._where)
        if kept is None:
            raise MissingOutputError(f"{self._owner()} keeps its output in memory, and this process has not made it")
        return kept[0]  # type: ignore[no-any-return]

    def verify(self) -> None:
        return None

    def remove(self) -> None:
        self._kept.pop(self._where, None)
        self.store.delete(log_name(self))


class DummyTarget(Target[None]):
    """For steps that are run for what they do, not for what they return: only the record is kept; loads None."""

    extension = "done"
    identity_from_inputs = True

    def save(self, value: Any, draft: Draft) -> tuple[Part, ...]:
        return (Part(self.part, "", self.format_name(), "", 0, kind="none"),)

    def what_is_wrong(self, record: Record, through: Any = None) -> tuple[str, str] | None:
        return None

    def load_part(self, part: Part, **options: Any) -> None:
        return None

"""Any `luigi.Target` class of an app's own, with `dump` and `load`, as a `target_type`.

The app's class decides where and how its data are stored; the record is kept in our store beside it. Its
consumers depend on the content of its local file where it has one, and on what it was made from otherwise.
"""

from __future__ import annotations

import inspect
import os
from typing import IO, Any

import luigi
import luigi.target

from targets import seal
from targets.errors import DamagedError, DumpError, MissingOutputError
from targets.place import Place
from targets.record import Part, Record
from targets.store import Draft
from targets.target import Target, insist_on_reading


class ForeignTarget(Target[Any]):
    """Our contract around somebody else's target."""

    extension = "foreign"

    def __init__(self, place: Place, inner: luigi.target.Target) -> None:
        super().__init__(place)
        self.inner = inner
        self.identity_from_inputs = self._file() is None  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def path(self) -> str:
        return str(getattr(self.inner, "path", self.inner))

    def _file(self) -> str | None:
        path = getattr(self.inner, "path", None)
        return path if isinstance(path, str) and isinstance(self.inner, luigi.LocalTarget) else None

    def save(self, value: Any, draft: Draft) -> tuple[Part, ...]:
        if self._file() is None:
            # No digest could tell half of a write: the old record must not vouch for it.
            self.store.delete(self.place.record_name)
        self.inner.dump(value)  # type: ignore[attr-defined]
        if not self.inner.exists():
            raise DumpError(f"{type(self.inner).__name__}.dump() returned, but its exists() says there is nothing")
        file = self._file()
        if file is None or not os.path.isfile(file):
            return (Part(self.part, "", self.format_name(), "", 0, kind="none"),)
        return (Part(self.part, "", self.format_name(), seal.file_digest(file), os.stat(file).st_size, kind="foreign"),)

    def what_is_wrong(self, record: Record, through: Any = None) -> tuple[str, str] | None:
        if not self.inner.exists():
            return "MISSING", f"{self.path} is gone"
        part = record.parts[0]
        file = self._file()
        if part.kind == "foreign" and file and os.stat(file).st_size != part.size:
            return "DAMAGED", f"{file} has another size"
        return None

    def load(self, **options: Any) -> Any:
        self._insist_on_what_was_written()
        return self.inner.load(**options)  # type: ignore[attr-defined]

    def _insist_on_what_was_written(self) -> None:
        record = self.record
        self.insist_on_trust(record)
        part = record.part(self.part)
        file = self._file()
        if not self.inner.exists():
            raise MissingOutputError(f"{self.path} is gone while its record is there: build {self._owner()} again")
        if part.kind == "foreign" and file and seal.file_digest(file) != part.digest:
            raise DamagedError(f"{file} is not what was written")

    def open(self, mode: str = "r") -> IO[Any]:
        """As the app's class opens it, once it was verified."""
        insist_on_reading(mode, self.path)
        self._insist_on_what_was_written()
        return self.inner.open(mode)  # type: ignore[attr-defined,no-any-return]

    def verify(self) -> None:
        file = self._file()
        if file and self.record.parts[0].kind == "foreign" and seal.file_digest(file) != self.record.parts[0].digest:
            raise DamagedError(f"{file} is not what was written")

    def remove(self) -> None:
        if hasattr(self.inner, "remove") and self.inner.exists():
            self.inner.remove()
        super().remove()

    def fits(self, record: Record) -> str | None:
        return None if record.parts and record.parts[0].format == self.format_name() else "it was stored in another format"


def make_foreign(kind: type[luigi.target.Target], place: Place, task: Any) -> ForeignTarget:
    """An instance of the app's class: it is given the task if it asks for one, else a path in the store."""
    parameters = [p for p in inspect.signature(kind).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if parameters and parameters[0].name == "task":
        inner = kind(task)  # type: ignore[call-arg]
    elif parameters and parameters[0].name == "path":
        extension = getattr(kind, "extension", None) or getattr(kind, "FILE_EXT", "out")
        path = place.store.where(f"{place.stem}.{extension}")
        if "://" not in path:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        inner = kind(path)  # type: ignore[call-arg]
    else:
        inner = kind()
    return ForeignTarget(place, inner)

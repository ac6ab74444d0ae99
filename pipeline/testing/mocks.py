"""`mock_outputs`: outputs that are given instead of made.

Promises: the tasks that are named count as current and load as what was given, in builds, in `load()` and for `complete()`; what they
require is not looked at. Whatever is made from them goes into a temporary store.
"""

from __future__ import annotations

import contextlib
import copy
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import instead
from pipeline.errors import MockError
from pipeline.sameness import stable_digest
from pipeline.task import BaseTask, ExternalFile, Part, Task, WrapperTask
from pipeline.testing.stores import some_store
from targets import Target
from targets.errors import DumpError, MissingOutputError, TargetError
from targets.place import Place
from targets.store import Stamp


@contextlib.contextmanager
def mock_outputs(given: Mapping[Any, Any]) -> Iterator[None]:
    """`with mock_outputs({Ingest: frame, Train(l2=0.1): model}):` A class stands for all its tasks; a task goes before its class."""
    before = instead.outputs
    with some_store():
        instead.outputs = _Mocks(given, before)
        try:
            yield
        finally:
            instead.outputs = before


class _Mocks:
    def __init__(self, given: Mapping[Any, Any], outer: instead.Mocks | None) -> None:
        self._outer = outer
        self._by_class: dict[type, _Mock] = {}
        self._by_task: dict[str, _Mock] = {}
        for whose, value in given.items():
            if isinstance(whose, type) and issubclass(whose, BaseTask) and not issubclass(whose, (WrapperTask, Part)):
                self._by_class[whose] = _Mock(value)
            elif isinstance(whose, (Task, ExternalFile)) and not isinstance(whose, WrapperTask):
                self._by_task[whose.task_id] = _Mock(value)
            else:
                raise MockError(_why_not(whose))

    def of(self, task: Any) -> instead.Mock | None:
        found = self._by_task.get(task.task_id)
        if found is None and self._by_class:
            found = next((self._by_class[kind] for kind in type(task).__mro__ if kind in self._by_class), None)
        return found or (self._outer.of(task) if self._outer is not None else None)


def _why_not(whose: Any) -> str:
    kind = whose if isinstance(whose, type) else type(whose)
    if issubclass(kind, WrapperTask):
        return f"{kind.__name__} has no output that could be given: give those of what it requires"
    if isinstance(whose, Part):
        return f"{whose!r} is one of several outputs: give {{{type(whose.owner).__name__}: {{{whose.name!r}: ...}}}}"
    return f"{whose!r} is neither a task of pipeline nor a class of such: outputs are given as {{Ingest: frame}} or {{Ingest(rows=5): frame}}"


class _Mock:
    def __init__(self, value: Any) -> None:
        self.value = value
        try:
            self.identity = stable_digest(value)
        except Exception:  # it cannot be pickled: equal to nothing but itself
            self.identity = uuid.uuid4().hex

    def target(self, task: Any) -> Target[Any]:
        target = GivenTarget(Place(task.store, task._stem), self.value)
        target.task = task
        return target

    def load(self) -> Any:
        return copied(self.value)


class GivenTarget(Target[Any]):
    """An output that a test has given. Every reader gets a copy of its own, as of what is stored."""

    extension = "given"
    __iter__ = None

    def __init__(self, place: Place, value: Any) -> None:
        super().__init__(place)
        self._value = value

    def __getitem__(self, name: str) -> GivenTarget:
        if not isinstance(self._value, Mapping) or name not in self._value:
            raise MissingOutputError(f"what was given for {self.task!r} has no {name!r}: give a dict with all of its outputs")
        return GivenTarget(self.place, self._value[name])

    def find_record(self, through: Any = None) -> None:
        return None

    def stamp(self) -> Stamp | None:
        return None

    def exists(self) -> bool:
        return True

    def load(self, **options: Any) -> Any:
        value = copied(self._value)
        columns = options.get("columns")
        return value[list(columns)] if columns is not None and hasattr(value, "columns") else value

    def open(self, mode: str = "r") -> Any:
        raise TargetError(f"the output of {self.task!r} was given by a test, and is no file that could be opened: load() it")

    def dump(self, value: Any, **_: Any) -> Any:
        raise DumpError(f"the output of {self.task!r} was given by a test, and cannot be written")

    def remove(self) -> None:
        """It was never there."""


def copied(value: Any) -> Any:
    """A copy, or the value itself where there can be none."""
    try:
        return copy.deepcopy(value)
    except Exception:
        return value

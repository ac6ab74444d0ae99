"""Forcing: tasks that are to run although they are current.

A name is a family, a class, a task, the beginning of a key (4 characters or more), or `all`; with `+` at its end, everything
that needs such a task is forced as well. A name that fits nothing is an `UnknownTaskError`: silently forcing nothing
would look like success. Tasks are chosen by name so for other commands as well.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

import luigi

from pipeline.errors import UnknownTaskError
from pipeline.ours import name_of


class Forcing:
    """What is forced in one run. `among`: nothing but these tasks, whatever needs them."""

    def __init__(self, names: Any = (), *, among: Iterable[Any] | None = None) -> None:
        given = [names] if isinstance(names, (str, type, luigi.Task)) else names or ()
        if not isinstance(given, Iterable):
            raise UnknownTaskError(f"force is {names!r}: it must be tasks, classes, families or 'all'")
        #: (name, whether what needs it is forced too)
        self._names = [_parsed(name) for name in given]
        self._among = None if among is None else {name_of(task) for task in among}
        self._used: set[str] = set()
        self._below: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._names)

    def look_at(self, task: Any, requirements: Iterable[Any]) -> None:
        """Called for each task of the graph after its requirements."""
        if self._among is not None and name_of(task) not in self._among:
            return
        for name, downwards in self._names:
            if _fits(name, task):
                self._used.add(name)
                if downwards and self._among is None:
                    self._below.add(task.task_id)
        if self._below and any(required.task_id in self._below for required in requirements):
            self._below.add(task.task_id)

    def why(self, task: Any) -> str | None:
        """Words where a task is forced."""
        if self._among is not None and name_of(task) not in self._among:
            return None
        for name, _ in self._names:
            if _fits(name, task):
                return f"--force {name}"
        return "what it needs was forced with +" if task.task_id in self._below else None

    def insist(self, tasks: Iterable[Any]) -> None:
        """`UnknownTaskError` for a name that fits none of the planned tasks."""
        for name, _ in self._names:
            if name not in self._used and name != "all":
                families = sorted({task.get_task_family() for task in tasks})
                close = difflib.get_close_matches(name, families, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(families)}"
                raise UnknownTaskError(f"nothing that is to be built is named {name!r}: {hint}")


def _parsed(name: Any) -> tuple[str, bool]:
    if isinstance(name, luigi.Task):
        return name_of(name), False
    if isinstance(name, type):
        if not issubclass(name, luigi.Task):
            raise UnknownTaskError(f"force names {name.__name__}, which is no class of tasks")
        return name.get_task_family(), False
    if not isinstance(name, str):
        raise UnknownTaskError(f"force names {name!r}, which is neither a task nor the name of one")
    return name.removesuffix("+"), name.endswith("+")


def _fits(name: str, task: Any) -> bool:
    if name == "all" or name in (task.get_task_family(), type(task).__name__):
        return True
    return len(name) >= 4 and name_of(task).startswith(name)

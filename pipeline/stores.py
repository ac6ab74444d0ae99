"""Which stores tasks use: where their outputs live, and where the history of their runs is.

A run's entry is in the store of the first of its tasks that stores something, terminal tasks first; where there is none, in the store that code or
configuration names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline import settings
from pipeline.scope import Scope
from pipeline.task import Task, WrapperTask
from targets.opening import open_store
from targets.store import Store


def of_tasks(roots: Iterable[Any], scope: Scope) -> list[Store]:
    """Every store of these tasks and of what they need; the one with the history first."""
    found: dict[str, Store] = {}
    for task in _storing(roots, scope):
        store = task.store
        found.setdefault(store.url, store)
    return list(found.values()) or [default()]


def of_history(roots: Iterable[Any], scope: Scope) -> Store:
    """The store with the history of runs that make these tasks."""
    first = next(_storing(roots, scope), None)
    return first.store if first is not None else default()  # type: ignore[no-any-return]


def default() -> Store:
    """The store where no task names one."""
    chosen = Task.TARGET_DIR
    return open_store(settings.target_dir() if chosen is None else os.fspath(chosen))


def _storing(roots: Iterable[Any], scope: Scope) -> Iterator[Any]:
    """Tasks with a store, the roots first; nothing is looked at through a plain Luigi task."""
    waiting = list(reversed(list(roots)))
    seen: set[str] = set()
    for task in reversed(waiting):
        if has_store(task):
            yield task
    while waiting:
        task = waiting.pop()
        if task.task_id in seen or not hasattr(task, "_first_look"):
            continue
        seen.add(task.task_id)
        if has_store(task):
            yield task
        waiting += [required for _, required in reversed(scope.requirements(task)[1])]


def has_store(task: Any) -> bool:
    """Whether it is a step with an output of its own."""
    return isinstance(task, Task) and not isinstance(task, WrapperTask)

"""How two runs differ: code, parameters, inputs' content, versions and results.

Promises: compares what the history keeps of both, and decodes nothing. A result is said to differ only where the identity of both is known. Code is
shown as far as the store still has the sources of both fingerprints; that it differs is known without them.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.columns import TaskEntry
from pipeline.entries import RunEntry
from pipeline.fingerprint import kept
from targets.store import Store

#: Families with more tasks in one run alone are listed without looking for what became of which.
_PAIRED = 200
Change = tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class Differences:
    """What is other in the second run than in the first."""

    one: RunEntry
    other: RunEntry
    versions: Mapping[str, Change]
    #: Commit, dirty flag, host, user, command.
    circumstances: Mapping[str, Change]
    #: A unified diff by family; empty where the sources are not known any more.
    code: Mapping[str, str]
    #: (task of the first run, task of the second, what differs); one of them None where there is no counterpart.
    parameters: tuple[tuple[TaskEntry | None, TaskEntry | None, Mapping[str, Change]], ...]
    #: (task, requirements of it with another content).
    inputs: tuple[tuple[TaskEntry, tuple[TaskEntry, ...]], ...]
    results: tuple[tuple[TaskEntry, TaskEntry], ...]
    #: Tasks that came to an end in one of the runs and not in the other.
    ends: tuple[tuple[TaskEntry, TaskEntry], ...]

    def __bool__(self) -> bool:
        return bool(self.versions or self.code or self.parameters or self.results or self.ends)


def between(store: Store, one: RunEntry, other: RunEntry) -> Differences:
    before = {(task.family, task.key): task for task in one.tasks}
    after = {(task.family, task.key): task for task in other.tasks}
    common = [(task, after[name]) for name, task in before.items() if name in after]
    changed = {(new.family, new.key) for old, new in common if old.result and new.result and old.result != new.result}
    return Differences(
        one=one,
        other=other,
        versions=_changes(one.versions, other.versions),
        circumstances=_changes(_circumstances(one), _circumstances(other)),
        code=dict(_code(store, one.tasks, other.tasks)),
        parameters=tuple(
            _parameters([task for name, task in before.items() if name not in after], [task for name, task in after.items() if name not in before])
        ),
        inputs=tuple(_inputs(other, changed)),
        results=tuple((old, new) for old, new in common if (new.family, new.key) in changed),
        ends=tuple((old, new) for old, new in common if _is_there(old) != _is_there(new)),
    )


def _circumstances(entry: RunEntry) -> dict[str, Any]:
    return {"commit": entry.git.get("commit"), "dirty": entry.git.get("dirty"), "host": entry.host, "user": entry.user, "command": entry.command}


def _changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Change]:
    return {name: (one.get(name), other.get(name)) for name in dict.fromkeys([*one, *other]) if one.get(name) != other.get(name)}


def _is_there(task: TaskEntry) -> bool:
    return task.state in ("ran", "kept")


def _code(store: Store, one: Iterable[TaskEntry], other: Iterable[TaskEntry]) -> Iterable[tuple[str, str]]:
    before, after = ({task.family: task.fingerprint for task in tasks if task.fingerprint} for tasks in (one, other))
    for family, fingerprint in before.items():
        now = after.get(family, fingerprint)
        if now != fingerprint:
            yield family, kept.diff_of_two(store, fingerprint, now)


def _parameters(gone: list[TaskEntry], new: list[TaskEntry]) -> Iterable[tuple[TaskEntry | None, TaskEntry | None, Mapping[str, Change]]]:
    """Tasks of one run alone, each beside the one of its family that differs from it in fewest parameters."""
    waiting: dict[str, list[TaskEntry]] = defaultdict(list)
    for task in new:
        waiting[task.family].append(task)
    many = {task.family for task in gone if len(waiting[task.family]) > _PAIRED}
    for task in gone:
        candidates = [] if task.family in many else waiting[task.family]
        if candidates:
            nearest = min(candidates, key=lambda found: len(_changes(task.params, found.params)))
            candidates.remove(nearest)
            yield task, nearest, _changes(task.params, nearest.params)
        else:
            yield task, None, {}
    for family in waiting.values():
        for task in family:
            yield None, task, {}


def _inputs(entry: RunEntry, changed: set[tuple[str, str]]) -> Iterable[tuple[TaskEntry, tuple[TaskEntry, ...]]]:
    for task in entry.tasks:
        other = tuple(entry.tasks[at] for at in task.needs if (entry.tasks[at].family, entry.tasks[at].key) in changed)
        if other:
            yield task, other

"""Tasks that wait for one another while they run, each for what another one asks for.

Of such a cycle each would run again and again: whoever asks makes the others start anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import planning
from pipeline.errors import CycleError
from pipeline.repairing import owner_of
from pipeline.settled import Settled


def of(task: Any, wanted: Iterable[Any], asked: Mapping[str, list[Any]], settled: Mapping[str, Settled]) -> CycleError | None:
    """The cycle that a task would close which asks for these; `asked`: what each has asked for, ever; `settled`: what became of each."""
    names = {one.task_id for one in asked.get(task.task_id, ())}
    for one in wanted:
        if one.task_id in names and not (one.task_id in settled and settled[one.task_id].state in ("ran", "kept")):
            path = way(one, task, asked)
            if path is not None:
                return planning.cycle_error([task, *path])
    return None


def way(start: Any, end: Any, asked: Mapping[str, list[Any]]) -> list[Any] | None:
    """From one task to another, by what each requires and what it has `asked` for while it ran; None where there is no way."""
    before: dict[str, Any] = {start.task_id: None}
    waiting = [start]
    while waiting:
        task = waiting.pop()
        if task == end:
            path = [task]
            while (task := before[task.task_id]) is not None:
                path.append(task)
            return path[::-1]
        for required in [*task.deps(), *map(owner_of, asked.get(task.task_id, ()))]:
            if required.task_id not in before:
                before[required.task_id] = task
                waiting.append(required)
    return None

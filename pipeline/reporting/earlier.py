"""How long steps took in earlier runs, so that a person sees what has become slower.

Only runs of the same store count, and of a step only times at which it was executed and came out well.
"""

from __future__ import annotations

import dataclasses
import statistics

from pipeline import entries
from pipeline.columns import TaskEntry
from pipeline.entries import RunEntry
from targets.store import Store

#: So many runs are looked through, beginning with the one before.
RUNS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Usual:
    """The median duration, of how many executions, and whether of this very step or of others of its family."""

    seconds: float
    count: int
    same: bool


class Earlier:
    """What is known about durations from before a run."""

    def __init__(self, runs: list[RunEntry]) -> None:
        self._of_step: dict[str, list[float]] = {}
        self._of_family: dict[str, list[float]] = {}
        for run in runs:
            if not run.counts.get("ran"):
                continue
            for task in run.tasks:
                if task.state == "ran" and task.begun is not None:
                    self._of_step.setdefault(task.key, []).append(task.duration)
                    self._of_family.setdefault(task.family, []).append(task.duration)

    @classmethod
    def of(cls, store: Store, run: str) -> Earlier:
        return cls(entries.before(store, run, RUNS))

    def usual(self, task: TaskEntry) -> Usual | None:
        for durations, same in ((self._of_step.get(task.key), True), (self._of_family.get(task.family), False)):
            if durations:
                return Usual(statistics.median(durations), len(durations), same)
        return None

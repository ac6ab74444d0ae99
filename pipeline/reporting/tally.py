"""The counters behind the progress of a run: how many of each family are done, what runs now, how long the rest may take.

Promises: an event costs a few additions, whatever the size of the run. One thread counts; others may read at any moment, and see numbers
that were true a moment ago.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.planning import Plan
from pipeline.reporting.words import is_step, meant
from pipeline.task import Task
from targets.errors import PipelineError
from targets.place import Place
from targets.record import SUFFIX
from targets.target import Target

#: So many stored outputs of a family say how long one takes, where none of this run's tasks was ever made.
_SAMPLE = 5
#: From so many on, the durations of this run count, not those of earlier ones.
_OWN_COUNT = 3


class Family:
    """The tasks of one family."""

    __slots__ = ("before", "failed", "kept", "name", "ran", "running", "seconds", "skipped", "total")

    def __init__(self, name: str) -> None:
        self.name = name
        self.total = self.kept = self.ran = self.failed = self.skipped = self.running = 0
        #: Of what ran now.
        self.seconds = 0.0
        #: Durations of earlier runs: sum and number.
        self.before = (0.0, 0)

    @property
    def settled(self) -> int:
        return self.kept + self.ran + self.failed + self.skipped

    @property
    def left(self) -> int:
        return max(0, self.total - self.settled)

    def each(self) -> float | None:
        """How long one takes, if anything is known."""
        if self.ran >= _OWN_COUNT or (self.ran and not self.before[1]):
            return self.seconds / self.ran
        seconds, number = self.before
        return (seconds + self.seconds) / (number + self.ran) if number else None


class Running:
    """A task that an engine is at."""

    __slots__ = ("pid", "since", "task", "usage")

    def __init__(self, task: Any, pid: int | None) -> None:
        self.task = task
        self.pid = pid
        self.since = time.monotonic()
        #: Kept here by who draws.
        self.usage: Any = None


class Tally:
    """See the module."""

    def __init__(self, plan: Plan, workers: int, recorded: Mapping[str, float]) -> None:
        self.begun = time.monotonic()
        self.workers = workers
        self.families: dict[str, Family] = {}
        self._by_class: dict[type, Family | None] = {}
        self.running: dict[str, Running] = {}
        #: How many were to run by the plan, and how many were kept by it.
        self.planned = self.current = 0
        #: What was running when the run was given up.
        self.at_the_end: list[tuple[Running, float]] = []
        self._states: dict[str, str] = {}
        lacking: dict[str, Any] = {}
        for task, verdict in plan.verdicts.items():
            family = self._family(task)
            if family is None:
                continue
            family.total += 1
            known = recorded.get(task.task_id)
            if known is not None:
                family.before = family.before[0] + known, family.before[1] + 1
            if verdict.is_current:
                self._states[task.task_id] = "kept"
                family.kept += 1
                self.current += 1
            else:
                self._states[task.task_id] = "waiting"
                self.planned += 1
                lacking.setdefault(family.name, task)
        for name, task in lacking.items():
            if not self.families[name].before[1]:
                self.families[name].before = _sampled(task)

    def _family(self, task: Any) -> Family | None:
        """Where a task is counted; None where it is not."""
        kind = type(task)
        if kind not in self._by_class:
            name = task.get_task_family()
            self._by_class[kind] = self.families.setdefault(name, Family(name)) if is_step(task) else None
        return self._by_class[kind]

    # What is told

    def began(self, task: Any, pid: int | None) -> None:
        self.running[task.task_id] = Running(meant(task), pid)
        self._move(task, "running")

    def ended(self, task: Any, state: str) -> float:
        """The seconds since it began."""
        running = self.running.pop(task.task_id, None)
        seconds = time.monotonic() - running.since if running is not None else 0.0
        family = self._move(task, state)
        if family is not None and state == "ran":
            family.seconds += seconds
        return seconds

    def skipped(self, tasks: Iterable[Any]) -> None:
        """These cannot run any more, because something that they need has failed."""
        for task in tasks:
            if self._states.get(task.task_id, "waiting") == "waiting":
                self._move(task, "skipped")

    def stop(self) -> None:
        """The run is given up."""
        self.at_the_end = [(one, time.monotonic() - one.since) for one in self.running.values()]

    def _move(self, task: Any, state: str) -> Family | None:
        family, name = self._family(task), task.task_id
        if family is None:
            return None
        before = self._states.get(name)
        if before is None:
            family.total += 1  # nobody knew of it: it was asked for while running
        elif before != "waiting":
            setattr(family, before, getattr(family, before) - 1)
        if state != "waiting":
            setattr(family, state, getattr(family, state) + 1)
        self._states[name] = state
        return family

    # What is read

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begun

    def total(self, what: str) -> int:
        """One of the counters of a family, over all of them."""
        return sum(getattr(family, what) for family in list(self.families.values()))

    def left(self) -> tuple[float, bool] | None:
        """Seconds until the end as far as durations are known, and whether all are; None where nothing is known."""
        seconds, all_known, any_known = 0.0, True, False
        for family in list(self.families.values()):
            if family.left:
                each = family.each()
                any_known |= each is not None
                all_known &= each is not None
                seconds += family.left * (each or 0.0)
        longest = 0.0
        for running in list(self.running.values()):
            family_of = self._family(running.task)
            each = family_of.each() if family_of is not None else None
            if each is not None:
                gone = time.monotonic() - running.since
                seconds -= min(gone, each)
                longest = max(longest, each - gone)
        return (max(seconds / max(self.workers, 1), longest, 0.0), all_known) if any_known else None


def _sampled(task: Any) -> tuple[float, int]:
    """Durations of stored outputs of the same family, where looking at some costs little."""
    if not isinstance(task, Task) or task.target.in_memory or task.store.reads_in_bulk:
        return 0.0, 0
    folder = task.target.place.stem.rpartition("/")[0]
    seconds, number = 0.0, 0
    with contextlib.suppress(OSError, PipelineError):  # a step that cannot use its store says so itself
        for name in itertools.islice((name for name in task.store.list(folder) if name.endswith(SUFFIX)), _SAMPLE):
            found = Target(Place(task.store, f"{folder}/{name.removesuffix(SUFFIX)}")).find_record()
            if found is not None:
                seconds, number = seconds + found[0].duration, number + 1
    return seconds, number

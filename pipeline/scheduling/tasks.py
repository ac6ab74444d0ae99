"""A task as the scheduler knows it: Luigi's, in less memory."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from typing import Any, Self

import luigi.scheduler
from luigi.parameter import ParameterVisibility

logger = logging.getLogger(__name__)

_NO_PARAMS: dict[str, Any] = {}


class WorkerIds(dict[str, None]):
    """The part of Luigi's `OrderedSet` that tasks use, at a third of its memory."""

    __slots__ = ()

    def add(self, worker_id: str) -> None:
        self[worker_id] = None

    def discard(self, worker_id: str) -> None:
        self.pop(worker_id, None)

    def peek(self, last: bool = True) -> str:
        if not self:
            raise KeyError("set is empty")
        return next(reversed(self)) if last else next(iter(self))

    def __isub__(self, worker_ids: Iterable[str]) -> Self:
        for worker_id in worker_ids:
            self.discard(worker_id)
        return self


class Task(luigi.scheduler.Task):
    """Luigi's task without its `__dict__`, which is what most of its memory goes to, plus its place in the indexes."""

    # Luigi assigns most of these; with more than 30 of them a `__dict__` takes a multiple of what slots take.
    __slots__ = (
        *("id", "stakeholders", "workers", "deps", "status", "time", "updated", "retry", "remove", "worker_running", "time_running"),
        *("expl", "priority", "resources", "resources_running", "family", "module", "param_visibilities", "params", "public_params"),
        *("hidden_params", "accepts_messages", "retry_policy", "_failures", "first_failure_time", "tracking_url", "status_message"),
        *("progress_percentage", "scheduler_message_responses", "scheduler_disable_time", "runnable", "batchable", "batch_id"),
        *("listed", "undone", "number", "turn", "entry", "due"),
    )

    workers: Any
    resources_running: dict[str, int]
    _failures: deque[float] | None
    listed: bool  # whether the indexes know of the task
    undone: int  # how many dependencies are missing or not DONE
    number: int  # where the task stands among all tasks, in the order they were added
    turn: int  # where the task stands among the pending ones, in the order they became so
    entry: Any  # its place in the ready queue
    due: float | None  # when pruning looks at it next

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workers = WorkerIds()
        self.listed, self.undone, self.number, self.turn, self.entry, self.due = False, 0, 0, 0, None, None

    @property
    def failures(self) -> Any:
        # An empty deque takes 600 bytes, and most tasks never fail.
        if self._failures is None:
            self._failures = deque()
        return self._failures

    @failures.setter
    def failures(self, failures: Any) -> None:
        self._failures = failures or None

    def set_params(self, params: dict[str, Any] | None) -> None:
        # Luigi replaces these dictionaries but never changes them, so equal ones can be shared.
        if all(visibility == ParameterVisibility.PUBLIC for visibility in self.param_visibilities.values()):
            self.params = self.public_params = {} if params is None else params
            self.hidden_params = _NO_PARAMS
        else:
            super().set_params(params)

    def __repr__(self) -> str:
        return f"Task({self.__getstate__()!r})"

    def __getstate__(self) -> dict[str, Any]:
        # The entry leads to other tasks, and theirs to others: the recursion could be as deep as the graph is large.
        names = (name for name in Task.__slots__ if name not in ("entry", "listed", "due"))
        return {**self.__dict__, **{name: getattr(self, name) for name in names if hasattr(self, name)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.listed, self.entry, self.due = False, None, None
        for name, value in state.items():
            setattr(self, name, value)

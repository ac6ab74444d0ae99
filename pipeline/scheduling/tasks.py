"""A task as the scheduler knows it: Luigi's, in less memory."""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Self

import luigi.scheduler
from luigi.parameter import ParameterVisibility

logger = logging.getLogger(__name__)

_NO_PARAMS: dict[str, Any] = {}


class WorkerIds:
    """The parts of Luigi's `OrderedSet` and of a set that tasks use. There is one worker nearly always, and two of these for each task."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, worker_id: object) -> bool:
        return worker_id in self._ids

    def __eq__(self, other: object) -> bool:
        return set(self._ids) == set(other) if isinstance(other, (WorkerIds, set, frozenset)) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, others: Iterable[str]) -> set[str]:
        return {*self._ids, *others}

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self._ids))}}}"

    def add(self, worker_id: str) -> None:
        if worker_id not in self._ids:
            # Workers come in few: nearly always all tasks have the same tuple.
            self._ids = _alone(worker_id) if not self._ids else (*self._ids, worker_id)

    def discard(self, worker_id: str) -> None:
        self.difference_update((worker_id,))

    def difference_update(self, worker_ids: Collection[str]) -> None:
        self._ids = tuple(known for known in self._ids if known not in worker_ids)

    def __isub__(self, worker_ids: Collection[str]) -> Self:
        self.difference_update(worker_ids)
        return self

    def peek(self, last: bool = True) -> str:
        if not self._ids:
            raise KeyError("set is empty")
        return self._ids[-1 if last else 0]


@functools.lru_cache(maxsize=100)
def _alone(worker_id: str) -> tuple[str, ...]:
    return (worker_id,)


class _NoDeps(frozenset[str]):
    """What all tasks without requirements share, at 200 bytes less for each."""

    __slots__ = ()

    def update(self, deps: Iterable[str]) -> None:
        # Luigi says with each result that there are no new ones; `TaskState.hold` makes room for those that there are.
        assert not deps


_NO_DEPS = _NoDeps()


class Task(luigi.scheduler.Task):
    """Luigi's task without its `__dict__`, which is what most of its memory goes to, plus its place in the indexes."""

    # Luigi assigns most of these; with more than 30 of them a `__dict__` takes a multiple of what slots take.
    __slots__ = (
        *("id", "stakeholders", "workers", "_deps", "status", "time", "updated", "retry", "remove", "worker_running", "time_running"),
        *("expl", "priority", "resources", "resources_running", "family", "module", "param_visibilities", "params", "public_params"),
        *("hidden_params", "accepts_messages", "retry_policy", "_failures", "first_failure_time", "tracking_url", "status_message"),
        *("progress_percentage", "scheduler_message_responses", "scheduler_disable_time", "runnable", "batchable", "batch_id"),
        *("listed", "undone", "number", "turn", "entry", "due"),
    )

    workers: Any
    stakeholders: Any
    _deps: Any
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
        self.workers, self.stakeholders = WorkerIds(), WorkerIds()
        self.listed, self.undone, self.number, self.turn, self.entry, self.due = False, 0, 0, 0, None, None

    @property
    def deps(self) -> Any:
        return self._deps

    @deps.setter
    def deps(self, deps: Any) -> None:
        self._deps = deps or _NO_DEPS

    def make_room_for_deps(self) -> None:
        """They are about to be added to."""
        if not self._deps:
            self._deps = set()

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
        names = (name for name in Task.__slots__ if name not in ("entry", "listed", "due", "_deps"))
        return {**self.__dict__, "deps": set(self._deps), **{name: getattr(self, name) for name in names if hasattr(self, name)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.listed, self.entry, self.due = False, None, None
        for name, value in state.items():
            setattr(self, name, value)

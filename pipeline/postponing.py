"""Tasks whose key another run holds: they are set aside while there is other work, and taken up again once the key is free.

Promises: a run never waits for a key while something else is ready. Looking whether a key is free costs little and holds nothing; whoever is
told that it is free must still take the lock, and may be set aside again. To the scheduler these tasks are running.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from targets.errors import PipelineError

log = logging.getLogger("pipeline")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.25
#: So many keys are looked at in one look: each may be a question to an object store.
_AT_A_TIME = 16


class Held(Exception):
    """Another process holds the key, and this one need not wait for it."""


def _raise() -> None:
    raise Held


class Postponed:
    """The tasks that one worker has set aside, the longest waiting first."""

    def __init__(self) -> None:
        #: By task id what the worker keeps of the job, and the task whose key is held.
        self._waiting: dict[str, tuple[Any, Any]] = {}
        self._pause = _FIRST_PAUSE
        self._next_look = 0.0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, task_id: str, job: Any, owner: Any) -> None:
        log.info("%r is being made by another run; whatever else is ready comes first", owner)
        if not self._waiting:
            self._pause = _FIRST_PAUSE
            self._next_look = time.monotonic() + self._pause
        self._waiting[task_id] = job, owner

    @contextmanager
    def counted_in(self, running: dict[str, Any]) -> Iterator[None]:
        """Meanwhile they are among those that run: a scheduler would hand them out again, or think them lost."""
        running.update((task_id, job) for task_id, (job, _) in self._waiting.items())
        try:
            yield
        finally:
            for task_id in self._waiting:
                running.pop(task_id, None)

    def first(self) -> Any:
        """The task that has waited for longest."""
        return next(iter(self._waiting.values()))[1]

    def take_free(self, patience: float) -> str | None:
        """The id of a task whose key seems to be free, which is waiting no more; None if there is none within so many seconds."""
        until = time.monotonic() + patience
        while True:
            now = time.monotonic()
            if now >= self._next_look:
                found = self._look()
                took = time.monotonic() - now
                if found is not None:
                    self._pause = _FIRST_PAUSE
                    return found
                # A look at an object store takes its time, and should not take most of it.
                self._pause = max(min(self._pause * 1.5, _LONGEST_PAUSE), 10 * took)
                self._next_look = time.monotonic() + self._pause
            if self._next_look > until:
                return None
            time.sleep(max(self._next_look - time.monotonic(), 0))

    def _look(self) -> str | None:
        for task_id in list(self._waiting)[:_AT_A_TIME]:
            job, owner = self._waiting.pop(task_id)
            if _is_free(owner):
                return task_id
            self._waiting[task_id] = job, owner  # others come first at the next look
        return None


def _is_free(task: Any) -> bool:
    try:
        with task.store.lock(task.key, _raise):
            return True
    except Held:
        return False
    except (PipelineError, OSError):
        return True  # whoever runs it says what is wrong

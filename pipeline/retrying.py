"""Failed tasks that are tried again. Luigi does so after a pause that is the same for all, and only if its worker stays alive.

Promises: a task is tried `retries` times more, after `retry_delay` seconds and each time twice as many; not where something that it requires
failed, or where a failure is kept: that cannot come out otherwise.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pipeline.errors import FailedBeforeError
from pipeline.task import Task
from targets.messages import said

log = logging.getLogger("pipeline")


class Retries:
    """The tasks of one worker that are to be tried again, the next one first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Any]] = []
        self._numbers = itertools.count()
        self._failures: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def plan(self, task: Any, state: str, error: object) -> bool:
        """Whether a task that has just failed is tried again. `state`, `error`: what became of it."""
        if not isinstance(task, Task) or not task.retries or state == "skipped" or _is_kept(error):
            return False
        self._failures[task.task_id] += 1
        failed = self._failures[task.task_id]
        if failed > task.retries:
            return False
        pause = task.retry_delay * 2 ** (failed - 1)
        log.warning("%r failed; try %d of %d begins in %g s", task, failed + 1, task.retries + 1, pause)
        heapq.heappush(self._waiting, (time.monotonic() + pause, next(self._numbers), task))
        return True

    def due(self) -> Iterator[Any]:
        """Those whose moment has come; they wait no more."""
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            yield heapq.heappop(self._waiting)[2]


def _is_kept(error: object) -> bool:
    # From another process an error comes as text.
    return isinstance(error, FailedBeforeError) or said(error).startswith(f"{FailedBeforeError.__name__}: ")

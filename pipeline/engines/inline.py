"""The engine `inline`: a job runs in the calling process, at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import luigi

from pipeline.engines.engine import Result


class InlineEngine:
    """See `pipeline.engines.engine.Engine` for the contract."""

    def __init__(self, run: Callable[[Any], Result], run_for_parent: Callable[[Any], Result]) -> None:
        self._run = run
        self.run_for_parent = run_for_parent
        self._results: deque[Result] = deque()

    def submit(self, process: Any) -> Any:
        if process.timeout_time is not None:
            return self._with_a_limit(process)
        self._results.append(self._run(process))
        return process

    def _with_a_limit(self, process: Any) -> Any:
        """A body that may be stopped needs a process of its own."""
        from pipeline.engines.processes import ProcessEngine

        engine = ProcessEngine(self.run_for_parent, 1)
        engine.describe, engine.find = (lambda _: None), (lambda _: process)
        job = engine.submit(process)
        result = engine.next_result(max(0.0, process.timeout_time - time.time()))
        if result is None:
            words = f"it ran longer than {process.worker_timeout} seconds and was stopped"
            process.task.trigger_event(luigi.Event.TIMEOUT, process.task, words)
            result = Result(process.task.task_id, "FAILED", words, settled=((process.task.task_id, "failed", 0.0, words),))
            job.terminate()
        engine.close()
        self._results.append(result)
        return process

    def next_result(self, timeout: float) -> Result | None:
        return self._results.popleft() if self._results else None

    def close(self) -> None:
        self._results.clear()

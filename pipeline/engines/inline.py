"""The engine `inline`: a job runs in the calling process, at once.

As in Luigi, a job that must not (it may be stopped after a while, say) has a process of its own.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from pipeline import capture
from pipeline.engines.engine import Job, Result
from pipeline.engines.processes import ProcessEngine


class InlineEngine:
    """See `pipeline.engines.engine.Engine` for the contract."""

    def __init__(self, grace: float = 0.0) -> None:
        self._results: deque[Result] = deque()
        self._apart = ProcessEngine(grace=grace)

    def submit(self, job: Job) -> Any:
        if job.use_multiprocessing:
            return self._apart.submit(job)
        depth = capture.depth()
        try:
            self._results.append(job.run_now())
        finally:
            capture.unwind(depth)
        return job

    def next_result(self, timeout: float) -> Result | None:
        return self._results.popleft() if self._results else self._apart.next_result(timeout)

    def kill(self) -> None:
        self._apart.kill()

    def close(self) -> None:
        self._results.clear()
        self._apart.close()

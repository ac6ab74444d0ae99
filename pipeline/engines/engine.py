"""The contract of an engine: takes jobs, gives a result for each, whatever happens to it.

Promises: every job that was submitted has exactly one result. A worker that dies (killed, out of memory, `os._exit`) is
known by what it did not deliver: its job has a failed result that says how it ended, and other jobs are not touched.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of a job, as Luigi's worker wants to know it, and what our runs keep of it."""

    task_id: str
    status: str
    explanation: Any = ""
    missing: tuple[str, ...] = ()
    #: (module, family, parameters) of what the task asked for while running.
    needs: tuple[tuple[str, str, dict[str, str]], ...] = ()
    #: (task id, state, duration, error) of every task that was settled while the job ran.
    settled: tuple[tuple[str, str, float, Any], ...] = ()


class Job(Protocol):
    """A task on its way through an engine. Luigi's worker looks at these."""

    task: Any
    worker_timeout: float
    timeout_time: float | None
    use_multiprocessing: bool
    status_reporter: Any
    exitcode: int | None

    def is_alive(self) -> bool: ...

    def terminate(self) -> None: ...


class Engine(Protocol):
    """Where bodies execute."""

    def submit(self, process: Any) -> Any:
        """Begin a job; returns what Luigi's worker keeps of it."""

    def next_result(self, timeout: float) -> Result | None:
        """The next result, None if there is none within that many seconds."""

    def close(self) -> None:
        """Stop everything; no process of ours is left."""

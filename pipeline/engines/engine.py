"""The contract of an engine: takes jobs, gives a result for each, whatever happens to it.

Promises: every job that was submitted has exactly one result, unless it was terminated. A process that dies (killed, out of
memory, `os._exit`) is known by what it did not deliver: its job has a failed result that says how it ended, and other
jobs are not touched.
"""

from __future__ import annotations

import dataclasses
import traceback
from typing import Any, Protocol

from luigi.scheduler import FAILED

from pipeline import tracebacks
from pipeline.secrets import redact
from pipeline.settled import Settled
from targets.messages import notes, said

#: The status of a job that did not begin, because another run holds its key.
HELD = "HELD"


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What became of a job, as Luigi's worker wants to know it, and what our runs keep of it."""

    task_id: str
    status: str
    explanation: Any = ""
    missing: tuple[str, ...] = ()
    #: (module, family, parameters) of what the task asked for while running.
    needs: tuple[tuple[str, str, dict[str, str]], ...] = ()
    #: Every task that was settled while the job ran.
    settled: tuple[Settled, ...] = ()
    #: Whether its process died.
    died: bool = False

    @classmethod
    def failure(cls, task_id: str, words: str, *, died: bool = False) -> Result:
        return cls(task_id, FAILED, words, settled=(Settled(task_id, "failed", error=(words,)),), died=died)

    def __reduce__(self) -> Any:
        # One travels for each task, and what dataclasses do of themselves costs nearly twice as much.
        return Result, (self.task_id, self.status, self.explanation, self.missing, self.needs, self.settled, self.died)

    def as_text(self) -> Result:
        """The same with (message, traceback) instead of exceptions, since many cannot be pickled."""
        if all(one.error is None for one in self.settled):
            return self
        return dataclasses.replace(self, settled=tuple(one._replace(error=_as_text(one.error)) for one in self.settled))


def _as_text(error: BaseException | None) -> tuple[str, str, str] | None:
    if error is None:
        return None
    message = "\n".join([said(error), *notes(error)])
    return redact(f"{type(error).__name__}: {message}"), redact("".join(traceback.format_exception(error))), tracebacks.told(error)


class Job(Protocol):
    """A task to be run, and what Luigi's worker wants to know of it meanwhile."""

    task: Any
    worker_timeout: float
    timeout_time: float | None
    use_multiprocessing: bool
    status_reporter: Any

    @property
    def exitcode(self) -> int | None: ...

    def is_alive(self) -> bool: ...

    def terminate(self) -> None: ...

    def run_now(self) -> Result:
        """Run it in this process."""


class Engine(Protocol):
    """Where bodies execute."""

    def submit(self, job: Job) -> Any:
        """Begin a job; returns what Luigi's worker keeps of it."""

    def next_result(self, timeout: float) -> Result | None:
        """The next result, None if there is none within that many seconds."""

    def kill(self) -> None:
        """End every process of ours at once."""

    def close(self) -> None:
        """Stop everything, running jobs after a grace period; no process of ours is left. The next job starts anew."""

"""Who looks on while a build is at work.

Promises: an observer is told in the build's own process and thread, in the order in which things happen; where there is none,
nothing is spent on it. What an observer raises is an error of the build: it is our own code, or what the caller passed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pipeline.planning import Plan
    from pipeline.runs import Run


class Observer(Protocol):
    """What `build(..., progress=...)` takes."""

    def planned(self, plan: Plan, workers: int, recorded: Mapping[str, float]) -> None:
        """Everything is judged, and nothing has run. `recorded`: the seconds that tasks took when they were last made, by task id."""

    def began(self, task: Any, pid: int | None) -> None:
        """An engine has a task; `pid`: the process that it runs in, where that is one of this machine.

        A task begins again after it has asked for something, and when it is tried again.
        """

    def ended(self, task: Any, state: str, duration: float, error: BaseException | None) -> None:
        """`state`: ran, kept, failed, skipped, or "waiting" for something that it has asked for, or for another run that is at it."""

    def finished(self, run: Run) -> None:
        """The build is about to return this."""

    def abandoned(self, error: BaseException) -> None:
        """The build ends with an exception: it was interrupted, or cannot go on."""


WAITING = "waiting"


def chosen(progress: bool | Observer | None) -> Observer | None:
    """`True` stands for what a command shows."""
    if progress is True:
        from pipeline.reporting.watching import watch

        return watch()
    return progress or None


@contextlib.contextmanager
def to_the_end(observer: Observer | None) -> Iterator[None]:
    """An observer that was told of the plan is told of an end in any case."""
    try:
        yield
    except BaseException as error:
        if observer is not None:
            observer.abandoned(error)
        raise

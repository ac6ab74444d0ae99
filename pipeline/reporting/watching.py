"""`watch`: what a command shows of a run, from the plan to the summary.

Promises: on a terminal a display, elsewhere plain lines; failures at once in both. Nothing of it is loaded where nothing is to run. Lines
go to standard error, the summary to standard output, so that either can be redirected alone; where the latter cannot be written (the disk is
full, say), the summary goes to standard error too.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import luigi

from pipeline import capture, interrupts
from pipeline.characters import plain
from pipeline.observing import Observer
from pipeline.planning import Plan
from pipeline.reporting import console, failure, loggers, summary
from pipeline.reporting.tally import Tally
from pipeline.reporting.words import meant
from pipeline.runs import Run
from pipeline.secrets import redact
from pipeline.task import Task

#: So many failures are shown in full, then so many in a line each; the summary counts all.
_IN_FULL, _IN_A_LINE = 10, 100


class _Shows(Protocol):
    def began(self, task: Any) -> None: ...
    def ended(self, task: Any, state: str, seconds: float) -> None: ...
    def close(self) -> None: ...


def watch(*, quiet: bool = False, verbose: bool = False, summary: bool = True) -> Observer:
    """For `build(..., progress=watch())`: show what happens. `quiet`: failures alone. `verbose`: each step, with the reason why it runs.

    `summary`: also say at the end what was done (on standard output).
    """
    return Watch(quiet=quiet, verbose=verbose, summary=summary and not quiet)


class Watch:
    """See the module."""

    def __init__(self, *, quiet: bool, verbose: bool, summary: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._summary = summary
        self._tally: Tally
        self._plan: Plan
        self._recorded: Mapping[str, float] = {}
        self._shows: _Shows | None = None
        self._open = contextlib.ExitStack()
        self._failures = 0
        self._tries: Counter[str] = Counter()

    def planned(self, plan: Plan, workers: int, recorded: Mapping[str, float]) -> None:
        self._plan, self._recorded = plan, recorded
        self._dependents = failure.Dependents(plan)
        self._tally = Tally(plan, workers, recorded)
        live = bool(self._tally.planned) and console.is_terminal() and not self._quiet and not console.is_taken()
        self._open.enter_context(loggers.kept_apart(live=live, quiet=self._quiet))
        if not self._tally.planned:
            return
        if self._quiet:
            self._open.callback(setattr, capture, "show", capture.show)
            capture.show = capture.show_nothing
        self._open.enter_context(console.held())
        if live:
            from pipeline.reporting.live import LiveDisplay

            self._shows = LiveDisplay(self._tally, verbose=self._verbose)
        elif not self._quiet:
            from pipeline.reporting.plain import Plain

            self._shows = Plain(self._tally, verbose=self._verbose)
        for task, verdict in plan.verdicts.items():
            if isinstance(task, luigi.ExternalTask) and not verdict.is_current:
                # Said now: another step may make it in time, but often it is a path that is wrong.
                needed = self._dependents.of(task)
                console.emit(plain(redact(f"missing: {task!r}: {verdict.reason}" + (f"; needed by {failure.listed(needed)}" if needed else ""))))

    def began(self, task: Any, pid: int | None) -> None:
        self._tally.began(task, pid)
        if self._shows is not None:
            if self._verbose:
                verdict = self._plan.verdicts.get(task)
                console.emit(plain(redact(f"begins {meant(task)!r}" + (f": {verdict}" if verdict is not None and not verdict.is_current else ""))))
            self._shows.began(task)

    def ended(self, task: Any, state: str, duration: float, error: BaseException | None) -> None:
        seconds = self._tally.ended(task, state)
        if state == "failed" and error is not None:
            self._failed(task, seconds or duration, error)
        if self._shows is not None:
            self._shows.ended(task, state, seconds)

    def _failed(self, task: Any, seconds: float, error: BaseException) -> None:
        retries = task.retries if isinstance(task, Task) else 0
        self._tries[task.task_id] += 1
        tried = self._tries[task.task_id]
        self._failures += 1
        attempt = f" (try {tried} of {retries + 1})" if retries else ""
        skipped = [] if tried <= retries else self._dependents.of(task)
        self._tally.skipped(skipped)
        colour = console.has_colour()
        if self._failures <= _IN_FULL:
            width = console.width() if console.is_terminal() else 100
            console.emit(failure.full(task, error, seconds, skipped, attempt=attempt, width=width, colour=colour))
        elif self._failures <= _IN_FULL + _IN_A_LINE:
            console.emit(failure.short(task, error, colour=colour))
        elif self._failures == _IN_FULL + _IN_A_LINE + 1:
            console.emit("more steps fail; from here on they are counted only")

    def finished(self, run: Run) -> None:
        for task in run.failed:
            error = run.outcomes[task].error
            if task.task_id not in self._tries and error is not None:
                # No engine ever had it: a file that is not there, a `requires` that raised.
                self._failed(task, 0.0, error)
        self._close()
        if self._summary:
            _print(summary.text(run, self._recorded, width=_width_of_output(), colour=console.has_colour(sys.stdout)))

    def abandoned(self, error: BaseException) -> None:
        planned = hasattr(self, "_tally")
        if planned:
            self._tally.stop()
        self._close()
        if planned and self._summary and isinstance(error, KeyboardInterrupt):
            how = "terminated" if isinstance(error, interrupts.Terminated) else "interrupted"
            _print(summary.interrupted(self._tally, how, width=_width_of_output(), colour=console.has_colour(sys.stdout)))

    def _close(self) -> None:
        try:
            if self._shows is not None:
                self._shows.close()
        finally:
            self._shows = None
            self._open.close()


def _width_of_output() -> int:
    if not console.is_terminal(sys.stdout):
        return 10_000  # a file has no edge
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _print(text: str) -> None:
    try:
        with contextlib.suppress(ValueError):  # somebody has closed it
            print(text, flush=True)
    except BrokenPipeError:  # nobody reads it any more
        console.let_output_go()
    except OSError as error:
        console.unwritten(error)
        console.emit(text)

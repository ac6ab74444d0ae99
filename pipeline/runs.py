"""A run: what one call of `build` has done, task by task.

Every task that was planned ends in exactly one of `ran`, `kept`, `failed`, `skipped` (wrappers and parts in
`kept` or `skipped`, which no number counts); only what an earlier run had asked for while running and nobody asks for any more may be
`unneeded`. The result is a `LuigiRunResult` as well, computed from the same outcomes.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import luigi
from luigi.execution_summary import LuigiRunResult, LuigiStatusCode

from pipeline import steplogs
from pipeline.characters import plain
from pipeline.errors import ResourceError
from pipeline.secrets import redact
from pipeline.task import ExternalFile, Part, Task
from pipeline.verdict import Rule, Verdict
from targets.messages import notes, said

#: Of so many failed steps a summary shows the last lines of their logs, so many of each.
_LOGS_SHOWN, _LINES_SHOWN = 20, 5


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task."""

    state: str
    verdict: Verdict
    duration: float = 0.0
    error: BaseException | None = None
    #: When its body began, in seconds since the epoch.
    begun: float | None = None
    #: What consumers of its output depend on, where that was found out as it ran.
    identity: str | None = None
    task: Any = None

    def log(self) -> str:
        """What the step printed and logged when it last ran, and how it failed; empty where that is nothing."""
        found = steplogs.read(self.task)
        return found.text if found is not None else ""


def kind_of(task: Any) -> str:
    """The word for what it is in plans, entries and drawings: step, part, wrapper, external, or luigi for a plain task that is none of these."""
    if isinstance(task, ExternalFile) or getattr(task, "run", None) is None:
        return "external"
    if isinstance(task, Part):
        return "part"
    if isinstance(task, luigi.WrapperTask) or getattr(task, "_stands_for_others", False):
        return "wrapper"
    return "step" if isinstance(task, Task) else "luigi"


def is_step(task: Any) -> bool:
    """What a person counts: not what merely stands for others, nor what nobody makes here."""
    return kind_of(task) in ("step", "luigi")


def is_counted(task: Any, state: str) -> bool:
    """Whether a task is one of the numbers of a run: each step, and whatever failed."""
    return state == "failed" or is_step(task)


class Run(LuigiRunResult):
    """The result of `build`."""

    def __init__(self, *, id: str, verdicts: dict[Any, Verdict], outcomes: dict[Any, Outcome], duration: float, worker: Any = None) -> None:
        self.id = id
        self.verdicts = verdicts
        self.outcomes = outcomes
        self.duration = duration
        self.worker = worker

    def _in_state(self, state: str) -> list[Any]:
        return [task for task, outcome in self.outcomes.items() if outcome.state == state]

    @functools.cached_property
    def ran(self) -> list[Any]:
        """Tasks whose body was executed and whose output was committed."""
        return self._in_state("ran")

    @functools.cached_property
    def kept(self) -> list[Any]:
        """Tasks judged current, before or after their requirements ran."""
        return self._in_state("kept")

    @functools.cached_property
    def failed(self) -> list[Any]:
        return self._in_state("failed")

    @functools.cached_property
    def skipped(self) -> list[Any]:
        """Tasks that could not run, because something that they need failed."""
        return self._in_state("skipped")

    @functools.cached_property
    def damaged(self) -> list[Any]:
        """Tasks that this run had to make, or tried to, because what was stored is not what was written."""
        return [task for task, outcome in self.outcomes.items() if outcome.verdict.rule is Rule.DAMAGED and outcome.state in ("ran", "failed")]

    @property
    def ok(self) -> bool:
        return not self.failed and not self.skipped

    @property
    def exit_code(self) -> int:
        return 0 if self.ok else 1

    # What a LuigiRunResult has

    @property
    def status(self) -> LuigiStatusCode:  # type: ignore[override]
        if self.failed:
            missing_only = all(getattr(task, "run", None) is None for task in self.failed)
            return LuigiStatusCode.MISSING_EXT if missing_only else LuigiStatusCode.FAILED
        return LuigiStatusCode.NOT_RUN if self.skipped else LuigiStatusCode.SUCCESS

    @property
    def scheduling_succeeded(self) -> bool:  # type: ignore[override]
        return self.ok

    @property
    def one_line_summary(self) -> str:  # type: ignore[override]
        counts = [f"{number} {name}" for name, number in self.counts().items() if number or name in ("ran", "kept")]
        return f"{', '.join(counts)} in {self.duration:.1f} s"

    @property
    def summary_text(self) -> str:  # type: ignore[override]
        lines = [self.one_line_summary]
        for number, task in enumerate(self.failed):
            error = self.outcomes[task].error
            lines.append(f"  failed: {task!r}: {type(error).__name__}: {said(error)}")
            lines += [f"    {note}" for note in notes(error)]
            if number < _LOGS_SHOWN:
                lines += _last_of_log(task)
        for task in self.skipped[:20]:
            error = self.outcomes[task].error
            lines.append(f"  skipped: {error if isinstance(error, ResourceError) else repr(task)}")
        if len(self.skipped) > 20:
            lines.append(f"  and {len(self.skipped) - 20} more were skipped")
        lines += [f"  {task!r} was {self.outcomes[task].verdict}" for task in self.damaged[:20]]
        if len(self.damaged) > 20:
            lines.append(f"  and {len(self.damaged) - 20} more were DAMAGED")
        return plain(redact("\n".join(lines)))

    def counts(self) -> dict[str, int]:
        """How many steps ended in each state; of what is no step, what failed."""
        return {name: sum(is_counted(task, name) for task in tasks) for name, tasks in self._groups()}

    def _groups(self) -> list[tuple[str, list[Any]]]:
        return [("ran", self.ran), ("kept", self.kept), ("failed", self.failed), ("skipped", self.skipped)]

    def __str__(self) -> str:
        return self.summary_text

    def __repr__(self) -> str:
        return f"<Run {self.id}: {self.one_line_summary}>"


def _last_of_log(task: Any) -> list[str]:
    found = steplogs.read(task)
    if found is None:
        return []
    return [*(f"    | {line}" for line in found.last_lines(_LINES_SHOWN)), f"    the whole log: {steplogs.where(task)}"]

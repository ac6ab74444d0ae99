"""A failure as a person reads it: the step, its parameters, the project's own code, the log, what cannot run because of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from pipeline import steplogs, tracebacks, units
from pipeline.characters import plain
from pipeline.planning import Plan
from pipeline.reporting.words import coloured, is_step, wrapped
from pipeline.secrets import redact
from pipeline.task import BaseTask

_NAMED, _LAST_LINES = 5, 5


class Dependents:
    """Who needs whom, by the plan. Worked out at the first failure: a run without one pays nothing."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._by_requirement: dict[str, list[Any]] | None = None

    def of(self, task: Any) -> list[Any]:
        """The steps that need this one, directly or through others, and would have run."""
        if self._by_requirement is None:
            self._by_requirement = {}
            for one, verdict in self._plan.verdicts.items():
                if not verdict.is_current and isinstance(one, BaseTask):
                    for _, required in self._plan.scope.requirements(one)[1]:
                        self._by_requirement.setdefault(required.task_id, []).append(one)
        found: dict[str, Any] = {}
        waiting = [task]
        while waiting:
            for one in self._by_requirement.get(waiting.pop().task_id, ()):
                if one.task_id not in found:
                    found[one.task_id] = one
                    waiting.append(one)
        return [one for one in found.values() if is_step(one)]


def parameters(task: Any) -> list[str]:
    """`name=value` of each parameter that may be seen."""
    shown = repr(task)
    family = task.task_family
    inside = shown[len(family) + 1 : -1] if shown.startswith(f"{family}(") and shown.endswith(")") else shown
    return [inside] if inside else []


def full(task: Any, error: BaseException, seconds: float, skipped: list[Any], *, attempt: str, width: int, colour: bool) -> str:
    """All that is known, in lines."""
    head = coloured(f"failed: {task.task_family}", "red", colour) + (f" after {units.duration(seconds)}" if seconds else "") + attempt
    lines = []
    for text in parameters(task):
        lines += wrapped(plain(text), width, "    ")
    for line in tracebacks.of(error).splitlines():
        lines.append(f"  {line}" if line else "")
    lines += _log(task)
    if skipped:
        lines += wrapped(f"skipped because of it: {listed(skipped)}", width, "  ")
    return redact(head) + "\n" + plain(redact("\n".join(lines)))


def _log(task: Any) -> list[str]:
    """The last that the step has printed, and where its log is."""
    found = steplogs.read(task)
    if found is None:
        return []
    printed = [] if found.text.startswith("--- ") else found.last_lines(_LAST_LINES)
    return [*(f"  | {line}" for line in printed), f"  its log: {_short(steplogs.where(task))}"]


def _short(where: str) -> str:
    """As a person in this folder would name it, if that is shorter."""
    try:
        return min(os.path.relpath(where), where, key=len) if os.path.isabs(where) else where
    except OSError:  # a step has removed the current folder
        return where


def short(task: Any, error: BaseException, *, colour: bool) -> str:
    """One line, for the many failures that follow the first."""
    words = tracebacks.of(error).splitlines() or [type(error).__name__]
    return f"{coloured('failed:', 'red', colour)} {plain(redact(f'{task!r}: {words[-1]}'))}"


def listed(tasks: Iterable[Any]) -> str:
    """Some of them by name, the rest by number."""
    tasks = list(tasks)
    names = ", ".join(map(repr, tasks[:_NAMED]))
    return f"{names} and {len(tasks) - _NAMED:,} more" if len(tasks) > _NAMED else names

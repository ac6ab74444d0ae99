"""Data that are current and not at hand: trimmed, or in the memory of a process that is no more.

Nobody makes them for their own sake. Where something that must run needs them, their verdict becomes MISSING, with who wants them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline import settings
from pipeline.scope import Scope
from pipeline.task import BaseTask, Task
from pipeline.verdict import Rule, Verdict

if TYPE_CHECKING:
    from pipeline.planning import Plan


def as_set(plan: Plan, scope: Scope) -> None:
    """As a build would want them by today's settings."""
    chosen = settings.read()
    want(plan, scope, in_one_process=is_one_process(chosen.engine, chosen.workers))


def is_one_process(engine: str, workers: int) -> bool:
    return engine == "inline" or (workers == 1 and not engine)


def want(plan: Plan, scope: Scope, *, in_one_process: bool) -> None:
    """Absent data are wanted by whoever must run and needs them, and by who asked for a task that lives in memory."""
    for root in plan.roots:
        if _lives_in_memory(root):
            _want(root, "it was asked for", plan, scope)
    for task in reversed(plan.order):
        if plan.verdicts[task].is_current or (plan.verdicts[task].rule is Rule.UPSTREAM and isinstance(task, BaseTask)):
            # A step that waits for a requirement may be kept; if it is not, it asks for them when it runs, as a plain task cannot.
            continue
        for _, required in scope.requirements(task)[1]:
            if _lives_in_memory(required):
                if in_one_process:
                    _want(required, f"{task!r} needs it", plan, scope)
                continue
            found = scope.remembered(required)
            if found is not None and found.absent and isinstance(required, Task):
                _want(required, f"{task!r} needs it", plan, scope)


def _lives_in_memory(task: Any) -> bool:
    return getattr(task, "_in_memory", False)


def _want(task: Any, why: str, plan: Plan, scope: Scope) -> None:
    """Absent data are to be made; where something else makes the task run anyhow, its verdict stays."""
    found = scope.finding(task)
    scope.want(task)
    if found is not None and found.absent:
        plan.verdicts[task] = Verdict(Rule.MISSING, why)

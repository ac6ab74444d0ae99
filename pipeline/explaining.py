"""A plan in words: for each task its verdict, the reason, a diff where code changed, and how long it will take.

Expected durations come from the task's own last run, else from others of its family; where there is none, nothing is
made up.
"""

from __future__ import annotations

import dataclasses
import statistics
from typing import Any

from pipeline.fingerprint import kept
from pipeline.planning import Plan
from pipeline.task import ExternalFile, Part, Task, WrapperTask
from pipeline.verdict import Rule, Verdict, in_words
from targets.errors import TargetError
from targets.record import SUFFIX, Record
from targets.target import Place, Target

_FAMILY_SAMPLE = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One task of a plan."""

    task: Any
    kind: str
    verdict: Verdict
    expected: float | None = None
    diff: str = ""
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "task": repr(self.task),
            "family": self.task.get_task_family(),
            "key": getattr(self.task, "key", self.task.task_id),
            "kind": self.kind,
            "verdict": str(self.verdict),
            "rule": str(self.verdict.rule),
            "reason": self.verdict.reason,
            "expected_seconds": self.expected,
            "diff": self.diff,
            "notes": list(self.notes),
        }


def rows(plan: Plan) -> list[Row]:
    """A row for each task, requirements first."""
    found = []
    families: dict[Any, float | None] = {}
    for task, verdict in plan.verdicts.items():
        kind = kind_of(task)
        if kind != "task":
            found.append(Row(task, kind, verdict))
            continue
        expected = None if verdict.is_current else _expected(task, families)
        diff = _diff(plan, task) if verdict.rule is Rule.CODE else ""
        found.append(Row(task, kind, verdict, expected, diff, tuple(plan.scope.code.notes.get(type(task), ()))))
    return found


def kind_of(task: Any) -> str:
    if isinstance(task, WrapperTask):
        return "wrapper"
    if isinstance(task, Part):
        return "part"
    if isinstance(task, ExternalFile):
        return "external file"
    return "task" if isinstance(task, Task) else "luigi"


def summary(found: list[Row]) -> str:
    """What would run, how long that may take, and what is kept."""
    steps = [row for row in found if row.kind == "task"]
    run = [row for row in steps if not row.verdict.is_current]
    perhaps = sum(row.verdict.rule is Rule.UPSTREAM for row in run)
    known = [row.expected for row in run if row.expected is not None]
    words = f"{len(run)} would run"
    if perhaps:
        words += f" ({perhaps} of them only if what they need comes out differently)"
    if known:
        words += f", about {in_words(sum(known))}" + (f" without the {len(run) - len(known)} that never ran" if len(known) < len(run) else "")
    return f"{words}; {len(steps) - len(run)} kept"


def _record(target: Target[Any]) -> Record | None:
    try:
        found = target.find_record()
    except TargetError:
        return None
    return found[0] if found else None


def _expected(task: Any, families: dict[Any, float | None]) -> float | None:
    record = _record(task.target)
    if record is not None:
        return record.duration
    folder = task.target.place.stem.rpartition("/")[0]
    if (type(task), folder) not in families:
        families[type(task), folder] = _typical(task, folder)
    return families[type(task), folder]


def _typical(task: Any, folder: str) -> float | None:
    durations: list[float] = []
    for name in task.store.list(folder):
        if name.endswith(SUFFIX) and len(durations) < _FAMILY_SAMPLE:
            record = _record(Target(Place(task.store, f"{folder}/{name.removesuffix(SUFFIX)}")))
            if record is not None:
                durations.append(record.duration)
    return statistics.median(durations) if durations else None


def _diff(plan: Plan, task: Any) -> str:
    record = _record(task.target)
    return kept.diff(task.store, record.fingerprint, plan.scope.code.of(type(task))) if record is not None else ""

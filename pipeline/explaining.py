"""A plan in words: for each task its verdict, the reason, a diff where code changed, and how long it will take.

Expected durations come from the task's own last run, else from others of its family; where there is none, nothing is
made up.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from typing import Any

from pipeline import failures, units
from pipeline.facts import for_record
from pipeline.fingerprint import kept
from pipeline.ours import name_of
from pipeline.planning import Plan
from pipeline.runs import is_step, kind_of
from pipeline.task import ExternalFile
from pipeline.verdict import Rule, Verdict, key_of
from targets.errors import TargetError
from targets.place import Place
from targets.record import SUFFIX, Record
from targets.target import Target

_FAMILY_SAMPLE = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One task of a plan."""

    task: Any
    kind: str
    verdict: Verdict
    expected: float | None = None
    diff: str = ""
    #: How a task that was never made differs from the nearest that was.
    nearest: str = ""
    notes: tuple[str, ...] = ()
    #: What is not there without which it cannot run: an external task, or one that would fail as it did before.
    waits_for: Any = None
    #: How it failed before, where that is kept: it would fail again at once.
    failed_before: str = ""
    #: How many tasks it asked for while it last ran that are no part of the plan: which it will ask for, its body alone knows.
    asked_for: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "task": repr(self.task),
            "family": self.task.get_task_family(),
            "key": name_of(self.task),
            "kind": self.kind,
            "verdict": str(self.verdict),
            "rule": str(self.verdict.rule),
            "reason": self.verdict.reason,
            "expected_seconds": self.expected,
            "diff": self.diff,
            "nearest": self.nearest,
            "notes": list(self.notes),
            "waits_for": repr(self.waits_for) if self.waits_for is not None else "",
            "failed_before": self.failed_before,
            "asked_for": self.asked_for,
        }


def rows(plan: Plan) -> list[Row]:
    """A row for each task, requirements first."""
    found = []
    families: dict[Any, list[Record]] = {}
    waiting: dict[str, Any] = {}
    planned = {key_of(task) for task in plan.verdicts}
    for task, verdict in plan.verdicts.items():
        kind = kind_of(task)
        waits_for = None if verdict.is_current else _waits_for(task, plan, waiting)
        failed_before = "" if kind != "step" or verdict.is_current else _failed_before(task, plan)
        if failed_before:
            waiting[task.task_id] = task
        if kind != "step":
            found.append(Row(task, kind, verdict, waits_for=waits_for))
            continue
        own = None if verdict.is_current else _record(task.target)
        others = [] if verdict.is_current or own is not None else _relatives(task, families)
        durations = [record.duration for record in ([own] if own is not None else others)]
        found.append(
            Row(
                task,
                kind,
                verdict,
                expected=statistics.median(durations) if durations else None,
                diff=kept.diff(task.store, own.fingerprint, plan.scope.code.of(type(task))) if own is not None and verdict.rule is Rule.CODE else "",
                nearest=_nearest(task, others),
                notes=tuple(plan.scope.code.notes.get(type(task), ())),
                waits_for=waits_for,
                failed_before=failed_before,
                asked_for=len(_asked_for(own) - planned) if own is not None else 0,
            )
        )
    return found


def _failed_before(task: Any, plan: Plan) -> str:
    """How a task failed that would fail again, where what it requires is as it was."""
    if not task.cache_failures:
        return ""
    # What is remembered is current; what is wanted again, since it was trimmed or is in no memory any more, is not.
    findings = [plan.scope.remembered(required) for _, required in plan.scope.known_requirements(task)]
    identities = [finding.identity or "" for finding in findings if finding is not None]
    return failures.before(task, plan.scope, identities) if len(identities) == len(findings) else ""


def _waits_for(task: Any, plan: Plan, waiting: dict[str, Any]) -> Any:
    """What is not there of all that a task needs, and does not come; `waiting` has what is known of its requirements, by task id."""
    if task.run is None or isinstance(task, ExternalFile):
        waiting[task.task_id] = task
        return None
    for _, required in plan.scope.known_requirements(task):
        if required.task_id in waiting:
            waiting[task.task_id] = waiting[required.task_id]
            return waiting[task.task_id]
    return None


def _asked_for(record: Record) -> set[str]:
    """The keys of what a step required while it ran."""
    return {row[2] for turn in record.dynamic for row in turn["inputs"]}


def summary(found: list[Row]) -> str:
    """What would run, how long that may take, and what is kept."""
    steps = [row for row in found if is_step(row.task)]
    stale = [row for row in steps if not row.verdict.is_current]
    run = [row for row in stale if row.waits_for is None and not row.failed_before]
    again = sum(bool(row.failed_before) for row in stale)
    perhaps = sum(row.verdict.rule is Rule.UPSTREAM for row in run)
    known = [row.expected for row in run if row.expected is not None]
    words = f"{len(run)} would run"
    if perhaps:
        words += f" ({perhaps} of them only if what they need comes out differently)"
    if known:
        words += f", about {units.span(sum(known))}" + (f" without the {len(run) - len(known)} that never ran" if len(known) < len(run) else "")
    if any(row.asked_for for row in run):
        words += ", and what these ask for while they run"
    if again:
        words += f"; {again} would fail as before (--retry-failed tries again)"
    if len(stale) > len(run) + again:
        words += f"; {len(stale) - len(run) - again} cannot, since what they need is not there"
    return f"{words}; {len(steps) - len(stale)} kept"


def _record(target: Target[Any]) -> Record | None:
    try:
        found = target.find_record()
    except TargetError:
        return None
    return found[0] if found else None


def _relatives(task: Any, families: dict[Any, list[Record]]) -> list[Record]:
    """Some records of the same family."""
    folder = task.target.place.stem.rpartition("/")[0]
    if (task.store, folder) not in families:
        names = itertools.islice((name for name in task.store.list(folder) if name.endswith(SUFFIX)), _FAMILY_SAMPLE)
        records = [_record(Target(Place(task.store, f"{folder}/{name.removesuffix(SUFFIX)}"))) for name in names]
        families[task.store, folder] = [record for record in records if record is not None]
    return families[task.store, folder]


def _nearest(task: Any, others: list[Record]) -> str:
    """The parameters in which the nearest stored output differs, as it has them."""
    if not others:
        return ""
    slots = [slot for slot in type(task)._schema_now().slots if slot.visible]
    mine = {slot.name: for_record(slot.declared, task.param_kwargs[slot.name]) for slot in slots}
    differences = [{name: record.params.get(name) for name in mine if record.params.get(name) != mine[name]} for record in others]
    fewest = min(differences, key=len)
    return ", ".join(f"{name}={value['text'] if isinstance(value, dict) else repr(value)}" for name, value in fewest.items())

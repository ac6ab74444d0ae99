"""The determinism audit: does a step, run again with the same inputs, give the same bytes?

Current steps are run again into a scratch store; what they gave is compared with what is stored. Nothing in the
store is changed. A step that differs makes everything below it run whenever it runs.
"""

from __future__ import annotations

import dataclasses
import logging
import random
import re
import tempfile
from collections.abc import Iterable
from typing import Any

from pipeline import planning
from pipeline.execute import Execution
from pipeline.fingerprint import Fingerprint
from pipeline.forcing import Forcing
from pipeline.repairing import Needs
from pipeline.scope import Scope, run_scope
from pipeline.stores import has_store
from targets.messages import said
from targets.opening import open_store
from targets.place import Place

log = logging.getLogger("pipeline")

_SUSPECTS = {
    r"\btime\.|\bdatetime\b|\.now\(|\.today\(": "it reads a clock",
    r"\brandom\b|default_rng\(\)|\bshuffle\b|\bnp\.random\b": "it reads a random generator that may not be seeded",
    r"\buuid\b|\burandom\b|\bsecrets\b": "it makes unique values",
    r"\bos\.environ\b|\bgetenv\b": "it reads the environment",
    r"\bset\(|\bfrozenset\(": "it uses a set, whose order differs from process to process",
    r"\bgetpid\b|\bid\(": "it reads the process",
    r"\blistdir\b|\.iterdir\(|\bglob\b|\bscandir\b": "it lists a directory, whose order is arbitrary",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Audited:
    """What the audit found about one task."""

    task: Any
    same: bool
    reason: str = ""


def audit(tasks: Any, names: Iterable[str] = ("all",), *, sample: int | None = None) -> list[Audited]:
    """Run current steps again, and say which gave other bytes. `sample`: that many of them, chosen at random."""
    chosen = Forcing(tuple(names))
    found = []
    with run_scope(Scope(inside_run=True)) as scope:
        plan = planning.plan(tasks, scope=scope)
        candidates = []
        for task in plan.order:
            chosen.look_at(task, ())
            if (
                has_store(task)
                and plan.verdicts[task].is_current
                and chosen.why(task)
                and not scope.found(task).absent
                and not task.target.identity_from_inputs
            ):
                candidates.append(task)
        chosen.insist(plan.order)
        if sample is not None and sample < len(candidates):
            candidates = random.SystemRandom().sample(candidates, sample)
        for task in candidates:
            with tempfile.TemporaryDirectory(prefix="luigi-warp-audit-") as scratch:
                try:
                    found.append(_run_again(task, scope, scratch))
                except Needs as needs:
                    lacking = ", ".join(repr(one) for one in [*needs.tasks, *needs.again])
                    log.warning("%r is left out of the audit: the data of %s are not at hand", task, lacking)
                except Exception as error:
                    found.append(Audited(task, False, f"it failed: {type(error).__name__}: {said(error)}"))
    return found


def _run_again(task: Any, scope: Scope, scratch: str) -> Audited:
    requirements, leaves = scope.requirements(task)
    execution = Execution(task, scope, leaves)
    record = task.target.record
    target = task.target_at(Place(open_store(scratch), task.target.place.stem))
    with target.store.draft() as draft:
        execution.draft = draft
        execution.target = target
        inputs = execution.load_all(requirements)
        task._execution = execution
        try:
            value = execution.drive(inputs)
        finally:
            del task._execution
        again = target.dump(value, facts=execution.facts(value, 0.0, target), draft=draft, directory=execution.side_files)
    if (again.digest, again.directory) == (record.digest, record.directory):
        return Audited(task, True)
    return Audited(task, False, _reason(task, target, record, again, scope.code.of(type(task))))


def _reason(task: Any, target: Any, record: Any, again: Any, fingerprint: Fingerprint) -> str:
    words = []
    if again.digest == record.digest:
        words.append("only its side files differ")
    elif _equal(task.load(), target.load()):
        words.append("the values are equal, only their bytes differ (sets and cloudpickled classes do that): say what counts in identity(output)")
    for name in fingerprint.pieces:
        text = fingerprint.text(name)
        for pattern, suspicion in _SUSPECTS.items():
            if re.search(pattern, text):
                words.append(f"{name}: {suspicion}")
    return "; ".join(words[:4]) or "the values differ"


def _equal(one: Any, other: Any) -> bool:
    try:
        same = one == other
        return bool(same) if isinstance(same, bool) else bool(same.all() if not hasattr(same, "to_numpy") else same.to_numpy().all())
    except (TypeError, ValueError, AttributeError):
        return False

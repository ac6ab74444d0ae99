"""Keeping a store in order: trimming data, accepting code, signing anew.

`trim` deletes data and keeps records: what is below stays current, and the data are made again only if something that
must run needs them. `accept` declares that a change of code did not change the meaning: records are stamped anew and
nothing runs. Both work under the key's lock and change nothing that has changed meanwhile.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline import meaning, planning
from pipeline.fingerprint import kept
from pipeline.forcing import Forcing
from pipeline.scope import Scope, run_scope
from pipeline.stores import has_store
from pipeline.verdict import Finding, Rule, required_while_running
from targets import trust
from targets.errors import SigningKeyError, StoreError, TargetError, UntrustedError
from targets.inventory import outputs
from targets.record import Inputs, Record
from targets.store import Store

log = logging.getLogger("pipeline")


def trim(tasks: Iterable[Any], *, dry_run: bool = False) -> list[Any]:
    """Delete the data of these tasks, if they are current; their records stay. Returns those that were trimmed, or with `dry_run` would be."""
    trimmed = []
    with run_scope(Scope(inside_run=True)) as scope:
        plan = planning.plan(planning.as_tasks(tasks), scope=scope)
        for task in plan.roots:
            if not has_store(task) or not plan.verdicts[task].is_current:
                continue
            target = task.target
            if target.in_memory:
                continue
            if dry_run:
                if not target.record.trimmed:
                    trimmed.append(task)
                continue
            with task.store.lock(task.key):
                if _changed_since(task, scope.found(task)):
                    continue
                record = target.record
                if record.trimmed:
                    continue
                target.rewrite(dataclasses.replace(record, trimmed=True, wanted=False))
                task.store.delete(*(part.file for part in record.parts if part.file), target.directory_name)
            trimmed.append(task)
    return trimmed


def resign(store: Store, *, unsigned: bool = False) -> Resigned:
    """Sign the records of a store with the first of today's keys, where they are signed with another that is known.

    `unsigned`: also those without a signature, after every byte of their data was verified. Whoever says so vouches for whoever could
    write to the store until now.
    """
    keys = trust.keyring()
    if not keys:
        raise SigningKeyError(f"there is no key to sign with: set {trust.KEY} or {trust.KEY_FILE}")
    signed = kept = 0
    refused: list[str] = []
    for target in outputs(store):
        with store.lock(target.place.key):
            try:
                found = target.find_record()
                if found is None:
                    continue
                record = found[0]
                if keys.is_signed_by_first(record.signature) and trust.distrust(record) is None:
                    kept += 1
                    continue
                if trust.distrust(record) is not None:
                    if record.signature or not unsigned:
                        raise UntrustedError(str(trust.distrust(record)))
                    target.verify_bytes(record)
                target.rewrite(record, vouched=True)
                signed += 1
            except (TargetError, StoreError, OSError) as error:
                refused.append(f"{target.place.stem}: {error}")
    return Resigned(signed, kept, tuple(refused))


@dataclasses.dataclass(frozen=True, slots=True)
class Resigned:
    """What became of the records of a store: newly signed, signed with today's key before, and refused, with the reasons."""

    signed: int
    kept: int
    refused: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Acceptance:
    """A record that is stamped anew, and why it would have run."""

    task: Any
    reason: str


def accept(tasks: Any, names: Iterable[str] = ("all",), *, dry_run: bool = True) -> list[Acceptance]:
    """Take the code of today as meaning what the recorded code meant, for the tasks of these names.

    With `dry_run`, or where a name fits nothing (`UnknownTaskError`), nothing is written. A record keeps when it was
    accepted, and from which fingerprint.
    """
    accepted = []
    chosen = Forcing(tuple(names))
    with run_scope(Scope(inside_run=True)) as scope:
        plan = planning.plan(tasks, scope=scope)
        for task in plan.order:
            chosen.look_at(task, ())
        chosen.insist(plan.order)
        for task in plan.order:
            if not has_store(task) or chosen.why(task) is None:
                continue
            # Judged again: what it needs may have been accepted a moment ago.
            finding = scope.found(task) if dry_run else planning.find(task, scope)
            verdict = finding.verdict
            if verdict.rule is not Rule.CODE and not (verdict.rule is Rule.INPUT and _restamped(task, task.target.record, scope)):
                continue
            if dry_run or _stamp(task, scope, finding):
                accepted.append(Acceptance(task, str(verdict)))
    return accepted


def _changed_since(task: Any, finding: Finding) -> bool:
    """Whether another process has made this output, or removed it, after it was judged. The caller holds the key's lock."""
    changed: bool = task.target.stamp() != finding.stamp
    if changed:
        log.warning("%r has changed meanwhile, and is left as it is", task)
    return changed


def _stamp(task: Any, scope: Scope, finding: Finding) -> bool:
    now = scope.code.of(type(task))
    kept.keep(task.store, now)
    target = task.target
    with task.store.lock(task.key):
        if _changed_since(task, finding):
            return False
        record = target.record
        inputs, dynamic = _restamped(task, record, scope) or (record.inputs, record.dynamic)
        stamp = {"at": round(time.time(), 3), "from": record.fingerprint}
        target.rewrite(dataclasses.replace(record, fingerprint=now.digest, inputs=inputs, dynamic=dynamic, accepted=stamp))
    scope.forget(task)
    return True


def _restamped(task: Any, record: Record, scope: Scope) -> tuple[Inputs, tuple[Mapping[str, Any], ...]] | None:
    """The inputs, and what was required while running, with the identities of today; None where more has changed than the code of pickles."""
    leaves = scope.requirements(task)[1]
    recorded = {row.path: row for row in record.inputs}
    if len(recorded) != len(leaves) or any(path not in recorded for path, _ in leaves):
        return None
    try:
        yielded = required_while_running(record)
    except Exception as error:
        log.debug("%r runs again: what it required while it ran cannot be made again: %s", task, error)
        return None
    given = [*((required, recorded[path].identity) for path, required in leaves), *yielded]
    today = [identity for required, before in given if (identity := _identity_today(required, before, scope)) is not None]
    if len(today) < len(given):
        return None
    identities = iter(today)
    inputs = [recorded[path]._replace(identity=next(identities)) for path, _ in leaves]
    turns = [{**turn, "inputs": [[*row[:3], next(identities), *row[4:]] for row in turn["inputs"]]} for turn in record.dynamic]
    return Inputs(inputs), tuple(turns)


def _identity_today(required: Any, given: str, scope: Scope) -> str | None:
    today = planning.find(required, scope).identity
    if today is None or today == given:
        return given
    return today if meaning.is_as_recorded(required, given, scope) else None

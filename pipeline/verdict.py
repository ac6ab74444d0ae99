"""The rule of truth: is an output still true, and if not, why must the task run?

The rules are asked in a fixed order and the first that fails is the verdict. `look` asks those that a task's
own record answers, `conclude` those that need its requirements. Neither reads data or runs anything; both
raise only for what a person must settle (a record of a newer version).
"""

from __future__ import annotations

import datetime
import enum
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import luigi

from pipeline import libraries, units
from pipeline.errors import RequirementError, TaskDefinitionError
from pipeline.ours import Ours
from pipeline.parameters import from_text
from targets import bytecode, seal, trust
from targets.errors import NewerRecordError, RecordError
from targets.record import COMPACT_FROM, Record
from targets.store import Stamp

if TYPE_CHECKING:
    from pipeline.scope import Scope


log = logging.getLogger("pipeline")


class Rule(enum.StrEnum):
    """Why a task must run, in the order in which it is asked; or that it need not."""

    CURRENT = "CURRENT"
    MISSING = "MISSING"
    DAMAGED = "DAMAGED"
    UNTRUSTED = "UNTRUSTED"
    CODE = "CODE"
    LIBRARY = "LIBRARY"
    REQUIREMENTS = "REQUIREMENTS"
    INPUT = "INPUT"
    EXPIRED = "EXPIRED"
    FORCED = "FORCED"
    UPSTREAM = "UPSTREAM"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule and the reason in words. `str` of one reads `INPUT: Ingest(rows=20) changed`."""

    rule: Rule
    reason: str = ""

    @property
    def is_current(self) -> bool:
        return self.rule is Rule.CURRENT

    def __str__(self) -> str:
        return f"{self.rule}: {self.reason}" if self.reason else str(self.rule)


CURRENT = Verdict(Rule.CURRENT)
_NOT_IN_MEMORY = Verdict(Rule.MISSING, "it is not in memory")
#: What UPSTREAM becomes once what had to run first has run.
DIFFERENT = Verdict(Rule.INPUT, "what it requires came out differently")
NEVER_MADE = Verdict(Rule.MISSING, "it was never made, or was removed")

#: So many seconds the clocks of two machines may differ by.
_CLOCKS_DIFFER = 60

#: Tasks with the places where they are required.
Leaves = Sequence[tuple[str, luigi.Task]]


@dataclass(slots=True)
class Finding:
    """What one run knows about a task: the verdict, the identity its consumers see, and the record's stamp.

    `absent`: the output is true, but its data are not at hand (trimmed, or in the memory of another process).
    `first`: what an UPSTREAM verdict waits for. `duration`: the seconds that its record says it took. `kind`: the class of the task.
    """

    verdict: Verdict
    identity: str | None = None
    stamp: Stamp | None = None
    absent: bool = False
    first: Any = None
    duration: float | None = None
    kind: type | None = None


@dataclass(slots=True)
class Look:
    """A task whose own record is in order, waiting for what its requirements say.

    `dynamic`: what it required while it ran, in that order, each with the identity that it was given.
    """

    record: Record
    stamp: Stamp
    dynamic: Sequence[tuple[Any, str]] = ()

    def leaves(self, static: Leaves) -> Leaves:
        """Everything that has to be judged first."""
        return [*static, *(("", task) for task, _ in self.dynamic)] if self.dynamic else static


def key_of(task: Any) -> str:
    """The key by which a requirement is recorded; a plain Luigi task's is made from its id."""
    return task.key if isinstance(task, Ours) else seal.short_digest(task.task_id.encode("utf-8", "surrogatepass"))


def look(task: Any, scope: Scope) -> Finding | Look:
    """Rules that the record alone answers."""
    target = task.target
    through = scope.through(target.store)
    try:
        found = target.find_record(through)
    except NewerRecordError:
        raise
    except RecordError as error:
        return Finding(Verdict(Rule.DAMAGED, str(error)))
    if found is None:
        return Finding(_NOT_IN_MEMORY if target.in_memory else NEVER_MADE)
    record, stamp = found
    if record.key != task.key:
        return Finding(Verdict(Rule.DAMAGED, f"the record beside it belongs to another task, {record.family}"))
    misfit = target.fits(record)
    if misfit is not None:
        return Finding(Verdict(Rule.MISSING, f"{misfit}, now {target.format_name()} is wanted"))
    if record.trimmed and (record.wanted or task.task_id in scope.wanted):
        return Finding(Verdict(Rule.MISSING, "its data were trimmed, and are needed"), stamp=stamp, duration=record.duration)
    if not record.trimmed:
        wrong = target.what_is_wrong(record, through)
        if wrong is not None:
            return Finding(Verdict(Rule(wrong[0]), wrong[1]), stamp=stamp, duration=record.duration)
    distrusted = trust.distrust(record)
    if distrusted is not None:
        log.warning("%r: %s; it is made again", task, distrusted)
        return Finding(Verdict(Rule.UNTRUSTED, distrusted), stamp=stamp, duration=record.duration)
    if scope.made_in_this_run(record):
        # Its code and its requirements were judged when it ran.
        return Finding(CURRENT, scope.identity_of(task, record), stamp, record.trimmed, duration=record.duration)
    changed = scope.code_change(task, record)
    if changed is not None:
        return Finding(Verdict(Rule.CODE, changed), stamp=stamp, duration=record.duration)
    changed = "" if record.trimmed else _why_unreadable(record) or bytecode.misfit(record.parts)
    if changed:
        # Whatever the policy says: who needs it could not load it.
        return Finding(Verdict(Rule.LIBRARY, changed), stamp=stamp, duration=record.duration)
    changed = scope.library_change(task, record)
    if changed is not None:
        return Finding(Verdict(Rule.LIBRARY, changed), stamp=stamp, duration=record.duration)
    try:
        return Look(record, stamp, required_while_running(record))
    except Exception as error:
        return Finding(
            Verdict(Rule.REQUIREMENTS, f"what it required while it ran cannot be made again: {error}"), stamp=stamp, duration=record.duration
        )


def _why_unreadable(record: Record) -> str:
    tried = record.unreadable
    is_the_same = bool(tried) and tried.get("with") == libraries.today(record.libraries)
    return str(tried.get("reason")) if is_the_same else ""


def required_while_running(record: Record) -> list[tuple[Any, str]]:
    """The tasks that a step yielded, in order, each with the identity of what it was given."""
    found = []
    for turn in record.dynamic:
        for row in turn["inputs"]:
            for task in from_text(row[4]):
                if key_of(task) != row[2]:
                    # A private parameter, which no record keeps, has another value now.
                    raise RequirementError(f"{row[1]} is not {task!r} any more")
                found.append((task, row[3]))
    return found


def conclude(task: Any, scope: Scope, seen: Look, leaves: Leaves, finding_of: Callable[[Any], Finding]) -> Finding:
    """Rules that need the requirements' findings."""
    record = seen.record
    difference = record.inputs.structure_matches([(path, key_of(required)) for path, required in leaves])
    if difference is not None:
        today = next((required for path, required in leaves if difference.startswith(f"inputs{path} is another")), None)
        return Finding(
            Verdict(Rule.REQUIREMENTS, f"{difference}: {today!r}" if today is not None else difference), stamp=seen.stamp, duration=record.duration
        )
    first = None
    recorded = {row.path: row.identity for row in record.inputs} if len(record.inputs) < COMPACT_FROM else None
    for at, (path, required) in enumerate(leaves):
        finding = finding_of(required)
        if not finding.verdict.is_current:
            first = first or required
        elif finding.identity != (recorded[path] if recorded is not None else record.inputs.identity_at(at)):
            given = recorded[path] if recorded is not None else record.inputs.identity_at(at)
            return Finding(_input_is_other(required, finding, given, scope), stamp=seen.stamp, duration=record.duration)
    for required, identity in seen.dynamic:
        # Had an earlier one been different, the step might not have asked for a later one.
        if first is not None:
            break
        finding = finding_of(required)
        if not finding.verdict.is_current:
            first = required
        elif finding.identity != identity:
            verdict = _input_is_other(required, finding, identity, scope, when=", required while running,")
            return Finding(verdict, stamp=seen.stamp, duration=record.duration)
    asked = too_old(task, scope, record) or forced(task, scope, record)
    if asked is not None:
        return Finding(asked, stamp=seen.stamp, duration=record.duration)
    if first is not None:
        return Finding(Verdict(Rule.UPSTREAM, f"{first!r} must run first"), stamp=seen.stamp, first=first, duration=record.duration)
    return Finding(CURRENT, scope.identity_of(task, record), seen.stamp, record.trimmed, duration=record.duration)


def _input_is_other(required: Any, finding: Finding, given: str, scope: Scope, when: str = "") -> Verdict:
    from pipeline import meaning  # it knows tasks, which know verdicts

    return Verdict(Rule.INPUT, f"{required!r}{when} has {meaning.what_is_other(required, finding, given, scope)}")


def too_old(task: Any, scope: Scope, record: Record) -> Verdict | None:
    """EXPIRED where the output is older than the step's `fresh_for`, or is dated later than now: of that nobody knows how old it is."""
    limit = task.fresh_for
    if limit is None or scope.is_fresh(record):
        return None
    if not isinstance(limit, datetime.timedelta):
        raise TaskDefinitionError(f"{task!r}: fresh_for is {limit!r}: it must be a datetime.timedelta, or None for no limit")
    made = record.started + record.duration
    # By the clock, since another run may have made it long after this one has begun.
    ahead = made - time.time()
    if ahead > _CLOCKS_DIFFER:
        return Verdict(Rule.EXPIRED, f"made in the future, {units.span(ahead)} from now: a clock was or is wrong")
    age = scope.now() - made
    if age < limit.total_seconds():
        return None
    allowed = f"fresh for {units.span(limit.total_seconds())}" if limit else "made again at every run"
    return Verdict(Rule.EXPIRED, f"made {units.span(age)} ago, {allowed}")


def forced(task: Any, scope: Scope, record: Record | None) -> Verdict | None:
    """FORCED where somebody asked for it in this run, and it has not run yet."""
    why = scope.forcing.why(task) if scope.forcing else None
    return None if why is None or (record is not None and scope.is_fresh(record)) else Verdict(Rule.FORCED, why)


def made_from(task: Any, fingerprint: str, inputs: Sequence[str]) -> str:
    """The identity of an output without bytes: what it was made from."""
    return seal.combine(["made from", task.key, fingerprint, *inputs])

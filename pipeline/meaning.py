"""What a requirement means to its consumers: its content, and the code of what its pickle names.

Promises: where a consumer was given the same content, and the code alone has changed since, that is told from another content, also behind
wrappers and parts. Judges nothing, writes nothing; asks for tasks that were judged in this run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipeline.scope import Scope
from pipeline.stores import has_store
from pipeline.task import Part, WrapperTask
from pipeline.verdict import Finding
from targets.record import Record

#: So many names, or places in a frame, are told of one that has changed.
_NAMES, _DRIFTS = 3, 5
#: Of a wrapper for more than so many tasks nobody wants to wait for the records, only to be told which of them differs.
_MANY = 100


def behind(required: Any, scope: Scope) -> Sequence[Any]:
    """The tasks whose outputs are loaded for a requirement: those that a wrapper stands for, the owner of a part."""
    if not getattr(required, "_stands_for_others", False):
        return (required,)
    found: dict[Any, None] = {}
    waiting = [required]
    while waiting:
        task = waiting.pop()
        if isinstance(task, Part):
            waiting.append(task.owner)
        elif isinstance(task, WrapperTask):
            waiting += [one for _, one in reversed(scope.requirements(task)[1])]
        else:
            found[task] = None
    return list(found)


def is_as_recorded(required: Any, identity: str, scope: Scope) -> bool:
    """Whether a current requirement would have this identity, were the code that its pickles name as it was when they were made."""
    return _as_recorded(required, scope).identity == identity


def _as_recorded(task: Any, scope: Scope) -> Finding:
    if isinstance(task, WrapperTask):
        return task._conclude(scope.requirements(task)[1], lambda one: _as_recorded(one, scope))
    found = scope.found(task)
    owner = task.owner if isinstance(task, Part) else task
    record = _record(owner)
    if record is None:
        return found
    if isinstance(task, Part):
        identity = scope.code.identity_of_part(owner, record, record.part(task.name), as_recorded=True)
    else:
        identity = scope.code.identity_of(owner, record, as_recorded=True)
    return dataclasses.replace(found, identity=identity)


def what_is_other(required: Any, finding: Finding, identity: str, scope: Scope) -> str:
    """In words, what is known about how a requirement, which has this finding, differs from what had this identity."""
    told = scope.code.told_of_meanings
    asked = (required.task_id, finding.identity, identity)
    if asked not in told:
        told[asked] = _what_is_other(required, identity, scope)
    return told[asked]


def _what_is_other(required: Any, identity: str, scope: Scope) -> str:
    owners = behind(required, scope)
    if len(owners) > _MANY:
        return "another content or meaning"
    records = [record for record in map(_record, owners) if record is not None]
    changed = [name for record in records for name in scope.code.changed_names(record)]
    if changed and is_as_recorded(required, identity, scope):
        return f"another meaning: {', '.join(list(dict.fromkeys(changed))[:_NAMES])} in its pickle changed"
    # Of several nobody knows whose content it is.
    drift = records[0].drift if len(records) == 1 else ()
    return f"another content ({'; '.join(drift[:_DRIFTS])})" if drift else "another content"


def _record(task: Any) -> Record | None:
    found = task.target.find_record() if has_store(task) else None
    return found[0] if found is not None else None

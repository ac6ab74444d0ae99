"""Outputs that are intact and cannot be read any more, since libraries have changed with which they were made (a model of an older scikit-learn).

Promises: such an output is said to be so in its record, by whoever needed it, and made again; with other versions (in the environment in which it
was made, say) it is as true as before. One that was made with the libraries of today is not made again: that would change nothing, and what its
reader says stands.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from pipeline import libraries
from pipeline.meaning import behind
from pipeline.scope import Scope
from pipeline.secrets import redact
from pipeline.stores import has_store
from pipeline.verdict import Rule, Verdict
from targets.errors import LoadError, PipelineError
from targets.messages import said

log = logging.getLogger("pipeline")

_LONGEST = 300
#: What may be the machine's fault.
_NOT_ITS_OWN = (MemoryError, OSError)


def declare(required: Any, error: LoadError, scope: Scope) -> Verdict | None:
    """Say in the records of what could not be loaded for a requirement that it is unreadable; the verdict, None where nothing was said."""
    if isinstance(error.__cause__, _NOT_ITS_OWN):
        return None
    owners = [owner for owner in behind(required, scope) if has_store(owner)]
    verdicts = [_declare(owner, error if len(owners) == 1 else None, scope) for owner in owners]
    return next((verdict for verdict in verdicts if verdict is not None), None)


def _declare(owner: Any, error: LoadError | None, scope: Scope) -> Verdict | None:
    """`error`: what loading it has raised; None where that is not known."""
    target = owner.target
    try:
        found = target.find_record()
        changed = libraries.changes(found[0].libraries) if found is not None else ""
        if found is None or not changed:
            return None
        if error is None and (error := _tried(target)) is None:
            return None
        words = f"it cannot be read any more ({redact(said(error.__cause__ or error))[:_LONGEST]}): {changed}"
        with target.store.lock(owner.key):
            if target.stamp() == found[1]:
                tried = {"reason": words, "with": libraries.today(found[0].libraries)}
                target.rewrite(dataclasses.replace(found[0], unreadable=tried))
    except PipelineError as refused:
        log.warning("%r cannot be said to be unreadable: %s", owner, refused)
        return None
    scope.forget(owner)
    return Verdict(Rule.LIBRARY, words)


def _tried(target: Any) -> LoadError | None:
    try:
        target.load()
    except LoadError as error:
        return None if isinstance(error.__cause__, _NOT_ITS_OWN) else error
    return None

"""Failures that are kept (`cache_failures = True`), so that what must fail again does not cost hours again.

Promises: a kept failure is believed only while it would come from the same code, parameters and inputs; success removes it, `--retry-failed` ignores
it. What may be the machine's fault (`OSError`, memory, a killed process) is never kept. It is a small JSON file beside the output's place.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from pipeline.errors import FailedBeforeError, PipelineError, RequirementError, RequirementFailedError
from pipeline.scope import Scope
from pipeline.secrets import redact
from pipeline.verdict import made_from
from targets.errors import StoreError, TargetError
from targets.messages import said

# No part of an output can have such a name.
SUFFIX = ".last-failure.json"
_LONGEST = 20_000
#: What may be the machine's fault, the store's, or that of what the step requires.
_NOT_ITS_OWN = (OSError, MemoryError, StoreError, TargetError, RequirementError, RequirementFailedError)


def _name(task: Any) -> str:
    return f"{task._stem}{SUFFIX}"


def _cause(task: Any, scope: Scope, identities: Sequence[str]) -> str:
    return made_from(task, scope.code.of(type(task)).digest, list(identities))


def before(task: Any, scope: Scope, identities: Sequence[str]) -> str:
    """In words, how this step failed before with the same code, parameters and inputs; empty where it did not, or may be tried again."""
    if not task.cache_failures or scope.retry_failed:
        return ""
    try:
        kept = json.loads(task.store.read(_name(task), 4096))
        same, words = kept["cause"] == _cause(task, scope, identities), str(kept["error"])
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(kept["at"])))
    except FileNotFoundError:
        return ""
    except (ValueError, KeyError, TypeError, OverflowError, OSError, StoreError, RecursionError):
        return ""  # not one of ours, or cut off: the step runs
    return f"failed at {when} with the same code, parameters and inputs: {words}" if same else ""


def insist_on_none(task: Any, scope: Scope, identities: Sequence[str]) -> None:
    """`FailedBeforeError` if this step failed before with the same code, parameters and inputs."""
    words = before(task, scope, identities)
    if words:
        raise FailedBeforeError(f"{task!r} {words}. --retry-failed tries again")


def keep(task: Any, scope: Scope, identities: Sequence[str], error: Exception) -> None:
    """Keep a failure that is the step's own."""
    if not task.cache_failures or isinstance(error, _NOT_ITS_OWN):
        return
    body = {
        "cause": _cause(task, scope, identities),
        "error": redact(f"{type(error).__name__}: {said(error)}")[:_LONGEST],
        "traceback": redact("".join(traceback.format_exception(error)))[-_LONGEST:],
        "at": round(time.time(), 3),
        "run": scope.id,
    }
    with suppress(OSError, PipelineError):  # the failure itself is what counts
        task.store.write(_name(task), json.dumps(body).encode())


def forget(task: Any) -> None:
    """The step has succeeded."""
    if task.cache_failures:
        task.store.delete(_name(task))

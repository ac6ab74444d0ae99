"""What every run that executes something leaves in its store: who began what, and how it ended.

Two immutable objects for each run, `<id>.begun.json` and `<id>.json`, under names that no other run uses. A run with the first alone was
killed or is still at work. They are for people: nothing is judged by them but whether a run came to its end.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Any

from pipeline import environment
from pipeline.scope import Scope
from pipeline.secrets import redact
from targets.errors import PipelineError
from targets.store import Store

log = logging.getLogger("pipeline")

FOLDER = ".luigi-warp/runs"
_BEGUN, _ENDED = ".begun.json", ".json"


class Entry:
    """The entry of one run in one store."""

    def __init__(self, store: Store, scope: Scope) -> None:
        self._store = store
        self._scope = scope
        self._facts: dict[str, Any] = {
            "id": scope.id,
            "begun": round(scope.started, 3),
            "host": environment.host(),
            "process": os.getpid(),
            "user": _user(),
            "command": redact(" ".join(sys.argv)),
            **{name: scope.environment[name] for name in ("versions", "git")},
        }

    def begin(self) -> None:
        self._write(_BEGUN, self._facts)

    def end(self, outcome: str, **facts: Any) -> None:
        """`outcome`: done, failed or interrupted."""
        body = {**self._facts, "ended": round(time.time(), 3), "outcome": outcome, **facts}
        self._write(_ENDED, body)

    def _write(self, ending: str, body: dict[str, Any]) -> None:
        try:
            self._store.write(f"{FOLDER}/{self._scope.id}{ending}", json.dumps(body).encode())
        except (OSError, PipelineError) as error:
            # A run does not depend on its entry; a step that cannot store its output says so itself.
            log.warning("the history has no entry of this run: %s", error)


def entries(store: Store) -> list[dict[str, Any]]:
    """All runs, the oldest first; the `outcome` of one that did not come to its end is `unfinished`."""
    names = set(store.list(FOLDER))
    found = []
    for name in sorted(names):
        if name.endswith(_BEGUN) and name.removesuffix(_BEGUN) + _ENDED in names:
            continue
        if name.endswith(_ENDED):
            with suppress(ValueError, OSError):
                found.append({"outcome": "unfinished", **json.loads(store.read(f"{FOLDER}/{name}", 4096))})
    return sorted(found, key=lambda entry: entry.get("begun", 0.0))


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return str(os.getuid()) if hasattr(os, "getuid") else ""

"""What every run leaves in its store: who began what, how it ended, and what became of each task.

An immutable JSON object under a name that no other run uses, `<id>.json`; what began to execute something left `<id>.begun.json` before, so a
run with that alone was killed or is still at work. The tasks of a large run are in an object beside it (see docs/decisions/0011).
It is for people: nothing is judged by it but whether a run came to its end. A run does not fail because its entry cannot be written.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import shlex
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline import columns, environment
from pipeline.runs import Outcome
from pipeline.scope import Scope
from pipeline.secrets import redact
from targets.errors import PipelineError
from targets.store import Store

log = logging.getLogger("pipeline")

FOLDER = ".luigi-warp/runs"
BEGUN, ENDED, TASKS = ".begun.json", ".json", ".tasks.json.z"
#: So many tasks are kept in the entry itself.
INSIDE = 1_000

#: What became of the tasks of a run.
Outcomes = Mapping[Any, Outcome]


class Entry:
    """The entry of one run in one store."""

    def __init__(self, store: Store, scope: Scope, reason: str = "") -> None:
        self._store = store
        self._scope = scope
        self._reason = reason
        self._is_ended = False

    def begin(self) -> None:
        self._write(BEGUN, _encoded(self._facts()))

    def end(
        self,
        outcome: str,
        *,
        exit_code: int,
        outcomes: Outcomes,
        requirements: Callable[[Any], columns.Requirements],
        error: BaseException | None = None,
    ) -> None:
        """`outcome`: done, failed or interrupted. `requirements`: what is known of what a task needs."""
        packed = columns.pack(outcomes, self._scope, requirements)
        body = {**self._facts(), "ended": round(time.time(), 3), "outcome": outcome, "exit_code": exit_code}
        if error is not None:
            body["error"] = columns.error_text(error)
        for name in ("counts", "families", "family_edges", "edges_left_out"):
            body[name] = getattr(packed, name)
        if len(outcomes) <= INSIDE:
            body["tasks"] = packed.tasks
        elif not self._write(TASKS, _compressed(packed.tasks)):
            return
        self._is_ended = self._write(ENDED, _encoded(body))

    def cut_off(self, exit_code: int) -> None:
        """The process ends at once, while somebody may still be writing to whatever knows of the tasks: it says nothing of them."""
        if not self._is_ended:
            self.end("interrupted", exit_code=exit_code, outcomes={}, requirements=lambda _: [])

    def _facts(self) -> dict[str, Any]:
        scope = self._scope
        return {
            "id": scope.id,
            "begun": round(scope.started, 3),
            "host": environment.host(),
            "process": os.getpid(),
            "user": _user(),
            "command": shlex.join(map(redact, sys.argv)),
            "reason": redact(self._reason),
            **{name: scope.environment[name] for name in ("versions", "git")},
        }

    def _write(self, ending: str, data: bytes) -> bool:
        try:
            self._store.write(f"{FOLDER}/{self._scope.id}{ending}", data)
            return True
        except (OSError, PipelineError) as error:
            # A run does not depend on its entry; a step that cannot store its output says so itself.
            log.warning("the history has no entry of this run: %s", error)
            return False


def _encoded(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _compressed(body: Any) -> bytes:
    # Column by column: the pieces of which JSON is made take many times the space of the whole.
    squeeze = zlib.compressobj(1)
    return b"".join([*map(squeeze.compress, _columns(body)), squeeze.flush()])


def _columns(body: Any) -> Iterator[bytes]:
    if not isinstance(body, dict):
        yield _encoded(body)
        return
    yield b"{"
    for number, (name, value) in enumerate(body.items()):
        yield (b"," if number else b"") + _encoded(name) + b":"
        if name == "groups":
            yield b"["
            for at, group in enumerate(value):
                yield b"," if at else b""
                yield from _columns(group)
            yield b"]"
        else:
            yield from _columns(value)
    yield b"}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return str(os.getuid()) if hasattr(os, "getuid") else ""

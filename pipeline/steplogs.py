"""The log of a step: what it printed and logged when it last ran, beside its record in the store, and live before whoever watches.

Promises: a step that printed nothing has no log and costs next to nothing. The log of one that failed ends with the traceback; that of a
process that died is written by its parent. No secret that this process knows is in it. It is bounded: the last megabyte is kept. A log that
cannot be written is a warning, never a failure of the step; nothing is judged by a log, and no digest covers it.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from pipeline import capture, interrupts, logs
from pipeline.engines import deaths
from pipeline.errors import FailedBeforeError, RequirementFailedError
from pipeline.ours import Ours
from pipeline.postponing import Held
from pipeline.reporting import console
from pipeline.secrets import redact
from pipeline.stores import has_store
from targets.errors import LeaseLostError, PipelineError, RecordError, StoreError
from targets.naming import named_key
from targets.store import Store
from targets.target import LOG, log_name

log = logging.getLogger("pipeline")

DONE, WAITING, FAILED, INTERRUPTED, DIED = "done", "waiting", "failed", "interrupted", "died"
#: What stands between what a step printed and how it ended.
_END = "--- "
_HEAD = re.compile(r"# run (\S+), (\w+), ([0-9.]+): (.*)\n")
_LONGEST_TRACEBACK = 50_000
_LONGEST_NAME = 60
_OURS = os.path.dirname(__file__) + os.sep
#: Such an end says nothing about the step: what it printed when it ran is worth more.
_NOT_RUN = (FailedBeforeError, RequirementFailedError, LeaseLostError, Held)


class Unfinished(Exception):
    """A body is left because it needs more; it will begin again."""


class StepLog:
    """Used as a context manager around the execution of a step."""

    __slots__ = ("_execution", "_section")

    def __init__(self, execution: Any) -> None:
        self._execution = execution
        self._section: capture.Section | None = None

    def __enter__(self) -> None:
        if self._execution.scope.captures:
            self._section = capture.begin(self._execution.task)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if error is not None:
            deaths.explain(error)
        section = self._section
        if section is None or not section.end():
            return
        task, run = self._execution.task, self._execution.scope.id
        #: Whether what it asked for earlier was given to it now.
        resumed = bool(self._execution.dynamic)
        if error is None:
            if not section.data and not resumed:
                forget(task)
                return
            state, end = DONE, ""
        elif isinstance(error, _NOT_RUN):
            return
        elif isinstance(error, Unfinished):
            if not section.data:
                return
            state, end = WAITING, ""
        elif not interrupts.is_from_outside(error):
            state, end = FAILED, f"{_END}failed\n" + _traceback(error)
        else:
            state, end = INTERRUPTED, f"{_END}interrupted\n"
        text = _as_text(section.data, section.cut)
        if resumed:
            text = _before(task, run) + text
            if not text and not end:
                return
        _write(task, run, state, text, end)


def _before(task: Any, run: str) -> str:
    """What it printed until it asked for more, in this run."""
    found = read(task)
    return found.text if found is not None and (found.run, found.state) == (run, WAITING) else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A log: which run has written it, how the step ended (done, waiting, failed, interrupted, died), when, and what it says."""

    run: str
    state: str
    at: float
    task: str
    text: str

    def last_lines(self, most: int) -> list[str]:
        """The last of what the step has printed; where that is nothing, of the traceback."""
        printed, _, end = self.text.rpartition(f"\n{_END}") if self.state in (FAILED, INTERRUPTED, DIED) else (self.text, "", "")
        if self.text.startswith(_END) and not printed:
            end = self.text.partition("\n")[2]
        lines = [line for line in (printed or end).splitlines() if line.strip()]
        return [line[:500] for line in _around_a_crash(lines, most)]


def _around_a_crash(lines: list[str], most: int) -> list[str]:
    """faulthandler says where a process crashed first, and then much else."""
    for place, line in enumerate(lines):
        if line.startswith("Fatal Python error: "):
            return lines[max(0, place - 1) : place - 1 + most] if place else lines[:most]
    return lines[-most:]


def read(task: Any) -> Found | None:
    """The log of a task's last execution; None where it printed nothing, or where there was none."""
    if not has_store(task):
        return None
    found = None
    try:
        found = read_at(task.store, log_name(task.target))
        recorded = task.target.find_record() if found is not None else None
    except RecordError:
        return found
    except StoreError as error:
        log.warning("the log of %r: %s", task, error)
        return None
    if found is None:
        return None
    # A store that is far away keeps the log of an earlier run when the step prints nothing.
    is_old = recorded is not None and recorded[0].run != found.run and (recorded[0].started or 0.0) > found.at
    return None if is_old else found


def read_at(store: Store, name: str) -> Found | None:
    """The log that a store keeps under a name; `StoreError` where something is there that cannot be read."""
    try:
        text = store.read(name, 4096).decode("utf-8", "replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"{store.where(name)} cannot be read: {error}. Mend the cause, or move it away") from error
    if not text:
        return None  # no log of ours is empty; a pipe is
    head = _HEAD.match(text)
    if head is None:
        return Found("", DONE, 0.0, name, text)
    return Found(head[1], head[2], float(head[3]), head[4], text[head.end() :])


def find(store: Store, key: str) -> Iterator[str]:
    """Names of the logs in a store of which the key, or the name, begins like this."""
    for folder in store.folders():
        for name in store.list(folder):
            stem = name.removesuffix(LOG)
            if stem != name and not name.startswith(".") and ((named_key(stem) or "").startswith(key) or stem.startswith(key)):
                yield f"{folder}/{name}"


def where(task: Any) -> str:
    """Where the log of a task is, or would be."""
    return task.store.where(log_name(task.target)) if has_store(task) else ""  # type: ignore[no-any-return]


def forget(task: Any) -> None:
    """The step has printed nothing this time."""
    store = task.store
    if not store.reads_in_bulk:  # else a request costs more than all the rest: see `read`
        store.delete(log_name(task.target))


class _Taken(Exception):
    pass


def keep_of_dead(task: Any, run: str, data: bytes, cut: int, words: str) -> None:
    """A process died: write what it had printed, unless another process has begun to make the same output."""
    if not has_store(task):
        return

    def give_up() -> None:
        raise _Taken

    try:
        with task.store.lock(task.key, give_up):
            _write(task, run, DIED, _as_text(data, cut), f"{_END}{words}\n")
    except _Taken:
        return
    except (OSError, PipelineError) as error:
        _complain(task, error)


def _write(task: Any, run: str, state: str, text: str, end: str) -> None:
    if not has_store(task):
        return
    if text and not text.endswith("\n"):
        text += "\n"
    head = f"# run {run}, {state}, {time.time():.3f}: {task!r}".replace("\n", " ")
    try:
        task.store.write(log_name(task.target), redact(f"{head}\n{text}{end}").encode("utf-8", "replace"))
    except (OSError, PipelineError) as error:
        _complain(task, error)


def _complain(task: Any, error: Exception) -> None:
    log.warning("the log of %r could not be kept: %s", task, error)


def _as_text(data: bytes, cut: int) -> str:
    text = data.decode("utf-8", "replace")
    if "\r" in text:
        # What a terminal would show of lines that were written over.
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return f"{_END}{cut} bytes before this were cut\n{text}" if cut else text


def _traceback(error: BaseException) -> str:
    """Without our own frames, which come first."""
    first = error.__traceback__
    while first is not None and first.tb_next is not None and first.tb_frame.f_code.co_filename.startswith(_OURS):
        first = first.tb_next
    try:
        return "".join(traceback.format_exception(type(error), error, first))[-_LONGEST_TRACEBACK:]
    except Exception:  # an exception whose message cannot be shown
        return f"{type(error).__name__}\n"


# Live


def short_name(task: Any) -> str:
    """A step's name, as it stands before what the step prints."""
    name = repr(task)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{type(task).__name__}({task.key[:8]})" if isinstance(task, Ours) else name[: _LONGEST_NAME - 3] + "..."


def show(task: Any, lines: list[bytes], inner: bool = False) -> None:
    """Show what a step has printed, with its name; as JSON lines where the console has those."""
    texts = [redact(_as_text(line, 0)) for line in lines]
    if task is not None:
        name = short_name(task)
        if logs.console_is_json():
            texts = [text if logs.is_json(text) else logs.as_json(text, name) for text in texts if text]
        else:
            texts = [f"{name} | {text}" for text in texts]
    if not texts:
        return
    if inner:
        print("\n".join(texts), file=sys.stderr)
    else:
        console.emit("\n".join(texts))


capture.show = show

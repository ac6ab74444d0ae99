"""A child process that runs jobs: one after the other as they are described to it, or a single one that it inherits.

Children end with their parent: the kernel tells them (Linux), and so does the end of their pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import luigi.worker

from pipeline import capture, interrupts
from pipeline.engines.deaths import ForkedProcess, kills_for_memory
from pipeline.engines.engine import Job, Result
from pipeline.tape import Tape
from targets.messages import said

_fork = multiprocessing.get_context("fork")


class Child:
    """The parent's view of it: its process, its pipe, and the job it is at."""

    def __init__(self, find: Callable[[Any], Job] | None, only: Job | None, others: list[Any], *, captures: bool = False) -> None:
        ours, theirs = _fork.Pipe()
        #: What it prints, which outlives it.
        self.tape = Tape(capture.give) if captures else None
        self.killed_before = kills_for_memory()
        # A daemon could not have children of its own, and steps may well start processes.
        self.process = ForkedProcess(target=_serve, args=(theirs, [ours, *others], find, only, os.getpid(), self.tape), daemon=False)
        with luigi.worker.fork_lock:
            self.process.start()
        theirs.close()
        self.pipe: Connection[Any, Any] = ours
        self.job: Any = None
        #: Processes that its step had started when it was asked to end.
        self._started: list[int] = []
        self._is_for_one_job = only is not None

    @property
    def is_idle(self) -> bool:
        return self.job is None and not self._is_for_one_job

    def begin(self, job: Any) -> None:
        """It is given something to do."""
        if self.tape is not None and not self._is_for_one_job and self.tape.size():  # such a one has begun already
            self.show()
            self.tape.clear()
        self.job = job

    def tell(self, description: Any) -> None:
        """Tell it which task; `BrokenPipeError` where it has just died."""
        self.pipe.send_bytes(pickle.dumps(description))

    def show(self) -> None:
        """Show what its job has printed meanwhile."""
        if self.tape is not None:
            self.tape.show(self.job.task if self.job is not None else None)

    def finish(self) -> None:
        """Its job is done, one way or the other: show the rest."""
        if self.tape is not None and self.job is not None:
            self.tape.show(self.job.task, to_the_end=True)

    def last_words(self) -> tuple[bytes, int]:
        """What its job has printed, the last of it, and how many bytes came before that."""
        return self.tape.text(0, self.tape.size()) if self.tape is not None else (b"", 0)

    def wait(self, seconds: float) -> None:
        """Give it so long to end."""
        # Not `join`, which waits on and on for a process whose step has closed the files that it did not know.
        until = time.monotonic() + seconds
        while self.process.is_alive() and time.monotonic() < until:
            time.sleep(0.001)

    def ask_to_end(self) -> None:
        """Its step is left by an exception. What the step has started may outlive it, until `kill`."""
        self._started = list(_descendants(self.process.pid))
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(self.process.pid, signal.SIGTERM)  # type: ignore[arg-type]

    def end(self) -> None:
        """End it and what its step has started."""
        if self.process.is_alive():
            self._started += _descendants(self.process.pid)
            self.process.kill()
        for pid in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._started.clear()
        self.process.join()

    def kill(self) -> None:
        """End it; nothing of it is left afterwards."""
        self.end()
        self.pipe.close()
        if self.tape is not None:
            self.finish()
            self.tape.close()
            self.tape = None


def _descendants(pid: int | None) -> Iterator[int]:
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                yield child
                yield from _descendants(child)


def _serve(
    pipe: Connection[Any, Any], parents: list[Any], find: Callable[[Any], Job] | None, only: Job | None, parent: int, tape: Tape | None
) -> None:
    if tape is not None:
        capture.always(tape)
        if not faulthandler.is_enabled():
            faulthandler.enable(2)  # a crash says where in the step it happened
    for end in parents:
        end.close()
    _die_with_parent(parent)
    # These reach the whole group: the parent decides what becomes of the steps.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    interrupts.raise_in_child()
    # The parent held it while forking. A step that starts a build of its own would wait for it forever.
    luigi.worker.fork_lock = threading.Lock()
    with contextlib.suppress(interrupts.Terminated):
        for job in _received(pipe, find) if only is None else [only]:
            result = job.run_now()
            with contextlib.suppress(OSError):  # the parent is no more
                _send(pipe, result)
            if interrupts.leaving_by() is not None:
                return  # the step has made something else of it


def _received(pipe: Connection[Any, Any], find: Callable[[Any], Job] | None) -> Iterator[Job]:
    assert find is not None
    while True:
        try:
            description = pipe.recv()
        except (EOFError, OSError):  # the parent has closed it, or is no more
            return
        yield find(description)


def _send(pipe: Connection[Any, Any], result: Result) -> None:
    capture.flush()  # the next job may kill this process
    try:
        # Words and numbers need no more than plain pickle, which costs half of what `send` does for connections and locks.
        data = pickle.dumps(result.as_text())
    except Exception as error:
        words = f"what task {result.task_id} gave to its worker cannot be pickled: {type(error).__name__}: {said(error)}"
        data = pickle.dumps(Result.failure(result.task_id, words))
    pipe.send_bytes(data)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

"""The engine `processes`: persistent child processes, forked once the graph is known.

A child inherits every scheduled task, so that only an id travels to it; what is scheduled later travels as Luigi
describes it (module, family, parameters). A child that ends without a result has died: the job fails with how it ended, and
another child takes its place. Children end with their parent: the kernel tells them (Linux), and so does the end of
their pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from pipeline.engines.engine import Result

_fork = multiprocessing.get_context("fork")


class _Child:
    """One worker process and the job it is at."""

    def __init__(self, run: Callable[[Any], Result], find: Callable[[Any], Any]) -> None:
        ours, theirs = _fork.Pipe()
        # A daemon could not have children of its own, and steps may well start processes.
        self.process = _fork.Process(target=_serve, args=(theirs, ours, run, find, os.getpid()), daemon=False)
        self.process.start()
        theirs.close()
        self.pipe: Connection[Any, Any] = ours
        self.job: ProcessJob | None = None


class ProcessJob:
    """A job that a child is at, as Luigi's worker looks at it."""

    use_multiprocessing = True

    def __init__(self, process: Any, child: _Child) -> None:
        self.task = process.task
        self.worker_timeout = process.worker_timeout
        self.timeout_time = process.timeout_time
        self.status_reporter = process.status_reporter
        self.child = child

    @property
    def pid(self) -> int | None:
        return self.child.process.pid

    @property
    def exitcode(self) -> int | None:
        # A dead child is this engine's affair: it delivers the failure itself.
        return None

    def is_alive(self) -> bool:
        return self.child.process.is_alive()

    def terminate(self) -> None:
        self.child.process.kill()


class ProcessEngine:
    """See `pipeline.engines.engine.Engine` for the contract."""

    def __init__(self, run: Callable[[Any], Result], workers: int) -> None:
        self._run = run
        self._workers = workers
        self._children: list[_Child] = []
        #: What children inherit: jobs by task id, to be made when the first is forked.
        self.find: Callable[[Any], Any] = lambda described: described
        self.describe: Callable[[Any], Any] = lambda process: process.task.task_id

    def submit(self, process: Any) -> Any:
        child = next((child for child in self._children if child.job is None), None)
        if child is None:
            child = _Child(self._run, self.find)
            self._children.append(child)
        child.job = ProcessJob(process, child)
        with contextlib.suppress(BrokenPipeError):  # it died while it was idle: its end is read as a result
            child.pipe.send(self.describe(process))
        return child.job

    def next_result(self, timeout: float) -> Result | None:
        busy = {child.pipe: child for child in self._children if child.job is not None}
        for pipe in wait(list(busy), timeout):
            child = busy[pipe]  # type: ignore[index]
            job = child.job
            assert job is not None
            try:
                result: Result = child.pipe.recv()
            except (EOFError, OSError, pickle.UnpicklingError):
                return self._died(child, job)
            child.job = None
            return result
        return None

    def _died(self, child: _Child, job: ProcessJob) -> Result:
        child.process.join()
        self._children.remove(child)
        child.pipe.close()
        words = how_it_ended(child.process.exitcode)
        return Result(job.task.task_id, "FAILED", words, settled=((job.task.task_id, "failed", 0.0, words),))

    def close(self) -> None:
        for child in self._children:
            child.pipe.close()
            if child.job is not None:
                child.process.terminate()
        for child in self._children:
            child.process.join(5)
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
        self._children.clear()


def how_it_ended(code: int | None) -> str:
    """The end of a process in words."""
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = ": perhaps the system ran out of memory" if name == "SIGKILL" else ""
        return f"its process was ended by {name} (exit code {code}){hint}"
    return f"its process ended with exit code {code} before the step was done"


def _serve(pipe: Connection[Any, Any], parents: Connection[Any, Any], run: Callable[[Any], Result], find: Callable[[Any], Any], parent: int) -> None:
    parents.close()
    _die_with_parent(parent)
    # Ctrl-C reaches the whole group: the parent decides what becomes of the steps.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        try:
            described = pipe.recv()
        except (EOFError, OSError):
            return
        result = run(find(described))
        try:
            pipe.send(result)
        except (BrokenPipeError, OSError):
            return


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)

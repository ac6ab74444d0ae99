"""The engine `processes`: persistent child processes, forked once the graph is known.

A child inherits every scheduled task, so that only an id travels to it; what is scheduled later travels as Luigi
describes it (module, family, parameters). A job that nothing describes is inherited by a child that is forked for it alone.
A child that ends without a result has died: the job fails with how it ended, and another child takes its place.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Callable
from multiprocessing.util import Finalize
from typing import Any

from pipeline import interrupts
from pipeline.engines import deaths
from pipeline.engines.child import Child
from pipeline.engines.engine import Job, Result
from pipeline.scope import current
from targets.messages import said

#: How often what steps print is shown, in seconds.
_PERIOD = 0.1
#: Seconds for which all others wait at most for a step that has run for too long and is to end.
_PATIENCE = 5.0


class ProcessJob:
    """A job that a child is at, as Luigi's worker looks at it."""

    use_multiprocessing = True
    # A dead child is the engine's affair: it delivers the failure itself.
    exitcode = None

    def __init__(self, job: Job, child: Child, engine: ProcessEngine) -> None:
        self.task = job.task
        self.worker_timeout = job.worker_timeout
        self.timeout_time = job.timeout_time
        self.status_reporter = job.status_reporter
        self._child = child
        self._engine = engine
        #: What it has printed, where its process was ended or died.
        self.last_words: tuple[bytes, int] = b"", 0

    @property
    def peak(self) -> int:
        """The most memory that its process has used, once that has ended."""
        return self._child.process.peak

    @property
    def pid(self) -> int | None:
        return self._child.process.pid

    def is_alive(self) -> bool:
        return self._child.process.is_alive()

    def terminate(self) -> None:
        """It has run for longer than it may: its step is left by an exception first, so that what it has begun elsewhere can be ended."""
        self._child.ask_to_end()
        self._child.wait(min(self._engine.grace, _PATIENCE))
        self._engine.stop(self._child, self)


class ProcessEngine:
    """See `pipeline.engines.engine.Engine` for the contract."""

    def __init__(self, describe: Callable[[Job], Any] = lambda _: None, find: Callable[[Any], Job] | None = None, grace: float = 0.0) -> None:
        self._describe = describe
        self._find = find
        self.grace = grace
        self._children: list[Child] = []
        self._show_next = 0.0
        # An interpreter that ends waits for all children, and children that are idle wait for a job.
        Finalize(self, _end, (self._children,), exitpriority=10)

    def submit(self, job: Job) -> ProcessJob:
        description = self._describe(job)
        for known in list(self._children):
            if known.job is None and not known.process.is_alive():
                self.stop(known)
        child = None if description is None else next((known for known in self._children if known.is_idle), None)
        if child is not None:
            begun = self._begin(job, child)
        else:
            # A child that is forked, and of which nobody knows yet, could not be ended.
            with interrupts.held_back():
                child = self._fork(job if description is None else None)
                begun = self._begin(job, child)
        if description is not None:
            with contextlib.suppress(BrokenPipeError):  # it has just died: its end is read as a result
                child.tell(description)
        return begun

    def _fork(self, only: Job | None) -> Child:
        child = Child(self._find, only, [known.pipe for known in self._children], captures=current().captures)
        self._children.append(child)
        return child

    def _begin(self, job: Job, child: Child) -> ProcessJob:
        begun = ProcessJob(job, child, self)
        child.begin(begun)
        return begun

    def next_result(self, timeout: float) -> Result | None:
        if time.monotonic() > self._show_next:
            self._show_next = time.monotonic() + _PERIOD
            for child in self._children:
                child.show()
        busy = [child for child in self._children if child.job is not None]
        for child in _heard_of(busy, timeout):
            return self._result(child)
        # What a step has started may hold the pipe of a child open that has died.
        for child in busy:
            if not child.process.is_alive():
                return self._result(child, speaks=child.pipe.poll())
        return None

    def _result(self, child: Child, *, speaks: bool = True) -> Result:
        job = child.job
        task_id = job.task.task_id
        try:
            if not speaks:
                raise EOFError
            result: Result = child.pipe.recv()
        except EOFError:
            child.wait(1)
            code = child.process.exitcode
            self.stop(child, job)
            words = deaths.in_words(code, job.peak, child.killed_before)
            return Result.failure(task_id, f"Task {task_id} died unexpectedly {words}", died=True)
        except Exception as error:
            self.stop(child, job)
            return Result.failure(task_id, f"the result of task {task_id} cannot be read: {type(error).__name__}: {said(error)}")
        child.finish()
        child.job = None
        return result

    def stop(self, child: Child, job: ProcessJob | None = None) -> None:
        """End a child whatever it is at; nothing is heard of its job any more but its last words."""
        self._children.remove(child)
        child.end()
        if job is not None:
            job.last_words = child.last_words()
        child.kill()

    def kill(self) -> None:
        for child in list(self._children):
            with contextlib.suppress(Exception):  # the next one is to be ended in any case
                child.kill()
        self._children.clear()

    def close(self) -> None:
        _end(self._children, self.grace)


def _heard_of(children: list[Child], timeout: float) -> list[Child]:
    """Those that have sent something, or closed their pipe, within so many seconds."""
    # What `multiprocessing.connection.wait` does, at a third of what its selectors cost.
    pipes = select.poll()
    for child in children:
        pipes.register(child.pipe, select.POLLIN)
    heard = {descriptor for descriptor, _ in pipes.poll(timeout * 1000)}
    return [child for child in children if child.pipe.fileno() in heard]


def _end(children: list[Child], grace: float = 0.0) -> None:
    until = time.monotonic() + grace
    for child in children:
        if child.job is None:
            child.pipe.close()  # tells it to end
        elif grace:
            child.ask_to_end()
        else:
            child.kill()
    for child in children:
        child.wait(5 if child.job is None else until - time.monotonic())
        child.kill()
    children.clear()

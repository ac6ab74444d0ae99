"""A task on its way through an engine: Luigi's task process, which runs in whatever process the engine likes.

What Luigi does around a body (events, status messages, dynamic requirements, a new random seed) is Luigi's own code. Added is
what Luigi does not tell: whether a body ran, how long it took and what it raised.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import luigi
from luigi.scheduler import FAILED
from luigi.task_register import load_task
from luigi.worker import ContextManagedTaskProcess, DequeQueue

from pipeline import interrupts
from pipeline.engines import Result, deaths
from pipeline.engines.engine import HELD
from pipeline.errors import RequirementFailedError
from pipeline.plainluigi import can_be_complete, why_incomplete
from pipeline.postponing import Held
from pipeline.repairing import owner_of, set_aside_for
from pipeline.scope import current
from pipeline.secrets import redact
from pipeline.settled import Settled
from pipeline.task import BaseTask
from targets.errors import MissingOutputError
from targets.messages import said

log = logging.getLogger("pipeline")


class _NeverStarted(multiprocessing.Process):
    """What is no process need not be prepared as one, which would cost as much as all the rest of it."""

    exitcode = None

    def __init__(self) -> None:
        # Comes after Luigi's class in the order of bases, hence in the place of `Process.__init__`.
        pass

    def is_alive(self) -> bool:
        return False


class _Forwarded:
    """Gives a task what it may call while it runs, and takes it away afterwards.

    Luigi leaves None in each place, which costs every task that has run more memory than its parameters do.
    """

    def __init__(self, process: TaskProcess) -> None:
        self._process = process

    def __enter__(self) -> TaskProcess:
        process = self._process
        reporter, attributes = process.status_reporter, process.task.__dict__
        for given, name in process.forward_reporter_attributes.items():
            attributes[name] = getattr(reporter, given)
        return process

    def __exit__(self, *exception: object) -> None:
        task = self._process.task
        for name in self._process.forward_reporter_attributes.values():
            task.__dict__.pop(name, None)
        # A copy, since a dict from which something is taken away stays as large as it was.
        task.__dict__ = task.__dict__.copy()


def _check_asked_for(check_complete: Callable[[Any], bool], task: Any) -> bool:
    """Whether what a plain task yields is complete. Luigi passes it on as text: where that is another step, it would be asked for for ever."""
    complete = check_complete(task)
    if not complete and isinstance(task, BaseTask):
        other = load_task(task.task_module, task.task_family, task.to_str_params())
        if other.task_id != task.task_id:
            raise RequirementFailedError(
                f"{task!r}, which it asks for, is another task when it is written as text, as Luigi passes it on: {other!r}. Give its parameters "
                "values of the types that they declare, and none that are private"
            )
    return complete


class TaskProcess(ContextManagedTaskProcess, _NeverStarted):
    """See the module; it is never started as a process of its own."""

    def __init__(self, context: str | None, task: Any, worker_id: str, reporter: Any, **options: Any) -> None:
        super().__init__(context, task, worker_id, DequeQueue(), reporter, **options)
        # Our own tasks look at their requirements themselves, when they load them.
        self.check_unfulfilled_deps &= not isinstance(task, BaseTask)
        self.settled: list[Settled] = []
        #: When it began to run, as a moment and on a clock that is never set.
        self._begun = (0.0, 0.0)
        self._is_held = False

    @property
    def _owner(self) -> Any:
        """The task whose body is run."""
        return owner_of(self.task)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.task!r}>"

    def run_now(self) -> Result:
        """Run the task here; the result says everything."""
        scope = current()
        listener, scope.listener = scope.listener, self.settled.append
        owner = self._owner
        key, scope.goes_on_without = scope.goes_on_without, owner.key if isinstance(owner, BaseTask) else None
        self._begun = (time.time(), time.perf_counter())
        try:
            self.run()
        except KeyboardInterrupt as error:
            # Luigi lets it pass, also where nobody has pressed ctrl-C.
            if interrupts.is_from_outside(error):
                raise
            words = self._handle_run_exception(error)
            return Result(self.task.task_id, FAILED, words, settled=tuple(self.settled))
        finally:
            interrupts.take_back()
            scope.listener, scope.goes_on_without = listener, key
        task_id, status, explanation, missing, needs = self.result_queue.get()
        if self._is_held:
            return Result(task_id, HELD)
        return Result(task_id, status, explanation, tuple(missing), tuple(needs or ()), tuple(self.settled))

    def _forward_attributes(self) -> Any:
        return _Forwarded(self) if isinstance(self.task, BaseTask) else super()._forward_attributes()

    def _run_get_new_deps(self) -> Any:
        begun, since = time.time(), time.perf_counter()
        if not isinstance(self.task, BaseTask):
            self.check_complete = functools.partial(_check_asked_for, self.check_complete)
        needed = super()._run_get_new_deps()
        if not needed and not isinstance(self.task, BaseTask):
            self._insist_on_complete()
            state = "kept" if type(self.task).run is luigi.Task.run else "ran"  # a wrapper has no body
            self.settled.append(Settled(self.task.task_id, state, time.perf_counter() - since, begun=begun))
        return needed

    def _insist_on_complete(self) -> None:
        """In a build a plain task that ran and did not make its output has failed. To Luigi it is done, unless `check_complete_on_run` is set."""
        if current().is_build and not self.check_complete_on_run and can_be_complete(self.task):
            lacking = why_incomplete(self.task)
            if lacking is not None:
                raise MissingOutputError(f"it ran, and {lacking}")

    def _handle_run_exception(self, ex: BaseException) -> Any:
        if isinstance(ex, Held):
            self._is_held = True
            return ""
        deaths.explain(ex)
        if not isinstance(self.task, BaseTask):
            set_aside_for(self.task, ex)
        if isinstance(ex, RequirementFailedError):
            self.settled.append(Settled(self._owner.task_id, "skipped", error=ex))
        else:
            self.settled.append(Settled(self._owner.task_id, "failed", time.perf_counter() - self._begun[1], ex, self._begun[0]))
        try:
            explanation = super()._handle_run_exception(ex)
        except Exception as error:  # in its `on_failure`: what it has failed with stays what is told
            log.exception("on_failure() of %r failed", self.task)
            explanation = f"{type(ex).__name__}: {said(ex)}; and its on_failure() failed with {type(error).__name__}: {said(error)}"
        return redact(explanation) if isinstance(explanation, str) else explanation

"""Luigi's worker, handing tasks to an engine instead of one process each, and reporting what became of them.

Luigi's own knows the status of a task, not whether its body ran, how long it took or what it raised. Here each result
brings that along. What Luigi's task process does around a body (events, status messages, dynamic requirements) is
Luigi's own code still: an engine runs one of its task processes, in whatever process it likes.
"""

from __future__ import annotations

import queue
import time
import traceback
from typing import Any

import luigi.worker
from luigi.scheduler import DONE, FAILED
from luigi.task_register import load_task
from luigi.worker import ContextManagedTaskProcess, TaskStatusReporter

from pipeline import engines
from pipeline.engines import Result
from pipeline.errors import RequirementFailedError, StepError
from pipeline.repairing import Repair
from pipeline.scope import current
from pipeline.task import BaseTask


class TaskProcess(ContextManagedTaskProcess):
    """Luigi's task process, run by an engine; it keeps its result instead of putting it into a queue."""

    exitcode = None  # it is no process of its own

    def __init__(self, context: str | None, task: Any, worker_id: str, reporter: Any, config: Any) -> None:
        # What Luigi's __init__ does, without making a process object that is never started: that costs more than the rest.
        self.context = context
        self.task = task
        self.worker_id = worker_id
        self.result_queue = self
        self.status_reporter = reporter
        self.worker_timeout = task.worker_timeout if task.worker_timeout is not None else config.timeout
        self.timeout_time = time.time() + self.worker_timeout if self.worker_timeout else None
        self.use_multiprocessing = False
        # Our own tasks look at their requirements themselves, when they load them.
        self.check_unfulfilled_deps = config.check_unfulfilled_deps and not isinstance(task, BaseTask)
        self.check_complete_on_run = config.check_complete_on_run
        self.task_completion_cache = None
        self.check_complete: Any = luigi.worker.check_complete_cached
        self.settled: list[tuple[str, str, float, Any]] = []
        self._put: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.task!r}>"

    def put(self, result: tuple[Any, ...]) -> None:
        self._put = result

    def is_alive(self) -> bool:
        return True

    def run_now(self) -> Result:
        """Run the task here; the result says everything."""
        scope = current()
        listener, scope.listener = scope.listener, self._listen
        try:
            self.run()
        finally:
            scope.listener = listener
        task_id, status, explanation, missing, needs = self._put
        return Result(task_id, status, explanation, tuple(missing), tuple(needs or ()), tuple(self.settled))

    def _listen(self, task: Any, state: str, facts: dict[str, Any]) -> None:
        self.settled.append((task.task_id, state, facts.get("duration", 0.0), None))

    def _run_get_new_deps(self) -> Any:
        begun = time.perf_counter()
        needed = super()._run_get_new_deps()
        if not needed and not isinstance(self.task, BaseTask):
            self.settled.append((self.task.task_id, "ran", time.perf_counter() - begun, None))
        return needed

    def _handle_run_exception(self, ex: BaseException) -> Any:
        task = self.task.owner if isinstance(self.task, Repair) else self.task
        self.settled.append((task.task_id, "skipped" if isinstance(ex, RequirementFailedError) else "failed", 0.0, ex))
        return super()._handle_run_exception(ex)


def run_here(process: TaskProcess) -> Result:
    """What the inline engine does with a job."""
    return process.run_now()


def run_for_parent(process: TaskProcess) -> Result:
    """What a child process does with a job: exceptions travel as text, since many cannot be pickled."""
    result = process.run_now()
    settled = tuple((name, state, duration, _as_text(error)) for name, state, duration, error in result.settled)
    return Result(result.task_id, result.status, result.explanation, result.missing, result.needs, settled)


def _as_text(error: BaseException | None) -> Any:
    if error is None:
        return None
    return f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


class Worker(luigi.worker.Worker):
    """See the module."""

    def __init__(self, *args: Any, engine: str = "", keep_going: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._task_result_queue.close()
        self._task_result_queue: Any = self
        self._keep_going = keep_going
        name = engine or ("processes" if self.worker_processes > 1 or self._config.force_multiprocessing else "inline")
        self._engine = engines.make(name, self.worker_processes, run_here, run_for_parent)
        self._inline = name == "inline"
        if not self._inline:
            self._engine.describe, self._engine.find = self._describe, self._find  # type: ignore[attr-defined]
        self._synthetic: list[tuple[Any, ...]] = []
        self._timed_out: set[str] = set()
        #: What became of each task: state, duration, error.
        self.settled: dict[str, tuple[str, float, BaseException | None]] = {}
        #: Who waits for what it asked for while running.
        self._waiting: dict[str, list[Any]] = {}
        #: What a task has asked for while running, ever.
        self.asked: dict[str, list[Any]] = {}
        self._in_children: set[str] = set()

    # Jobs

    def _create_task_process(self, task: Any) -> TaskProcess:
        message_queue = queue.Queue() if task.accepts_messages and self._inline else None  # type: ignore[var-annotated]
        reporter = TaskStatusReporter(self._scheduler, task.task_id, self._id, message_queue)
        return TaskProcess(self._config.task_process_context, task, self._id, reporter, self._config)

    def _run_task(self, task_id: str) -> None:
        if task_id in self._running_tasks:
            super()._run_task(task_id)
            return
        process = self._create_task_process(self._scheduled_tasks[task_id])
        self._running_tasks[task_id] = process
        if not self._inline and not self._in_children:
            # Whatever is scheduled now is inherited by the children that are about to be forked.
            self._in_children = set(self._scheduled_tasks)
        with luigi.worker.fork_lock:
            self._running_tasks[task_id] = self._engine.submit(process)

    def _describe(self, process: TaskProcess) -> Any:
        task = process.task
        if task.task_id in self._in_children:
            return task.task_id
        return task.task_module, task.task_family, task.to_str_params()

    def _find(self, described: Any) -> TaskProcess:
        current().moved()
        task = self._scheduled_tasks[described] if isinstance(described, str) else load_task(*described)
        return self._create_task_process(task)

    # Results: the worker is its own queue

    def get(self, timeout: float) -> tuple[Any, ...]:
        if self._synthetic:
            return self._synthetic.pop()
        result = self._engine.next_result(timeout)
        if result is None:
            raise queue.Empty
        for task_id, state, duration, error in result.settled:
            if task_id in self._timed_out:
                continue  # that its process was killed then is no news
            known = self.settled.get(task_id)
            if known is None or known[0] != "ran" or state != "kept":
                self.settled[task_id] = (state, duration, _error(error))
        return result.task_id, result.status, result.explanation, result.missing, result.needs

    def put(self, result: tuple[Any, ...]) -> None:
        """What Luigi's worker finds out itself: a job that ran longer than it may."""
        task_id, _, explanation, _, _ = result
        self.settled[task_id] = ("failed", 0.0, StepError(explanation))
        self._timed_out.add(task_id)
        self._synthetic.append(result)

    def close(self) -> None:
        self._engine.close()

    def _handle_next_task(self) -> None:
        super()._handle_next_task()
        if not self._inline:
            # A child may have made anything: what was not current must be asked again.
            current().moved()

    # What a step asks for while running

    def run_all(self) -> None:
        """Run until nothing is left that could run."""
        self.run()
        while self._release():
            self.run()

    def _release(self) -> bool:
        """Let tasks go on whose recorded requirement could not be made: this time they may not ask for it."""
        if not self._waiting:
            return False
        done = {task.task_id for task, status, _ in self._add_task_history if status == DONE}
        released = False
        for name, waiting in list(self._waiting.items()):
            del self._waiting[name]
            if name in done:
                continue
            missing = self._scheduled_tasks[name]
            missing = missing.owner if isinstance(missing, Repair) else missing
            current().failed.add(missing.task_id)
            for task in waiting:
                if task.task_id not in done and missing not in task.deps():
                    for _ in self._add(task, False):  # a generator, done only when it was read to its end
                        pass
                    released = True
        current().moved()
        if released and not self._inline:
            # Children must know what failed.
            self._engine.close()
        return released and not self._stop_requesting_work

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        super()._add_task(*args, **kwargs)
        for name in kwargs.get("new_deps") or ():
            self._waiting.setdefault(name, []).append(self._scheduled_tasks[kwargs["task_id"]])
            self.asked.setdefault(kwargs["task_id"], []).append(self._scheduled_tasks[name])
        if kwargs["status"] == FAILED and not self._keep_going:
            self._start_phasing_out()


def _error(error: Any) -> BaseException | None:
    if error is None or isinstance(error, BaseException):
        return error
    return StepError(*error) if isinstance(error, tuple) else StepError(error)

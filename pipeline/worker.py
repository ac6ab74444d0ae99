"""Luigi's worker, handing tasks to an engine instead of one process each, and reporting what became of them.

Luigi's own knows the status of a task, not whether its body ran, how long it took or what it raised. Here each result
brings that along. Everything else is Luigi's: the same arguments, settings, events and messages.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
from collections import deque
from typing import Any

import luigi.worker
from luigi import Event
from luigi.scheduler import DONE, FAILED, PENDING, WORKER_STATE_ACTIVE
from luigi.task_register import load_task
from luigi.worker import GetWorkResponse, TaskStatusReporter, logger

from pipeline import batching, cycles, engines, garbage, interrupts, plainluigi, planning, steplogs, units
from pipeline.engines import Job
from pipeline.engines.engine import HELD
from pipeline.engines.processes import ProcessJob
from pipeline.errors import BusyError, PipelineError, StepError
from pipeline.observing import WAITING, Observer
from pipeline.postponing import Postponed
from pipeline.repairing import owner_of
from pipeline.retrying import Retries
from pipeline.scheduler import Scheduler
from pipeline.scope import current
from pipeline.settled import Settled
from pipeline.structure import is_task
from pipeline.task import BaseTask, Task
from pipeline.taskprocess import TaskProcess

#: After so many results, what there is by then is set aside.
_AGEING = 4096

#: Seconds after which a worker with nothing else to do asks its scheduler again, rather than wait for a key.
_PATIENCE = 0.5


class _Replies(list[dict[str, Any]]):
    """The scheduler's replies for Luigi's summary, which looks only at those that brought no work."""

    def append(self, reply: dict[str, Any]) -> None:
        if reply["task_id"] is None:
            super().append(reply)


class Worker(luigi.worker.Worker):
    """See the module. Without an `engine`, steps run inline with one process and in processes with several, as in Luigi."""

    def __init__(
        self,
        scheduler: Any = None,
        worker_id: str | None = None,
        worker_processes: int = 1,
        assistant: bool = False,
        *,
        engine: str = "",
        keep_going: bool = True,
        grace: float = 0.0,
        wait: bool = True,
        observer: Observer | None = None,
        **config: Any,
    ) -> None:
        super().__init__(Scheduler() if scheduler is None else scheduler, worker_id, worker_processes, assistant, **config)
        self._task_result_queue.close()
        self._task_result_queue: Any = self
        self._get_work_response_history = _Replies()
        self._keep_going = keep_going
        self._may_wait = wait
        self._engine_name = engine
        self._observer = observer
        self._engine = engines.make(engine or ("processes" if self._apart else "inline"), self._describe, self._find, grace)
        #: What Luigi's worker has found out itself.
        self._found_out: deque[tuple[Any, ...]] = deque()
        #: What became of each task: state, duration, error, when it began, the identity of its output.
        self.settled: dict[str, Settled] = {}
        #: Tasks that other runs are at.
        self._postponed = Postponed()
        self._results = 0
        self._limits_told: set[type] = set()
        self._retries = Retries()
        #: Who waits for what it asked for while running.
        self._waiting: dict[str, list[Any]] = {}
        #: What a task has asked for while running, ever.
        self.asked: dict[str, list[Any]] = {}
        #: Tasks that were waiting for themselves, each with the way back to it.
        self._in_cycles: dict[str, list[Any]] = {}
        #: Tasks that ask for one another in turn, or for what has run in vain, and are not begun again.
        self._given_up: dict[str, PipelineError] = {}
        #: Tasks that were not scheduled since there were as many as there may be: `[worker] task_limit`.
        self.left_out: set[str] = set()
        #: The tasks that every child has inherited.
        self._inherited: set[str] = set()

    @property
    def _apart(self) -> bool:
        """Whether steps run in other processes; a scheduler may change the number of them meanwhile."""
        if self._engine_name:
            return self._engine_name != "inline"
        return bool(self._config.force_multiprocessing or self.worker_processes > 1)

    def run(self) -> bool:
        with interrupts.killed_at_the_end(self._engine.kill), interrupts.told_at_the_end(lambda _: self._sweep_after_all()):
            try:
                return bool(super().run())
            finally:
                # The next run may begin with other tasks, or with the same ones changed: its children inherit that.
                self.close()

    # Jobs

    def _create_task_process(self, task: Any) -> TaskProcess:
        config = self._config
        reporter = TaskStatusReporter(self._scheduler, task.task_id, self._id, None)
        process = TaskProcess(
            config.task_process_context,
            task,
            self._id,
            reporter,
            use_multiprocessing=self._apart,
            worker_timeout=config.timeout,
            check_unfulfilled_deps=config.check_unfulfilled_deps,
            check_complete_on_run=config.check_complete_on_run,
            task_completion_cache=self._task_completion_cache,
        )
        if task.accepts_messages:
            reporter.scheduler_messages = multiprocessing.Queue() if process.use_multiprocessing else queue.Queue()
        return process

    def _run_task(self, task_id: str) -> None:
        if task_id in self._running_tasks:
            super()._run_task(task_id)
            return
        if (told_to_end := interrupts.leaving_by()) is not None:
            raise told_to_end  # the step before has made something else of it
        # It is running before it begins, since messages may arrive for it while it runs inline.
        process = self._running_tasks[task_id] = self._create_task_process(self._scheduled_tasks[task_id])
        observer = self._observer
        if observer is not None and not process.use_multiprocessing:
            observer.began(process.task, os.getpid())
        try:
            self._running_tasks[task_id] = begun = self._engine.submit(process)
        except OSError as error:  # as many processes or open files as there may be
            self.put((task_id, FAILED, f"no process could be begun for {task_id}: {error}", [], None))
            return
        if observer is not None and process.use_multiprocessing:
            observer.began(process.task, getattr(begun, "pid", None))

    def _describe(self, job: Job) -> Any:
        task = job.task
        if not self._inherited:
            # The first child is about to be forked.
            self._inherited = set(self._scheduled_tasks)
        if job.status_reporter.scheduler_messages is not None:
            return None  # a queue can only be inherited
        if task.task_id in self._inherited:
            return task.task_id
        description = task.task_module, task.task_family, task.to_str_params()
        try:
            is_the_same = load_task(*description) is task
        except Exception:
            is_the_same = False
        # A private parameter is not described, for one, nor is a class that has the name of another.
        return description if is_the_same else None

    def _find(self, description: Any) -> Job:
        current().moved()
        task = self._scheduled_tasks[description] if isinstance(description, str) else load_task(*description)
        return self._create_task_process(task)

    def _add(self, task: Any, is_complete: Any) -> Any:
        limit = self._config.task_limit
        if limit is not None and len(self._scheduled_tasks) >= limit:
            self.left_out.add(task.task_id)
        if isinstance(task, Task) and type(task).complete is not Task.complete:
            is_complete = planning.is_current(task)  # of a step a build asks nothing else
        return super()._add(task, is_complete)

    def _validate_dependency(self, dependency: Any) -> None:
        if not is_task(dependency):
            super()._validate_dependency(dependency)

    # Results: the worker is its own queue

    def _handle_next_task(self) -> None:
        """Luigi's, with a shorter way for a task that simply is done."""
        self._idle_since = None
        self._purge_children()
        try:
            result = self._task_result_queue.get(timeout=self._config.wait_interval)
        except queue.Empty:
            return
        if not self._finish(*result):
            self._found_out.appendleft(result)
            super()._handle_next_task()

    def _purge_children(self) -> None:
        """Luigi's looks at each process for one that has died, which is the engine's affair; what is left is who takes longer than they may."""
        if any(job.timeout_time is not None for job in self._running_tasks.values()):
            super()._purge_children()

    def _finish(self, task_id: str, status: str, explanation: Any, missing: Any, needs: Any) -> bool:
        """Tell the scheduler that a task is done, if it lives here and has been told all else; False where there is more to it."""
        scheduler = self._scheduler
        if status != DONE or missing or needs or self._batch_running_tasks or self._assistant or type(scheduler) is not Scheduler:
            return False
        if task_id not in self._running_tasks or not scheduler.finish(task_id, self._id, json.dumps(explanation)):
            return False
        self._add_task_history.append((self._scheduled_tasks[task_id], DONE, None))
        logger.info("Informed scheduler that task   %s   has status   %s", task_id, status)
        del self._running_tasks[task_id]
        return True

    def get(self, timeout: float) -> tuple[Any, ...]:
        if self._found_out:
            return self._found_out.popleft()
        result = self._engine.next_result(timeout)
        if result is None:
            raise queue.Empty
        if result.status == HELD:
            job = self._running_tasks.pop(result.task_id)
            self._postponed.add(result.task_id, job, owner_of(job.task))
            if self._observer is not None:
                self._observer.ended(job.task, WAITING, 0.0, None)
            raise queue.Empty
        self._results += 1
        if self._results % _AGEING == 0:
            garbage.set_aside_more()
        job = self._running_tasks[result.task_id]
        if job.use_multiprocessing:
            # What was not current must be asked again.
            current().moved()
        if result.died:
            self._keep_last_words(job, result.explanation)
            self._sweep_after(owner_of(job.task))
            job.task.trigger_event(Event.PROCESS_FAILURE, job.task, result.explanation)
        for one in result.settled:
            known = self.settled.get(one.task_id)
            if one.state == "skipped" and one.task_id in self._in_cycles:
                # It has asked again for what waits for it.
                one = one._replace(state="failed", error=planning.cycle_error(self._in_cycles[one.task_id]))
            if known is None or known.state != "ran" or one.state != "kept":
                self.settled[one.task_id] = one._replace(error=StepError(*one.error)) if isinstance(one.error, tuple) else one
        if self._observer is not None:
            self._tell(self._observer, job.task, result)
        return result.task_id, result.status, result.explanation, result.missing, result.needs

    def _tell(self, observer: Observer, task: Any, result: engines.Result) -> None:
        told = False
        for one in result.settled:
            settled = self._scheduled_tasks.get(one.task_id) or (owner_of(task) if one.task_id == owner_of(task).task_id else None)
            if settled is not None:
                state = "failed" if one.task_id in self._in_cycles and one.state == "skipped" else one.state
                observer.ended(settled, state, one.duration, self.settled[one.task_id].error)
                told = told or one.task_id == result.task_id
        if not told:
            # A wrapper, or one that has asked for something.
            observer.ended(task, "kept" if result.status == DONE else WAITING, 0.0, None)

    def put(self, result: tuple[Any, ...]) -> None:
        """What Luigi's worker finds out itself: a job that ran longer than it may, and was terminated."""
        task_id, status, explanation, missing, needs = result
        job = self._running_tasks[task_id]
        if isinstance(job, ProcessJob):
            if job.peak:
                explanation = f"{explanation} It had used at most {units.size(job.peak)} of memory."
            self._keep_last_words(job, explanation)
            self._sweep_after(owner_of(job.task))
            result = task_id, status, explanation, missing, needs
        error = StepError(explanation)
        self.settled[task_id] = Settled(task_id, "failed", error=error)
        if self._observer is not None:
            self._observer.ended(self._scheduled_tasks[task_id], "failed", 0.0, error)
        self._found_out.append(result)

    def _sweep_after(self, task: Any) -> None:
        """Its process is no more, and what it had begun to write is nobody's."""
        if isinstance(task, Task):
            with contextlib.suppress(PipelineError, OSError):  # the next run tries again
                task.store.sweep(task.target.place.stem.rpartition("/")[0])

    def _sweep_after_all(self) -> None:
        """The same where the run ends in the middle."""
        for job in [job for job in self._running_tasks.values() if isinstance(job, ProcessJob)]:
            self._sweep_after(owner_of(job.task))

    def _keep_last_words(self, job: ProcessJob, explanation: str) -> None:
        """The process of a step is no more: what it had printed is the log."""
        task = owner_of(job.task)
        if current().captures:
            steplogs.keep_of_dead(task, current().id, *job.last_words, explanation)

    def close(self) -> None:
        self._engine.close()
        self._sweep_after_all()
        self._inherited = set()

    # What a step asks for while running

    def run_all(self) -> None:
        """Run until nothing is left that could run."""
        self.run()
        while self._release():
            self.run()

    def _release(self) -> bool:
        """Let steps go on whose recorded requirement could not be made: this time they may not ask for it. A plain task would, again and again."""
        if not self._waiting:
            return False
        done = {task.task_id for task, status, _ in self._add_task_history if status == DONE}
        released = False
        for name, waiting in list(self._waiting.items()):
            del self._waiting[name]
            if name in done:
                continue
            missing = owner_of(self._scheduled_tasks[name])
            current().failed.add(missing.task_id)
            for task in (one for one in waiting if isinstance(one, BaseTask)):
                path = cycles.way(missing, task, self.asked) if task.task_id not in done and task.task_id not in self._given_up else None
                if path is not None:
                    self._in_cycles[task.task_id] = [task, *path]
                if task.task_id not in done and missing not in task.deps():
                    for _ in self._add(task, False):  # a generator, done only when it was read to its end
                        pass
                    released = True
        current().moved()
        return released and not self._stop_requesting_work

    def _why_hopeless(self, task_id: str, wanted: list[str]) -> PipelineError | None:
        """Why a task would ask for these for ever."""
        task, tasks = self._scheduled_tasks[task_id], [self._scheduled_tasks[name] for name in wanted]
        return cycles.of(task, tasks, self.asked, self.settled) or plainluigi.asked_in_vain(task, tasks, self.asked.get(task_id, ()), self.settled)

    def _tell_limit(self, task: Any) -> None:
        """Without being told, a scheduler takes every resource for one of which there is one."""
        limit = type(task).max_parallel if isinstance(task, Task) else None
        if limit is not None and type(task) not in self._limits_told:
            self._limits_told.add(type(task))
            self._scheduler.update_resource(task.slots_name(), limit)

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        if kwargs["status"] == PENDING and kwargs["task_id"] in self._scheduled_tasks:
            self._tell_limit(self._scheduled_tasks[kwargs["task_id"]])
        hopeless = self._why_hopeless(kwargs["task_id"], kwargs["new_deps"]) if kwargs.get("new_deps") else None
        if hopeless is not None:
            self._given_up[kwargs["task_id"]] = hopeless
            owner = owner_of(self._scheduled_tasks[kwargs["task_id"]]).task_id
            self.settled[owner] = Settled(owner, "failed", error=hopeless)
            if self._observer is not None:
                self._observer.ended(self._scheduled_tasks[kwargs["task_id"]], "failed", 0.0, hopeless)
        if kwargs["status"] == PENDING and kwargs["task_id"] in self._given_up:
            # Also where another one of the cycle asks for it.
            kwargs |= {"status": FAILED, "expl": json.dumps(str(self._given_up[kwargs["task_id"]])), "new_deps": []}
        if kwargs["task_id"] in self._batch_running_tasks:
            # Read twice, and Luigi has an iterator there.
            members = self._batch_running_tasks[kwargs["task_id"]] = list(self._batch_running_tasks[kwargs["task_id"]])
            batching.settle(members, kwargs["task_id"], kwargs["status"], self.settled)
        super()._add_task(*args, **kwargs)
        for name in kwargs.get("new_deps") or ():
            self._waiting.setdefault(name, []).append(self._scheduled_tasks[kwargs["task_id"]])
            self.asked.setdefault(kwargs["task_id"], []).append(self._scheduled_tasks[name])
        if kwargs["status"] == FAILED and not self._is_tried_again(kwargs["task_id"]) and not self._keep_going:
            self._start_phasing_out()

    def _is_tried_again(self, task_id: str) -> bool:
        if task_id in self._given_up or self._stop_requesting_work:
            return False
        settled = self.settled.get(task_id)
        return self._retries.plan(self._scheduled_tasks.get(task_id), settled.state if settled else "failed", settled.error if settled else None)

    def _get_work(self) -> Any:
        for task in self._retries.due():
            self.add(task)
        if not self._postponed:
            return self._take() or super()._get_work()
        with self._postponed.counted_in(self._running_tasks):
            response = super()._get_work()
        if response.task_id is None and not self._stop_requesting_work:
            if not self._may_wait and not self._running_tasks:
                raise BusyError(f"another run is making {self._postponed.first()!r}, and nothing else can be done now: try again later")
            response = response._replace(task_id=self._postponed.take_free(0 if self._running_tasks else _PATIENCE))
        return response

    def _take(self) -> GetWorkResponse | None:
        """A shorter way to a task for the only worker of a scheduler in this process; None where there is more to it."""
        scheduler = self._scheduler
        if self._stop_requesting_work or self._assistant or self.worker_processes <= 0 or type(scheduler) is not Scheduler:
            return None
        taken = scheduler.take(self._id, self.host, self._scheduled_tasks, self._running_tasks)
        return GetWorkResponse(taken[0], [], taken[1], 0, 0, WORKER_STATE_ACTIVE) if taken is not None else None

    def _keep_alive(self, get_work_response: Any) -> bool:
        return bool((self._retries or self._postponed) and not self._stop_requesting_work) or bool(super()._keep_alive(get_work_response))

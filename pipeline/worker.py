"""Luigi's worker, reporting what became of each task.

Luigi's own knows the status of a task, not whether its body ran, how long it took or what it raised, and
learns nothing of that from a child process. Here every task process writes what happened into one file, a
line at a time; the build reads it at the end. A child that dies leaves no line, and is reported by the parent.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import traceback
from typing import Any

import luigi.worker
from luigi.scheduler import DONE, FAILED
from luigi.worker import ContextManagedTaskProcess

from pipeline.errors import RequirementFailedError, StepError
from pipeline.repairing import Repair
from pipeline.scope import current
from pipeline.task import BaseTask


class Outbox:
    """Outcomes on their way from task processes to the build."""

    def __init__(self) -> None:
        self._descriptor, self._path = tempfile.mkstemp(prefix="luigi-warp-", suffix=".outcomes")
        self._owner = os.getpid()
        self._errors: dict[str, BaseException] = {}

    def put(self, task: Any, state: str, *, duration: float = 0.0, error: BaseException | None = None, text: str = "") -> None:
        if error is not None and os.getpid() == self._owner:
            self._errors[task.task_id] = error
        line = {"task": task.task_id, "state": state, "duration": duration}
        if error is not None or text:
            line["error"] = text or f"{type(error).__name__}: {error}"
            line["traceback"] = "".join(traceback.format_exception(error)) if error is not None else ""
        # One write of one line: concurrent writers to a file opened for appending do not mix.
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")

    def read(self) -> dict[str, tuple[str, float, BaseException | None]]:
        """The last word on each task."""
        outcomes: dict[str, tuple[str, float, BaseException | None]] = {}
        with open(self._path, encoding="utf-8") as file:
            for text in file:
                line = json.loads(text)
                error = None
                if "error" in line:
                    error = self._errors.get(line["task"]) or StepError(line["error"], line["traceback"])
                known = outcomes.get(line["task"])
                if known is None or known[0] != "ran" or line["state"] != "kept":
                    outcomes[line["task"]] = (line["state"], line["duration"], error)
        return outcomes

    def close(self) -> None:
        os.close(self._descriptor)
        os.unlink(self._path)


class TaskProcess(ContextManagedTaskProcess):
    """Luigi's task process, which tells the outbox what happened."""

    outbox: Outbox

    def _run_get_new_deps(self) -> Any:
        begun = time.perf_counter()
        needed = super()._run_get_new_deps()
        if not needed and not isinstance(self.task, BaseTask):
            self.outbox.put(self.task, "ran", duration=time.perf_counter() - begun)
        return needed

    def _handle_run_exception(self, ex: BaseException) -> Any:
        task = self.task.owner if isinstance(self.task, Repair) else self.task
        self.outbox.put(task, "skipped" if isinstance(ex, RequirementFailedError) else "failed", error=ex)
        return super()._handle_run_exception(ex)


class Worker(luigi.worker.Worker):
    """See the module."""

    def __init__(self, *args: Any, outbox: Outbox, keep_going: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._outbox = outbox
        self._keep_going = keep_going
        #: Who waits for what it asked for while running.
        self._waiting: dict[str, list[Any]] = {}
        #: What a task has asked for while running, ever.
        self.asked: dict[str, list[Any]] = {}

    def run_all(self) -> None:
        """Run until nothing is left that could run."""
        self.run()
        while self._release():
            self.run()

    def _release(self) -> bool:
        """Let tasks go on whose recorded requirement could not be made: this time they may not ask for it."""
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
                    self._readd(task)
                    released = True
        current().moved()
        return released and not self._stop_requesting_work

    def _readd(self, task: Any) -> None:
        for entry in self._add(task, False):
            # Known to the scheduler already; _add is a generator, and is done only when it was read to its end.
            del entry

    def _add_task(self, *args: Any, **kwargs: Any) -> None:
        super()._add_task(*args, **kwargs)
        for name in kwargs.get("new_deps") or ():
            self._waiting.setdefault(name, []).append(self._scheduled_tasks[kwargs["task_id"]])
            self.asked.setdefault(kwargs["task_id"], []).append(self._scheduled_tasks[name])
        if kwargs["status"] == FAILED and not self._keep_going:
            self._start_phasing_out()

    def _create_task_process(self, task: Any) -> TaskProcess:
        process: Any = super()._create_task_process(task)
        process.__class__ = TaskProcess
        process.outbox = self._outbox
        return process  # type: ignore[no-any-return]

    def _purge_children(self) -> None:
        for process in self._running_tasks.values():
            if not process.is_alive() and process.exitcode:
                self._outbox.put(process.task, "failed", text=f"its process died with exit code {process.exitcode}")
            elif process.timeout_time is not None and time.time() > float(process.timeout_time) and process.is_alive():
                self._outbox.put(process.task, "failed", text=f"it ran longer than {process.worker_timeout} seconds and was stopped")
        super()._purge_children()

    def _handle_next_task(self) -> None:
        super()._handle_next_task()
        # A child may have made anything: what was not current must be asked again.
        current().moved()

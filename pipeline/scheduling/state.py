"""The state of all tasks and workers, with what `get_work` and `prune` ask for kept up to date."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from luigi.scheduler import SimpleTaskState
from luigi.task_status import BATCH_RUNNING, DISABLED, DONE, FAILED, PENDING, RUNNING

from pipeline.scheduling.ready import ReadyQueue
from pipeline.scheduling.tasks import Task


class Tally:
    """What `count_pending` reports of a worker."""

    __slots__ = ("constrained", "last_scheduled", "pending", "unique")

    def __init__(self) -> None:
        self.pending = self.unique = self.last_scheduled = 0
        self.constrained = 0  # pending tasks that need resources

    @staticmethod
    def add(tallies: dict[str, Tally], task: Task, sign: int) -> None:
        if (task.status != PENDING and task.status != FAILED) or not task.workers:
            return
        unique = sign if len(task.workers) == 1 else 0
        constrained = sign if task.resources and task.status == PENDING else 0
        for worker_id in task.workers:
            tally = tallies[worker_id]
            tally.pending += sign
            tally.unique += unique
            tally.constrained += constrained
        tally.last_scheduled += sign

    def added_to(self, counts: tuple[int, int, int], sign: int = 1) -> tuple[int, int, int]:
        return counts[0] + sign * self.pending, counts[1] + sign * self.unique, counts[2] + sign * self.last_scheduled


class TaskState(SimpleTaskState):
    """Luigi's state with indexes. A task is withdrawn from them before it changes and listed again afterwards."""

    def __init__(self, config: Any) -> None:
        super().__init__(config.state_path)
        self._config = config
        self._reindex()

    def _reindex(self) -> None:
        self.ready = ReadyQueue()
        self._dependents: dict[str, Task | set[Task]] = {}  # a single one needs no set
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._blocked: tuple[set[str], defaultdict[str, Tally]] | None = None  # see _find_blocked; None if outdated
        self._due: list[tuple[float, int, Task]] = []
        self._numbers = itertools.count()
        self._held: str | None = None
        self._expects_deps = False
        for task in self._tasks.values():
            task.listed, task.undone, task.entry, task.due = False, 0, None, None
            task.number = task.turn = next(self._numbers)
        for task in self._status_tasks[PENDING].values():
            task.turn = next(self._numbers)
        for task in self._tasks.values():
            self._link(task, task.deps)
            self._list(task)
        # A worker goes on counting tasks that were removed under it, so they have to be remembered.
        self._removed: defaultdict[str, list[Task]] = defaultdict(list)
        for worker_id, worker in self._active_workers.items():
            self._removed[worker_id] += [task for task in worker.tasks if self._tasks.get(task.id) is not task]

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*vars(SimpleTaskState("")), "_config")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._reindex()

    def load(self) -> None:
        super().load()
        self._reindex()

    def get_worker(self, worker_id: str) -> Any:
        # Luigi makes a new worker at each call, in case it is needed.
        return self._active_workers.get(worker_id) or super().get_worker(worker_id)

    def only_worker(self, worker_id: str) -> Any:
        """The worker of this id, if there is no other one."""
        return self._active_workers.get(worker_id) if len(self._active_workers) == 1 else None

    def any_running(self) -> bool:
        return bool(self._status_tasks[RUNNING] or self._status_tasks[BATCH_RUNNING])

    def are_running(self, tasks: Collection[str]) -> bool:
        """Whether just these tasks are, each by itself."""
        running = self._status_tasks[RUNNING]
        return len(tasks) == len(running) and not self._status_tasks[BATCH_RUNNING] and all(task_id in running for task_id in tasks)

    def find_or_make(self, task_id: str, **fields: Any) -> Task:
        """Luigi makes a task for every dependency it mentions, only to drop it if the task is there already."""
        task: Task | None = self._tasks.get(task_id)
        if task is None:
            task = Task(task_id, **fields)
            task.number = task.turn = next(self._numbers)
            if self._expects_deps and task_id == self._held:
                task.make_room_for_deps()
        return task

    def hold(self, task_id: str, *, new_deps: bool = False) -> tuple[Collection[str], int]:
        """Keep a task out of the indexes until `release`; the result is what `release` needs to know."""
        self._held, self._expects_deps = task_id, new_deps
        task = self._tasks.get(task_id)
        if task is None:
            return (), 0
        self._withdraw(task)
        if new_deps:
            task.make_room_for_deps()
        return task.deps, len(task.deps)

    def release(self, task_id: str, held: tuple[Collection[str], int]) -> None:
        self._held = None
        task = self._tasks.get(task_id)
        if task is None:
            return
        deps, count = held
        if task.deps is not deps:
            self._unlink(task, [dep for dep in deps if dep not in task.deps])
            self._link(task, task.deps)
        elif len(deps) != count:
            self._link(task, deps)
        self._list(task)

    def set_priority(self, task: Task, priority: float) -> None:
        if task.entry is not None:
            self.ready.remove(task)
            task.priority = priority
            self.ready.push(task)
        else:
            task.priority = priority

    def set_status(self, task: Task, new_status: str, config: Any = None) -> None:
        before = task.status
        self._withdraw(task)
        try:
            super().set_status(task, new_status, config)
        finally:
            if task.status != before:
                if task.status == PENDING:
                    task.turn = next(self._numbers)
                if DONE in (before, task.status):
                    self._tell_dependents(task)
            if task.id != self._held:
                self._list(task)

    def advance(self, task: Task, status: str) -> None:
        """`set_status` where nothing else can follow from it: a task of no batch goes from PENDING to RUNNING, or from there to DONE."""
        if task.status == PENDING:
            self._withdraw(task)
        del self._status_tasks[task.status][task.id]
        self._status_tasks[status][task.id] = task
        task.status = status
        task.updated = time.time()
        if status == DONE:
            self.update_metrics(task, self._config)
            self._tell_dependents(task)
        # No index counts what is running or done.
        task.listed = True
        if task.remove is not None or not task.stakeholders:
            self.watch(task)

    def inactivate_tasks(self, delete_tasks: Iterable[str]) -> None:
        gone = [self._tasks[task_id] for task_id in delete_tasks]
        for task in gone:
            self._withdraw(task)
        super().inactivate_tasks([task.id for task in gone])
        for task in gone:
            self._unlink(task, task.deps)
            if task.status == DONE:
                self._tell_dependents(task)
            for worker_id in task.workers:
                self._removed[worker_id].append(task)

    def _remove_workers_from_tasks(self, workers: Collection[str], remove_stakeholders: bool = True) -> None:
        if workers:
            super()._remove_workers_from_tasks(workers, remove_stakeholders)
            self._reindex()

    def due_tasks(self) -> list[Task]:
        """The tasks that pruning has to look at now, in Luigi's order: it would change nothing about the others."""
        busy = self.get_active_tasks_by_status(RUNNING, BATCH_RUNNING) if self.any_running() else ()
        tasks = {task.number: task for task in busy if task.worker_running not in task.stakeholders}
        now = time.time()
        while self._due and self._due[0][0] <= now:
            deadline, _, task = heapq.heappop(self._due)
            if task.due == deadline:
                task.due = None
                if self._tasks.get(task.id) is task:
                    tasks[task.number] = task
        return [tasks[number] for number in sorted(tasks)]

    def is_due(self) -> bool:
        """Whether pruning would look at anything while there is one worker, which is active."""
        return bool(self._due) and self._due[0][0] <= time.time()

    def watch(self, task: Task) -> None:
        """Note when pruning has to look at a task; too early does no harm."""
        if task.remove is not None:
            deadline = task.remove
        elif not task.stakeholders and task.status != RUNNING:
            deadline = 0.0
        else:
            deadline = float("inf")
        if task.status == FAILED and self._config.retry_delay >= 0:
            deadline = min(deadline, task.retry)
        elif task.status == DISABLED and task.scheduler_disable_time is not None:
            deadline = min(deadline, task.scheduler_disable_time + self._config.disable_persist)
        if deadline < (float("inf") if task.due is None else task.due):
            task.due = deadline
            heapq.heappush(self._due, (deadline, task.number, task))

    def is_trivial(self, worker: Any) -> bool:
        """The same as `worker.is_trivial_worker(state)`."""
        return not worker.assistant and (worker.id not in self._tallies or not self._tallies[worker.id].constrained)

    def pending(self, worker: Any) -> tuple[int, int, int]:
        """How many of a worker's tasks are pending, are so for no other worker, and were last scheduled by it."""
        tally = self._tallies[worker.id]
        counts = tally.pending, tally.unique, tally.last_scheduled
        blocked: Collection[str] = ()
        if self._status_tasks[DISABLED]:
            blocked, tallies = self._find_blocked()
            counts = tallies[worker.id].added_to(counts, -1)
        if self._removed[worker.id] and len(worker.tasks) < len(self._status_tasks[PENDING]) + len(self._status_tasks[FAILED]):
            removed: defaultdict[str, Tally] = defaultdict(Tally)
            for task in self._removed[worker.id]:
                if task in worker.tasks and task.id not in blocked:
                    Tally.add(removed, task, 1)
            counts = removed[worker.id].added_to(counts)
        return counts

    def _find_blocked(self) -> tuple[set[str], defaultdict[str, Tally]]:
        """The disabled tasks and the pending ones above them, which Luigi does not count, and their tallies."""
        if self._blocked is None:
            blocked = set(self._status_tasks[DISABLED])
            tallies: defaultdict[str, Tally] = defaultdict(Tally)
            todo = list(blocked)
            while todo:
                for task in self._dependents_of(todo.pop()):
                    if task.status == PENDING and task.id not in blocked:
                        blocked.add(task.id)
                        todo.append(task.id)
                        Tally.add(tallies, task, 1)
            self._blocked = blocked, tallies
        return self._blocked

    def _list(self, task: Task) -> None:
        task.listed = True
        Tally.add(self._tallies, task, 1)
        if task.status == PENDING and not task.undone:
            self.ready.push(task)
        else:
            self._outdate_blocked(task)
        self.watch(task)

    def _withdraw(self, task: Task) -> None:
        if task.listed:
            task.listed = False
            Tally.add(self._tallies, task, -1)
            if task.entry is not None:
                self.ready.remove(task)
            else:
                self._outdate_blocked(task)

    def _outdate_blocked(self, task: Task) -> None:
        if task.status == DISABLED or task.status == PENDING:
            self._blocked = None

    def _link(self, task: Task, deps: Iterable[str]) -> None:
        for dep in deps:
            dependents = self._dependents.get(dep)
            if dependents is None:
                self._dependents[dep] = task
            elif dependents is task:
                continue
            elif isinstance(dependents, Task):
                self._dependents[dep] = {dependents, task}
            elif task in dependents:
                continue
            else:
                dependents.add(task)
            task.undone += not self._is_done(dep)

    def _unlink(self, task: Task, deps: Iterable[str]) -> None:
        for dep in deps:
            dependents = self._dependents[dep]
            if isinstance(dependents, set):
                dependents.discard(task)
            if not isinstance(dependents, set) or not dependents:
                del self._dependents[dep]
            task.undone -= not self._is_done(dep)

    def _dependents_of(self, task_id: str) -> Collection[Task]:
        dependents = self._dependents.get(task_id, ())
        return (dependents,) if isinstance(dependents, Task) else dependents

    def _is_done(self, task_id: str) -> bool:
        task = self._tasks.get(task_id)
        return task is not None and task.status == DONE

    def _tell_dependents(self, task: Task) -> None:
        """Call when a task has become DONE or has ceased to be so, be it by being removed."""
        done = self._is_done(task.id)
        for dependent in self._dependents_of(task.id):
            dependent.undone -= 1 if done else -1
            if dependent.entry is not None:
                self.ready.remove(dependent)
            elif dependent.listed and dependent.status == PENDING and not dependent.undone:
                self.ready.push(dependent)

"""A drop-in replacement for `luigi.scheduler.Scheduler` whose cost per task does not grow with the graph.

Luigi's scheduler answers every `get_work` by walking all tasks several times, so a build is quadratic in its size.
This one keeps what those walks would find up to date instead: which tasks are ready, how many are pending for
each worker, and which tasks pruning has to look at next.

Promised: the same answers as Luigi 3.8.1, in the same order. The highest priority comes first, then the task that has been
known for longest, then the one that has been pending for longest. Only these differ:

- What Luigi leaves to the order of a set of objects or strings is settled here: a tie in all of priority and time between
  the tasks of several workers, and which tasks of a cycle count as being above a disabled task. What a task requires is known
  for longer the earlier it is named among them.
- Luigi may hand out a task that it has removed, even if that means a KeyError; a long chain of tasks whose priority is raised makes it
  exceed the recursion limit. This scheduler goes on.
- Luigi looks for disabled tasks through one of unknown status if it comes by it twice in a count. This scheduler never does.
- Amounts of resources are taken not to be negative.

One case is still linear in the number of ready tasks: when each of them needs a resource of its own (a lock, say) and all of them
wait for another one that they share.

On failure: the indexes are derived data and are neither dumped nor pickled. `load`, unpickling and the loss of a worker
rebuild them from the tasks, so a state written by Luigi can be loaded. A call that raises leaves the task indexed as it
then is. Like Luigi's, a scheduler is not thread-safe, except that workers may `ping` from another thread.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Container, Iterable
from typing import Any

import luigi.scheduler
from luigi.scheduler import RetryPolicy
from luigi.task_status import DONE, PENDING, RUNNING, UNKNOWN

from pipeline.scheduling.ready import Bucket, Entry
from pipeline.scheduling.state import TaskState
from pipeline.scheduling.tasks import Task

logger = logging.getLogger(__name__)

#: What a worker tells of a task that it has run, by the names of Luigi's `add_task`.
_OF_A_RESULT = frozenset(
    "worker status expl resources runnable params family module new_deps assistant retry_policy_dict owners param_visibilities".split()
)
#: What a worker tells of a task that it might run.
_OF_A_NEW_TASK = frozenset(
    (
        "worker status deps runnable priority resources params param_visibilities family module batchable retry_policy_dict accepts_messages owners"
    ).split()
)
_NO_PARAMS: dict[str, Any] = {}


class Scheduler(luigi.scheduler.Scheduler):
    """Luigi's scheduler, on top of a state that has the answers at hand."""

    def __init__(self, config: Any = None, resources: Any = None, task_history_impl: Any = None, **kwargs: Any) -> None:
        super().__init__(config, resources, task_history_impl, **kwargs)
        collector = self._state._metrics_collector
        self._state: TaskState = TaskState(self._config)
        self._state._metrics_collector = collector
        self._make_task: Any = functools.partial(self._state.find_or_make, retry_policy=self._config._get_retry_policy())
        self._retry_policies: dict[tuple[Any, ...], RetryPolicy] = {}

    def add_task(self, task_id: Any = None, *args: Any, **kwargs: Any) -> None:
        if not args and kwargs.get("status") == DONE and self._finish(self._state.get_task(task_id), kwargs):
            return
        if not args and kwargs.keys() == _OF_A_NEW_TASK and self._enter(task_id, kwargs):
            return
        new_deps = kwargs.get("new_deps")
        if new_deps and kwargs.get("deps") is not None:
            kwargs["deps"] = [*kwargs["deps"], *new_deps]
        held = self._state.hold(task_id, new_deps=bool(new_deps))
        try:
            super().add_task(task_id, *args, **kwargs)
        finally:
            self._state.release(task_id, held)

    def _enter(self, task_id: str, told: dict[str, Any]) -> bool:
        """What `add_task` does with a task to be run of which nothing is known yet, unless that it is required; False where there is more to it."""
        if told["status"] != PENDING or not told["runnable"] or told["batchable"] is None or told["accepts_messages"] is None:
            return False
        state, worker_id, priority = self._state, told["worker"], told["priority"]
        task = state._tasks.get(task_id)
        if task is not None and (task.status != UNKNOWN or task.family or task.params or task.deps or task.batch_id is not None):
            return False
        worker = self._update_worker(worker_id)
        if not worker.enabled:
            return False
        if task is None:
            task = state.get_task(task_id, setdefault=self._make_task(task_id=task_id, status=UNKNOWN, deps=None, priority=priority))
        held = state.hold(task_id)
        try:
            task.family, task.module, task.resources, task.remove = told["family"], told["module"], dict(told["resources"] or ()), None
            task.param_visibilities = told["param_visibilities"] or {}
            task.set_params(told["params"])
            task.accepts_messages, task.batchable, task.tracking_url = told["accepts_messages"], told["batchable"], None
            self._update_task_history(task, PENDING)
            state.set_status(task, PENDING, self._config)
            deps = told["deps"] or ()
            task.deps = set(deps)
            # In the order in which they are required, which is that of memory: what was made together is best looked at together.
            self._take_stake(task, worker_id, deps, priority)
            self._update_priority(task, priority, worker_id)
            task.retry_policy = self._generate_retry_policy(told["retry_policy_dict"] or {})
            task.workers.add(worker_id)
            worker.tasks.add(task)
            task.runnable = True
        finally:
            state.release(task_id, held)
        return True

    def finish(self, task_id: str, worker_id: str, expl: str | None) -> bool:
        """`add_task` of a worker in this process that says that a task is done, and nothing else that it has not said before."""
        task = self._state.get_task(task_id)
        if task is None or task.status != RUNNING or task.batch_id is not None or task.worker_running != worker_id:
            return False
        if worker_id not in task.stakeholders or not self._update_worker(worker_id).enabled:
            return False
        self._settle(task, expl)
        self._take_stake(task, worker_id, task.deps)
        self._update_priority(task, 0, worker_id)
        return True

    def _settle(self, task: Task, expl: str | None) -> None:
        task.accepts_messages = False
        task.remove = None
        if expl is not None:
            task.expl = expl
        self._update_task_history(task, DONE)
        self._state.advance(task, DONE)

    def _take_stake(self, task: Task, worker_id: str, deps: Iterable[str], priority: float = 0) -> None:
        known = self._state._tasks
        task.stakeholders.add(worker_id)
        for dep in deps:
            below = known.get(dep)
            if below is None:
                below = self._state.get_task(dep, setdefault=self._make_task(task_id=dep, status=UNKNOWN, deps=None, priority=priority))
            below.stakeholders.add(worker_id)

    def _finish(self, task: Task | None, told: dict[str, Any]) -> bool:
        """What `add_task` does when a worker says that the task it was given is done; False where there is more to it."""
        if task is None or task.status != RUNNING or task.batch_id is not None or not (task.family and task.module) or told.keys() - _OF_A_RESULT:
            return False
        worker_id = told["worker"]
        if task.worker_running != worker_id or told.get("runnable", True) or told.get("new_deps") or (told.get("params") and not task.params):
            return False
        if not self._update_worker(worker_id).enabled:
            return False
        self._settle(task, told.get("expl"))
        task.resources = dict(told.get("resources") or ())
        if not told.get("assistant"):
            self._take_stake(task, worker_id, task.deps)
        self._update_priority(task, 0, worker_id)
        task.retry_policy = self._generate_retry_policy(told.get("retry_policy_dict") or {})
        return True

    def count_pending(self, worker: str) -> dict[str, Any]:
        asking = self._state.get_worker(worker)
        running_tasks: list[dict[str, Any]] = []
        for task in asking.get_tasks(self._state, RUNNING) if self._state.any_running() else ():
            runner = self._state.get_worker(task.worker_running)
            running_tasks.append({"task_id": task.id, "worker": str(runner), **runner.info})
        pending, unique, last_scheduled = self._state.pending(asking)
        return {
            "n_pending_tasks": pending,
            "n_unique_pending": unique,
            "n_pending_last_scheduled": last_scheduled,
            "worker_state": asking.state,
            "running_tasks": running_tasks,
        }

    def get_work(
        self, host: Any = None, assistant: bool = False, current_tasks: Iterable[str] | None = None, worker: Any = None, **kwargs: Any
    ) -> dict[str, Any]:
        if self._config.prune_on_get_work:
            self.prune()
        assert worker is not None
        asking = self._update_worker(worker, worker_reference={"host": host}, get_work=True)
        if not asking.enabled:
            return {"n_pending_tasks": 0, "running_tasks": [], "task_id": None, "n_unique_pending": 0, "worker_state": asking.state}
        if assistant:
            self.add_worker(worker, [("assistant", assistant)])

        task: Task | None = None
        batch: list[Task] = []
        batched_params = _NO_PARAMS
        if current_tasks is not None and self._state.any_running():
            task = self._lost_task(worker, set(current_tasks))
            self._reset_orphaned_batch_running_tasks(worker)
        if task is None and not self._paused:
            trivial = self._state.is_trivial(asking)
            entry = self._first_own(worker) if trivial else self._first_allowed(worker, assistant)
            if entry is not None:
                task = entry.task
                batch, batched_params = self._batch(entry, worker, only_own=trivial)

        reply = self.count_pending(worker)
        if task is None:
            reply["task_id"] = None
        elif len(batch) > 1:
            reply.update(self._start_batch(batch, batched_params, worker))
        else:
            reply.update(self._start(task, worker, host))
        return reply

    def take(self, worker_id: str, host: Any, known: Container[str], running: Collection[str]) -> tuple[str, int] | None:
        """What `get_work` gives to the only worker, which is in this process: a task, and how many are pending.

        None where there is more to it. `known`: the tasks that it need not load; `running`: those that it has in hand.
        """
        state = self._state
        asking = state.only_worker(worker_id)
        if asking is None or not asking.enabled or self._paused or not state.are_running(running):
            return None
        if self._config.batch_emails or state.is_due() or asking.prune(self._config):
            return None  # pruning has something to do
        entry = state.ready.first()
        if entry is None or not state.is_trivial(asking):
            return None
        task = entry.task
        if worker_id not in task.workers or task.id not in known or state.get_batcher(worker_id, task.family)[0]:
            return None
        asking.update({"host": host}, get_work=True)
        pending = state.pending(asking)[0]
        self._start(task, worker_id, host)
        return task.id, pending

    def _lost_task(self, worker_id: str, current_tasks: set[str]) -> Task | None:
        """A task that should be running on a worker, which knows nothing of it: most likely the reply got lost."""
        running = self._state.get_active_tasks_by_status(RUNNING)
        lost = [task for task in running if task.worker_running == worker_id and task.id not in current_tasks]
        return max(reversed(lost), key=self._rank, default=None)

    def _first_own(self, worker_id: str) -> Entry | None:
        closed: set[Bucket] = set()
        for entry in self._state.ready.walk(closed):
            if worker_id in entry.task.workers:
                return entry
            closed.add(entry.bucket)
        return None

    def _first_allowed(self, worker_id: str, assistant: bool) -> Entry | None:
        """The first task whose resources are free, and would be so if all workers started anew on the most important tasks."""
        # The free slots and resources of that imagined start only ever shrink, so a bucket that is of no use stays so.
        used = self._used_resources()
        imagined: defaultdict[str, int] = defaultdict(int)
        active = self._state.get_active_workers(last_get_work_gt=time.time() - self._config.worker_disconnect_delay)
        slots = {worker.id: worker.info.get("workers", 1) for worker in active}
        running = sorted(self._state.get_active_tasks_by_status(RUNNING), key=self._rank, reverse=True)
        running.reverse()
        closed: set[Bucket] = set()
        for entry in self._state.ready.walk(closed):
            task = entry.task
            while running and self._rank(running[-1]) > self._rank(task):
                ahead = running.pop()
                if ahead.worker_running in slots:
                    slots[ahead.worker_running] -= 1
                    _occupy(imagined, getattr(ahead, "resources_running", ahead.resources))
            if not self._has_resources(task.resources, imagined):
                closed.add(entry.bucket)
                continue
            if (worker_id in task.workers or (assistant and task.runnable)) and self._has_resources(task.resources, used):
                return entry
            candidates = [*task.workers, worker_id] if assistant else task.workers
            runner = next((candidate for candidate in candidates if slots.get(candidate, 0) > 0), None)
            if runner is None:
                closed.add(entry.bucket)
            else:
                slots[runner] -= 1
                _occupy(imagined, task.resources)
        return None

    def _batch(self, first: Entry, worker_id: str, only_own: bool) -> tuple[list[Task], dict[str, Any]]:
        """The tasks that can run together with the first one, and the parameters they differ in."""
        task = first.task
        names, limit = self._state.get_batcher(worker_id, task.family)
        if not names or not task.is_batchable() or any(name not in task.params for name in names):
            return [], _NO_PARAMS
        fixed = {name: value for name, value in task.params.items() if name not in names}
        batch = [task]
        closed: set[Bucket] = set()
        for entry in self._state.ready.walk(closed):
            other = entry.task
            if len(batch) >= limit:
                break
            if other.family != task.family or other.resources != task.resources or (only_own and worker_id not in other.workers):
                closed.add(entry.bucket)
            elif entry > first and other.is_batchable() and all(other.params.get(name) == value for name, value in fixed.items()):
                batch.append(other)
        return batch, {name: [member.params.get(name) for member in batch] for name in names}

    def _start(self, task: Task, worker_id: str, host: Any) -> dict[str, Any]:
        self.update_metrics_task_started(task)
        if task.status != RUNNING:  # a reply that got lost
            self._state.advance(task, RUNNING)
        task.worker_running = worker_id
        task.resources_running = task.resources.copy()
        task.time_running = time.time()
        self._update_task_history(task, RUNNING, host=host)
        return {"task_id": task.id, "task_family": task.family, "task_module": task.module, "task_params": task.params}

    def _start_batch(self, batch: list[Task], batched_params: dict[str, Any], worker_id: str) -> dict[str, Any]:
        task_ids = [task.id for task in batch]
        batch_id = hashlib.md5("|".join(task_ids).encode(), usedforsecurity=False).hexdigest()
        for task in batch:
            self._state.set_batch_running(task, batch_id, worker_id)
        first = batch[0]
        return {
            "task_id": None,
            "task_family": first.family,
            "task_module": first.module,
            "task_params": {**first.params, **batched_params},
            "batch_id": batch_id,
            "batch_task_ids": task_ids,
        }

    def _prune_tasks(self) -> None:
        due = self._state.due_tasks()
        if not due:
            return
        assistants = {worker.id for worker in self._state.get_assistants()}
        remove = []
        for task in due:
            self._state.fail_dead_worker_task(task, self._config, assistants)
            self._state.update_status(task, self._config)
            self._state.watch(task)
            if self._state.may_prune(task):
                logger.info("Removing task %r", task.id)
                remove.append(task.id)
        self._state.inactivate_tasks(remove)

    def _update_priority(self, task: Task, prio: float, worker: Any) -> None:
        known = task.priority if isinstance(task.priority, (int, float)) else Task.DEFAULT_PRIORITY
        prio = max(prio, known)
        if task.priority != prio:
            self._state.set_priority(task, prio)
        # Not recursive as Luigi's is, because a chain of tasks can be longer than the stack is deep.
        todo = [task]
        while todo:
            for dep in todo.pop().deps:
                below = self._state._tasks.get(dep)
                if below is not None and prio > below.priority:
                    self._state.set_priority(below, prio)
                    todo.append(below)

    def _generate_retry_policy(self, task_retry_policy_dict: dict[str, Any]) -> RetryPolicy:
        # Tasks with the same policy share it, which saves time as well as memory.
        config = self._config
        key = (config.retry_count, config.disable_hard_timeout, config.disable_window, *task_retry_policy_dict.items())
        policy = self._retry_policies.get(key)
        if policy is None:
            policy = self._retry_policies[key] = super()._generate_retry_policy(task_retry_policy_dict)
        return policy


def _occupy(resources: defaultdict[str, int], amounts: dict[str, int] | None) -> None:
    for resource, amount in (amounts or {}).items():
        resources[resource] += amount

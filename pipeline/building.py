"""`build`: plan, schedule with Luigi, report back a `Run`.

What can be wrong before anything runs (a cycle, a missing parameter, a class without `easy_run`) is raised.
What goes wrong in a step is in the run: the step is failed, what needs it is skipped, the rest goes on.
Nothing is handed to Luigi if every task is current.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import luigi.scheduler
from luigi import configuration
from luigi.scheduler import DONE, UNKNOWN

from pipeline import filecache, forgetting, garbage, interrupts, observing, planning, settings, stores, wanting
from pipeline.entry import Entry
from pipeline.errors import BusyError, MissingFileError, PipelineError, PlanningError, ResourceError, StepError, TaskDefinitionError
from pipeline.observing import Observer
from pipeline.repairing import Repair, owner_of
from pipeline.runs import Outcome, Run
from pipeline.scheduler import Scheduler
from pipeline.scope import Scope, run_scope
from pipeline.task import BaseTask, ExternalFile, Task
from pipeline.verdict import CURRENT, Leaves, Verdict, required_while_running
from pipeline.worker import Worker
from targets import locks, trust
from targets.store import UNFINISHED, Store

log = logging.getLogger("pipeline")

Kinds = Mapping[tuple[type, Store], Task[Any]]


def build(
    tasks: Any,
    *,
    engine: str = "",
    workers: int | None = None,
    keep_going: bool | None = None,
    force: Any = (),
    scheduler: Any = None,
    rehash: bool = False,
    retry_failed: bool = False,
    progress: bool | Observer | None = None,
    reason: str = "",
    wait: bool = True,
) -> Run:
    """Make everything current that these tasks need, and the tasks themselves.

    `engine`: where steps execute: "inline" or "processes" (the default with several workers). `workers`: how many steps may
    run at a time. `keep_going`: go on with other steps after one has failed.
    `force`: what is to run although it is current: families, classes, tasks, beginnings of keys or "all", with "+" for
    everything below. `rehash`: read external files again, also those that look unchanged. `retry_failed`: run also steps whose
    failure is kept (`cache_failures`).
    `progress`: True shows what a command shows; or an observer of your own (`pipeline.observing`). `reason`: words for the history.
    `wait`: False raises `BusyError` where there is nothing to do but wait for what another run is making.
    `scheduler`: a Luigi scheduler to use instead of a local one (`luigi.rpc.RemoteScheduler(url)` for luigid).
    """
    chosen = settings.read()
    observer = observing.chosen(progress)
    engine = engine or chosen.engine
    workers = chosen.workers if workers is None else workers
    keep_going = chosen.keep_going if keep_going is None else keep_going
    _check_arguments(workers, scheduler, progress)
    begun = time.perf_counter()
    if rehash:
        filecache.forget()
    asked = Scope(inside_run=True, is_build=True, recovers=True, force=force, retry_failed=retry_failed)
    with locks.given_back(), run_scope(asked) as scope, scope.asking_git(), observing.to_the_end(observer):
        roots = planning.as_tasks(tasks)
        with garbage.paused():
            plan = planning.plan(roots, scope=scope)
            scope.forcing.insist(plan.order)
            _check(plan.order)
            recorded = plan.recorded() if observer is not None else {}
            wanting.want(plan, scope, in_one_process=wanting.is_one_process(engine, workers))
            todo = [task for task in plan.roots if not plan.verdicts[task].is_current]
            if not todo:
                garbage.grow_old()
        if observer is not None:
            observer.planned(plan, workers, recorded)
        kinds = _kinds(plan.must_run)
        history = stores.of_history(plan.roots, scope)
        _sweep_entries({history, *(store for _, store in kinds)})
        worker: Worker | None = None
        entry = Entry(history, scope, reason)
        if todo:
            _check_formats(kinds)
            _sweep(kinds)
            _prepare(plan.must_run, kinds, scope)
        with _heeding_signals(entry, chosen.grace + 1) if todo else contextlib.nullcontext():
            try:
                if todo:
                    worker = _worker(workers, engine, keep_going, scheduler, chosen.grace, wait, observer)
                    _run(worker, todo, entry)
                    _flush(plan, worker, scope)
                with garbage.paused():
                    outcomes = _outcomes(plan, worker, scope)
                    run = Run(id=scope.id, verdicts=plan.verdicts, outcomes=outcomes, duration=time.perf_counter() - begun, worker=worker)
                    known = _known_requirements(scope, worker)
                    entry.end("done" if run.ok else "failed", exit_code=run.exit_code, outcomes=outcomes, requirements=known)
                    forgetting.old_runs(history, chosen.history_days, but=scope.id)
            except BaseException as error:
                _enter_broken(entry, error, plan, worker, scope)
                raise
        log.info("%s", run.one_line_summary, extra={"run": run.id, **run.counts()})
        if observer is not None:
            observer.finished(run)
    return run


@contextlib.contextmanager
def _heeding_signals(entry: Entry, grace: float) -> Iterator[None]:
    """However the process ends, the history says that it was interrupted."""
    with interrupts.given_back("SIGUSR1"), interrupts.heeded(grace), interrupts.told_at_the_end(entry.cut_off):
        yield


def _enter_broken(entry: Entry, error: BaseException, plan: planning.Plan, worker: Worker | None, scope: Scope) -> None:
    """The entry of a run that did not come to its end, with what had ended until then."""
    outcomes = {task: Outcome("kept", verdict) for task, verdict in plan.verdicts.items() if verdict.is_current}
    scheduled = {task.task_id: task for task in map(owner_of, worker._scheduled_tasks.values())} if worker is not None else {}
    for name, one in worker.settled.items() if worker is not None else ():
        task = scheduled.get(name)
        if task is not None:
            verdict = plan.verdicts.get(task, one.verdict or CURRENT)
            outcomes[task] = Outcome(one.state, verdict, one.duration, one.error, one.begun, one.identity)
    error = interrupts.leaving_by() or error
    interrupted = isinstance(error, KeyboardInterrupt)
    entry.end(
        "interrupted" if interrupted else "failed",
        exit_code=_exit_code(error),
        outcomes=outcomes,
        requirements=_known_requirements(scope, worker),
        error=None if interrupted else error,
    )


def _exit_code(error: BaseException) -> int:
    """With which a command will end."""
    if isinstance(error, KeyboardInterrupt):
        return interrupts.TERMINATED if isinstance(error, interrupts.Terminated) else interrupts.INTERRUPTED
    return 75 if isinstance(error, BusyError) else 3 if isinstance(error, PipelineError) else 1


def _known_requirements(scope: Scope, worker: Worker | None) -> Callable[[Any], Leaves]:
    """What is known of what a task needs, also of what it has asked for while running."""
    asked = worker.asked if worker is not None else {}
    if not asked:
        return scope.known_requirements

    def known(task: Any) -> Leaves:
        found = scope.known_requirements(task)
        return [*found, *(("", owner_of(one)) for one in asked.get(task.task_id, ()))]

    return known


def _check(order: list[Any]) -> None:
    for task in order:
        kind = type(task)
        if not stores.has_store(task) or kind.run is not Task.run:
            continue
        if kind.easy_run is Task.easy_run and kind.task_function is None:
            raise TaskDefinitionError(f"{kind.__name__} has no easy_run: define easy_run(self, inputs), or make it a WrapperTask")


def _check_arguments(workers: Any, scheduler: Any, progress: Any) -> None:
    if type(workers) is not int or workers < 1:
        raise PlanningError(f"workers is {workers!r}: it must be a whole number from 1")
    if isinstance(scheduler, str):
        raise PlanningError(f"scheduler is {scheduler!r}: pass a scheduler, luigi.rpc.RemoteScheduler(url) for luigid")
    if progress is not None and not isinstance(progress, bool) and not hasattr(progress, "planned"):
        raise PlanningError(f"progress is {progress!r}: it must be True, or an observer (see pipeline.observing)")


def _kinds(tasks: list[Any]) -> Kinds:
    """One step of each class and store: they have a format, a folder and their code in common."""
    return {(type(task), task.store): task for task in tasks if stores.has_store(task)}


def _check_formats(kinds: Kinds) -> None:
    """Say before anything is computed that its output could not be loaded afterwards."""
    for (_, store), task in kinds.items():
        trust.insist_on_decoding(runs_code=task.target.runs_code, store=store, what=task)


def _sweep(kinds: Kinds) -> None:
    """Remove what killed runs left behind, where something is about to be written."""
    for store, folder in {(store, task._stem.rpartition("/")[0]) for (_, store), task in kinds.items()}:
        store.sweep(folder)


def _sweep_entries(stores: Iterable[Store]) -> None:
    """Remove what a run left behind that was killed while it wrote its entry in the history, or the code that it kept."""
    for store in stores:
        with contextlib.suppress(PipelineError, OSError):  # they harm nobody, and there may be nothing to write today
            store.sweep(UNFINISHED)


def _prepare(tasks: list[Any], kinds: Kinds, scope: Scope) -> None:
    """Do here, once, what every child process would have to do for itself."""
    for store in {store for _, store in kinds}:
        with contextlib.suppress(PipelineError, OSError):  # the step itself says so
            scope.marks.mark(store)
    for task in tasks:
        if isinstance(task, Task) and task.share_inputs:
            scope.shared.expect(task.task_id, (required.task_id for _, required in scope.requirements(task)[1]))
    for kind in dict.fromkeys(type(task) for task in tasks if isinstance(task, Task)):
        with contextlib.suppress(PipelineError):  # the step itself says so, if it gets that far
            scope.code.of(kind)


def _flush(plan: planning.Plan, worker: Worker, scope: Scope) -> None:
    """Bring everything that was committed to the disk, also by what was required while running."""
    more = [task for task in map(owner_of, worker._scheduled_tasks.values()) if task not in plan.verdicts]
    scope.marks.take_away(task.store for task in more if stores.has_store(task))


def _worker(workers: int, engine: str, keep_going: bool, scheduler: Any, grace: float, wait: bool, observer: Observer | None) -> Worker:
    return Worker(
        # What another process has replaced since this run made it is made again at once: in Luigi's ten seconds who needs it begins for ever.
        scheduler=Scheduler(prune_on_get_work=True, record_task_history=False, stable_done_cooldown_secs=0) if scheduler is None else scheduler,
        worker_processes=workers,
        engine=engine,
        keep_going=keep_going,
        grace=grace,
        wait=wait,
        observer=observer,
        **_worker_defaults(),
    )


def _worker_defaults() -> dict[str, Any]:
    """Options of Luigi's worker that are other ones here, where its configuration does not name them."""
    config = configuration.get_config()
    options: dict[str, Any] = {}
    if not config.has_option("worker", "wait_interval") and not config.has_option("core", "worker-wait-interval"):
        options["wait_interval"] = 0.05
    if not config.has_option("worker", "wait_jitter"):
        options["wait_jitter"] = 0.05
    if threading.current_thread() is not threading.main_thread():
        # There alone a signal can be handled. SIGUSR1: begin nothing more, and end when what is running has ended.
        options["no_install_shutdown_handler"] = True
    return options


def _run(worker: Worker, todo: list[Any], entry: Entry) -> None:
    with garbage.graph_set_aside(), worker:
        with garbage.paused():
            for task in todo:
                worker.add(task)
        # Until now git could take its time; children inherit its answer.
        entry.begin()
        with garbage.graph_set_aside():
            worker.run_all()


def _outcomes(plan: planning.Plan, worker: Worker | None, scope: Scope) -> dict[Any, Outcome]:
    tasks = dict.fromkeys(plan.order)
    told = worker.settled if worker is not None else {}
    if worker is not None:
        scope.moved()
    repaired: dict[Any, Verdict] = {}
    if worker is not None:
        for task in worker._scheduled_tasks.values():
            # What was required while running was not in the plan.
            tasks[owner_of(task)] = None
            if isinstance(task, Repair) and task.verdict is not None:
                repaired.setdefault(task.owner, task.verdict)
    outcomes: dict[Any, Outcome] = {}
    for task in tasks:
        verdict = plan.verdicts.get(task, CURRENT)
        if task.task_id in told:
            one = told[task.task_id]
            if verdict.is_current and one.state != "kept":
                verdict = repaired.get(task, one.verdict or verdict)
            outcomes[task] = Outcome(one.state, verdict, one.duration, one.error, one.begun, one.identity, task)
        elif isinstance(task, ExternalFile) or getattr(task, "run", None) is None:
            # It may have appeared meanwhile: `retry_external_tasks`.
            is_there = verdict.is_current or (worker is not None and planning.find(task, scope).verdict.is_current)
            error: BaseException | None = None if is_there else _unasked(verdict) or _missing(task, verdict)
            outcomes[task] = Outcome("failed" if error else "kept", verdict, error=error, task=task)
        else:
            # What a kept step asked for when it last ran may have become current with what it needs, and nobody asked again.
            now = verdict if task in plan.verdicts and verdict.is_current else planning.find(task, scope).verdict
            error = None if now.is_current or worker is None else _too_much(task, worker)
            outcomes[task] = Outcome("kept" if now.is_current else "skipped", plan.verdicts.get(task, now), error=error, task=task)
    _settle_wrappers(outcomes)
    if worker is not None:
        _add_scheduling_failures(outcomes, worker)
        if scope.failed:
            _drop_unneeded(plan.roots, outcomes, worker.asked)
    return outcomes


def _drop_unneeded(roots: list[Any], outcomes: dict[Any, Outcome], asked: Mapping[str, list[Any]]) -> None:
    """A recorded requirement that failed, and that nobody asked for again, is no failure of this run."""
    needed: set[Any] = set()
    waiting = list(roots)
    while waiting:
        task = waiting.pop()
        if task in needed:
            continue
        needed.add(task)
        waiting += task.deps()
        if task not in outcomes or outcomes[task].state in ("failed", "skipped"):
            waiting += asked.get(task.task_id, [])
            continue
        if stores.has_store(task):
            found = task.target.find_record()
            waiting += [required for required, _ in required_while_running(found[0])] if found else []
    for task, outcome in outcomes.items():
        if task not in needed and outcome.state in ("failed", "skipped"):
            outcomes[task] = dataclasses.replace(outcome, state="unneeded")


def _settle_wrappers(outcomes: dict[Any, Outcome]) -> None:
    """A wrapper or part is kept where all that it stands for is there; requirements come first in the order."""
    for task, outcome in outcomes.items():
        stands_for_others = isinstance(task, BaseTask) and type(task)._stands_for_others
        if outcome.state != "skipped" or not stands_for_others:
            continue
        if all(outcomes[required].state in ("ran", "kept") for required in task.deps() if required in outcomes):
            outcomes[task] = Outcome("kept", outcome.verdict, task=task)


def _add_scheduling_failures(outcomes: dict[Any, Outcome], worker: Worker) -> None:
    for task, status, _ in worker._add_task_history:
        if task not in outcomes or outcomes[task].state != "skipped":
            continue
        error: StepError | None = None
        if status == UNKNOWN and task.task_id in worker.left_out:
            error = StepError(
                f"it and what it requires were left out: the limit of {worker._config.task_limit} tasks was reached ([worker] task_limit)"
            )
        elif status == UNKNOWN:
            error = _unasked(outcomes[task].verdict) or StepError("its complete() or its requires() failed: the log has the traceback")
        elif status == DONE and isinstance(task, Task) and type(task).run is not Task.run:
            error = StepError("its own run() has stored nothing: write easy_run(self, inputs) instead, or derive the class from luigi.Task")
        if error is not None:
            outcomes[task] = Outcome("failed", outcomes[task].verdict, error=error, task=task)


def _too_much(task: Any, worker: Worker) -> ResourceError | None:
    """Why a scheduler of this process could never hand out a task; what another one has to give is not known here."""
    if not isinstance(worker._scheduler, luigi.scheduler.Scheduler):
        return None
    there_is = worker._scheduler._resources or {}
    for name, amount in task.process_resources().items():
        if amount > there_is.get(name, 1):
            number = there_is.get(name, 1)
            return ResourceError(f"{task!r} needs {amount} {name}, there {'is' if number == 1 else 'are'} {number}: see [resources] in luigi.cfg")
    return None


def _unasked(verdict: Verdict) -> StepError | None:
    return StepError(f"{verdict.reason}. The log has the traceback") if verdict.reason.startswith(planning.COMPLETE_FAILED) else None


def _missing(task: Any, verdict: Verdict) -> MissingFileError:
    if isinstance(task, ExternalFile):
        return MissingFileError(f"{verdict.reason}: put the file in its place, or correct the path")
    paths = [str(path) for target in luigi.task.flatten(task.output()) if (path := getattr(target, "path", None))]
    return MissingFileError(f"{task!r} is made by somebody else, and its output is not there" + (f": {', '.join(paths)}" if paths else ""))

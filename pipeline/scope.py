"""What one run knows: its id, and what it has found out about each task.

A run is one call of `build`, one Luigi worker at work (`luigi.build`, the `luigi` command), or, outside of
both, the process. What was found CURRENT is remembered for the run as long as the task's record has the same
stamp, so that damage that another process has found is seen; what was not is asked again as soon as anything
was executed, a plain Luigi task as well. Outside of a run nothing is remembered beyond the outermost call.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import functools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import luigi.worker

from pipeline import environment, instead, recovery, settings, structure
from pipeline.code import Code
from pipeline.errors import PipelineError, RequirementError, ambiguous_family
from pipeline.forcing import Forcing
from pipeline.settled import Settled
from pipeline.sharing import Shared
from pipeline.verdict import CURRENT, Finding
from targets import processes, trust
from targets.messages import said
from targets.opening import open_store
from targets.record import Constant, Record
from targets.small import SmallOutputs
from targets.snapshot import Snapshot
from targets.store import Store

_ids_of_this_process: set[str] = set()
_forks = 0


def _forked() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_forked, after_in_child=_forked)


def new_id(moment: float) -> str:
    """An id that no other run has; sorted, ids are in the order in which runs were begun, also within a second."""
    return f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(moment))}-{int(moment % 1 * 1e6):05x}{uuid.uuid4().hex[:7]}"


class Scope:
    """See the module."""

    def __init__(self, *, inside_run: bool, is_build: bool = False, recovers: bool = False, force: Any = (), retry_failed: bool = False) -> None:
        self.started = time.time()
        self.id = new_id(self.started)
        settings.forget()
        self.inside_run = inside_run
        self.is_build = is_build
        self.forcing = force if isinstance(force, Forcing) else Forcing(force)
        #: Steps run although an earlier failure of theirs is kept.
        self.retry_failed = retry_failed
        _ids_of_this_process.add(self.id)
        self.process = processes.current
        #: Tasks whose absent data somebody needs.
        self.wanted: set[str] = set()
        #: Tasks that could not be made, where that is known to be final.
        self.failed: set[str] = set()
        #: Told of every task that was settled.
        self.listener: Callable[[Settled], None] | None = None
        #: The key of the task that a worker of ours is at: if another process holds it, `Held` is raised, and the worker takes other work.
        self.goes_on_without: str | None = None
        self.code = Code()
        self.shared = Shared()
        self.small = SmallOutputs()
        self._current: dict[str, Finding] = {}
        self._other: dict[str, Finding] = {}
        self._requirements: dict[str, tuple[Any, list[tuple[str, Any]]]] = {}
        #: What stores held when planning began; while it lasts.
        self._snapshots: dict[str, Snapshot] = {}
        #: What this run has begun to write to, and whether it looks after what a power cut has left in a store.
        self.marks = recovery.Marks(self.id)
        self._recovers = recovers
        self._entered: set[str] = set()
        self._depth = 0
        self._forks = _forks
        self._judging = 0
        self._opened: dict[str, Store] = {}
        self._store: Store | None = None
        self._git: environment.Git | None = None

    @property
    def store(self) -> Store:
        """Where outputs live whose class does not say. For a run it is asked once: it is wanted several times for each task."""
        if self._store is not None:
            return self._store
        store = open_store(settings.target_dir())
        if self.inside_run:
            self._store = store
        return store

    def is_fresh(self, record: Record) -> bool:
        """Whether it was made in this run; outside of `build` that is the process and its forks."""
        return record.run == self.id if self.is_build else record.run in _ids_of_this_process

    def made_in_this_run(self, record: Record) -> bool:
        """Whether it was made by this very run, so that nothing about it needs to be asked again."""
        return self.inside_run and record.run == self.id

    def now(self) -> float:
        """The moment for which outputs are judged: the beginning of the run."""
        return self.started if self.inside_run else time.time()

    def finding(self, task: Any) -> Finding | None:
        """What is known and still holds."""
        if self._forks != _forks and not self._judging:
            # Another process has been at work since.
            self._forks = _forks
            self.moved()
        found = self.remembered(task)
        if found is not None:
            if found.stamp is None or task.target.stamp() == found.stamp:
                return found
            del self._current[task.task_id]
            return None
        return self._other.get(task.task_id)

    def opened(self, where: str) -> Store:
        """The store that a class names: in a run the same one also where a step has changed the current folder."""
        known = self._opened.get(where)
        if known is None:
            known = open_store(where)
            if self.inside_run:
                self._opened[where] = known
        return known

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """What a plain task's `complete()` forks meanwhile (a pool, the server of a mock) is no work of ours: what was found stays."""
        is_new = self._forks == _forks
        self._judging += 1
        try:
            yield
        finally:
            self._judging -= 1
            if is_new:
                self._forks = _forks

    def remembered(self, task: Any) -> Finding | None:
        """What was found CURRENT, without a look whether it still holds: for whoever looks anyhow when loading.

        `AmbiguousFamilyError` where that was said of another class: its output is in the place of this one's.
        """
        found = self._current.get(task.task_id)
        if found is not None and found.kind is not type(task):
            raise ambiguous_family(found.kind or object, type(task))
        return found

    def found(self, task: Any) -> Finding:
        """What was found about a task that was just judged."""
        return self._current.get(task.task_id) or self._other[task.task_id]

    def remember(self, task: Any, finding: Finding) -> None:
        if finding.verdict.is_current:
            if finding.kind is not None and finding.kind is not type(task):
                finding = dataclasses.replace(finding)  # that of another task, which this one stands for
            finding.kind = type(task)
            self._current[task.task_id] = finding
        else:
            self._other[task.task_id] = finding

    def forget(self, task: Any) -> None:
        """Something about this task changed."""
        self._current.pop(task.task_id, None)
        self.moved()

    def want(self, task: Any) -> None:
        """Somebody needs the data of a task whose data are absent."""
        self.wanted.add(task.task_id)
        self.forget(task)

    def committed(self, task: Any, record: Record, stamp: Any, identity: str) -> None:
        """This process has just made it."""
        self.wanted.discard(task.task_id)
        self.moved()
        if self.inside_run:
            self._current[task.task_id] = Finding(CURRENT, identity, stamp, kind=type(task))

    def tell(self, settled: Settled) -> None:
        if self.listener is not None:
            self.listener(settled)

    def moved(self) -> None:
        """Something was executed, here or elsewhere: what was not current may be so now."""
        self._other = {}

    def requirements(self, task: Any) -> tuple[Any, list[tuple[str, Any]]]:
        """`requires()` as (structure, [(place, task)]), asked once a run."""
        known = self._requirements.get(task.task_id)
        if known is None:
            try:
                # What a test has given requires nothing.
                settled = structure.settle(task.requires()) if instead.mock_of(task) is None else []
                known = (settled, list(structure.leaves(settled)))
            except PipelineError as error:
                if not isinstance(error, RequirementError):
                    raise
                raise RequirementError(f"{task!r}: {error}") from error
            except (Exception, SystemExit) as error:
                raise RequirementError(f"{task!r}: its requires() failed with {type(error).__name__}: {said(error)}") from error
            self._requirements[task.task_id] = known
        return known

    def known_requirements(self, task: Any) -> Sequence[tuple[str, Any]]:
        """What a task requires, as far as it was asked in this run."""
        known = self._requirements.get(task.task_id)
        return known[1] if known is not None else ()

    @contextlib.contextmanager
    def looking_at(self, snapshots: dict[str, Snapshot]) -> Iterator[None]:
        """Judge by these snapshots meanwhile."""
        self._snapshots = snapshots
        try:
            yield
        finally:
            self._snapshots = {}

    def through(self, store: Store) -> Snapshot | None:
        """What answers in the place of a store, if anything does."""
        if self._recovers and store.url not in self._entered:
            self.enter(store)
        return self._snapshots.get(store.url)

    def enter(self, store: Store) -> None:
        """Something in this store is about to be judged."""
        if self._recovers and store.url not in self._entered:
            self._entered.add(store.url)
            recovery.recover(store)

    def code_change(self, task: Any, record: Record) -> str | None:
        return self.code.change(task, record)

    def library_change(self, task: Any, record: Record) -> str | None:
        return self.code.library_change(task, record)

    def identity_of(self, task: Any, record: Record) -> str:
        return self.code.identity_of(task, record)

    @functools.cached_property
    def environment(self) -> dict[str, Any]:
        """Where and with what this run takes place, captured once, as records keep it."""
        versions = Constant(environment.versions())
        with self.asking_git():
            assert self._git is not None
            return {"host": environment.host(), "versions": versions, "git": Constant(self._git.answer())}

    @contextlib.contextmanager
    def asking_git(self) -> Iterator[None]:
        """Git is asked now, and may answer while something else is done."""
        is_asked = self._git is not None
        if not is_asked:
            self._git = environment.Git(os.curdir)
        try:
            yield
        finally:
            if not is_asked and self._git is not None:
                self._git.close()
                self._git = None

    @functools.cached_property
    def captures(self) -> bool:
        """Whether what steps print goes to their logs."""
        return settings.read().capture

    def asking(self) -> _Asking:
        """One outermost question; outside of a run its answers are forgotten afterwards."""
        return _Asking(self)

    def begin_asking(self) -> None:
        self._depth += 1

    def end_asking(self) -> None:
        self._depth -= 1
        if self._depth == 0 and not self.inside_run:
            self._current.clear()
            self._other = {}
            self._requirements.clear()
            self.code = Code()


class _Asking:
    # Not a generator: it is entered several times for each task.
    __slots__ = ("_scope",)

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> None:
        self._scope.begin_asking()

    def __exit__(self, *exception: object) -> None:
        self._scope.end_asking()


_active: contextvars.ContextVar[Scope | None] = contextvars.ContextVar("luigi_warp_scope", default=None)
_of_process: Scope | None = None


def current() -> Scope:
    """The scope of the run that is going on, else the process's own."""
    global _of_process
    active = _active.get()
    if active is not None:
        return active
    if _of_process is None:
        _of_process = Scope(inside_run=False)
    return _of_process


@contextlib.contextmanager
def run_scope(scope: Scope) -> Iterator[Scope]:
    """Make a scope the current one."""
    token = _active.set(scope)
    try:
        with trust.settled():
            yield scope
    finally:
        scope.marks.let_go()
        _active.reset(token)


def _a_luigi_worker_is_a_run() -> None:
    # Luigi tells tasks nothing of where a run begins and ends. Without knowing it, every complete() of a chain
    # would look at all that is above it again. `with worker:` is the whole of a run, in luigi.build and the command.
    enter, leave = luigi.worker.Worker.__enter__, luigi.worker.Worker.__exit__

    def begin(self: Any) -> Any:
        if _active.get() is None:
            self._luigi_warp_scope = _active.set(Scope(inside_run=True, recovers=True))
        return enter(self)

    def end(self: Any, *exception: Any) -> Any:
        token = self.__dict__.pop("_luigi_warp_scope", None)
        try:
            if token is not None:
                _end_of(self, token, broken_off=any(exception))
        finally:
            left = leave(self, *exception)
        return left

    luigi.worker.Worker.__enter__, luigi.worker.Worker.__exit__ = begin, end  # type: ignore[method-assign]


def _end_of(worker: Any, token: Any, *, broken_off: bool) -> None:
    """The run of a worker of Luigi's is over. What cannot be brought to the disk is an error, and no run goes on because of it."""
    scope = _active.get()
    try:
        if scope is not None and not broken_off:
            tasks = getattr(worker, "_scheduled_tasks", {}).values()
            scope.marks.take_away({place.store for task in tasks if hasattr(task, "_place") and (place := task._place()) is not None})
    finally:
        if scope is not None:
            scope.marks.let_go()
        with contextlib.suppress(ValueError):  # left in another context than entered
            _active.reset(token)


def _whatever_luigi_runs_is_an_execution() -> None:
    # What a plain task makes is not told to anybody. Before a task begins, other workers may have been at work.
    run = luigi.worker.TaskProcess.run

    def run_and_tell(self: Any) -> Any:
        current().moved()
        try:
            return run(self)
        finally:
            current().moved()

    luigi.worker.TaskProcess.run = run_and_tell  # type: ignore[method-assign]


_a_luigi_worker_is_a_run()
_whatever_luigi_runs_is_an_execution()

"""The plan: the graph in topological order, with a verdict for each task.

Each task is judged once, after its requirements, without recursion: a chain of 100,000 works, a diamond is
not exponential. A plain Luigi task is judged by its own `complete()` and hides what is above it, also where
that fails: the verdict says so. `CycleError` names the tasks of a cycle,
`AmbiguousFamilyError` two classes whose outputs would share a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import luigi

from pipeline import garbage, instead
from pipeline.errors import CycleError, PlanningError, ambiguous_family
from pipeline.scope import Scope, current, run_scope
from pipeline.secrets import redact
from pipeline.verdict import Finding, Look, Rule, Verdict, conclude
from targets import trust
from targets.messages import said
from targets.snapshot import Snapshot

_NOTHING: Mapping[str, Any] = {}
#: How the reason begins why a plain Luigi task is not current that could not be asked.
COMPLETE_FAILED = "its complete() failed with"


class Plan:
    """Tasks in an order in which they could run, and what was found about each."""

    def __init__(self, roots: list[Any], order: list[Any], scope: Scope) -> None:
        self.roots = roots
        self.scope = scope
        self.order = order
        self.verdicts: dict[Any, Verdict] = {}
        for task in order:
            self.verdicts[task] = scope.found(task).verdict

    def recorded(self) -> dict[str, float]:
        """The seconds that tasks took when they were made, by task id: as long as nothing has moved since the judgement."""
        known = ((task.task_id, self.scope.found(task).duration) for task in self.order)
        return {name: seconds for name, seconds in known if seconds is not None}

    @property
    def must_run(self) -> list[Any]:
        return [task for task, verdict in self.verdicts.items() if not verdict.is_current]

    def __str__(self) -> str:
        return "\n".join(f"{verdict}  {task!r}" for task, verdict in self.verdicts.items())


def plan(tasks: Any, *, scope: Scope | None = None) -> Plan:
    """Judge everything that these tasks need. Writes nothing."""
    roots = as_tasks(tasks)
    trust.keyring()  # what is set and is no key is an error now, not in each step
    if scope is not None:
        with garbage.paused(), run_scope(scope), scope.asking(), scope.looking_at(_snapshots(roots, scope)):
            return Plan(roots, walk(roots, scope, everything=True), scope)
    from pipeline import wanting

    # As `build` would judge: a run of its own.
    found = plan(roots, scope=Scope(inside_run=True, is_build=True))
    with run_scope(found.scope):
        wanting.as_set(found, found.scope)
    return found


#: A folder of which fewer outputs are asked for is not listed: it may hold a million others.
_WORTH_LISTING = 32


def _snapshots(roots: list[Any], scope: Scope) -> dict[str, Snapshot]:
    """A listing of each folder in which many of these tasks keep their outputs, by the store's URL."""
    places: dict[tuple[Any, str], list[str]] = {}
    seen: set[str] = set()
    waiting = list(reversed(roots))
    while waiting:
        task = waiting.pop()
        # What a plain Luigi task requires is asked only if it is not complete.
        if task.task_id in seen or not hasattr(task, "_first_look"):
            continue
        seen.add(task.task_id)
        place = task._place()
        if place is not None:
            places.setdefault((place.store, place.stem.rpartition("/")[0]), []).append(place.record_name if place.store.reads_in_bulk else "")
        waiting += [required for _, required in reversed(scope.requirements(task)[1])]
    for store in {store for store, _ in places}:
        scope.enter(store)
    found: dict[str, Snapshot] = {}
    for (store, folder), records in places.items():
        if len(records) >= _WORTH_LISTING:
            found.setdefault(store.url, Snapshot(store)).look_through(folder, records)
    return found


def as_tasks(tasks: Any) -> list[Any]:
    """A task or a collection of tasks as a list; what is no task is refused by name."""
    alone = isinstance(tasks, (luigi.Task, type, str, bytes)) or not isinstance(tasks, Iterable)
    roots = [tasks] if alone else list(tasks.values() if isinstance(tasks, Mapping) else tasks)
    for root in roots:
        if isinstance(root, type):
            raise PlanningError(f"{root.__name__} is a class: pass a task object, {root.__name__}(...)")
        if not isinstance(root, luigi.Task):
            raise PlanningError(f"{root!r} is no task, and only tasks can be built")
    return roots


def is_current(task: Any) -> bool:
    """What `complete()` answers."""
    scope = current()
    with scope.asking():
        return find(task, scope).verdict.is_current


def find(task: Any, scope: Scope) -> Finding:
    """The finding of one task; only what is needed to answer is looked at."""
    known = scope.finding(task)
    if known is not None:
        return known
    first = _first_look(task, scope)
    if isinstance(first, Finding):
        scope.remember(task, first)
        return first
    walk([task], scope, everything=False, looked={task.task_id: first})
    return scope.found(task)


def walk(roots: Iterable[Any], scope: Scope, *, everything: bool, looked: Mapping[str, Look | None] = _NOTHING) -> list[Any]:
    """Judge in post-order, iteratively; returns the tasks in that order.

    With `everything` the whole graph is judged. Otherwise a task whose own record says that it must run is not
    asked about its requirements, as Luigi asks them itself. `looked`: what the records of some tasks have said already.
    """
    with scope.judging():
        return _walk(roots, scope, looked, everything=everything)


def _walk(roots: Iterable[Any], scope: Scope, looked: Mapping[str, Look | None], *, everything: bool) -> list[Any]:
    order: list[Any] = []
    done: set[str] = set()
    classes: dict[str, type] = {}
    # What a task is waiting with while its requirements are judged; its presence marks the path from the root.
    open_looks: dict[str, Finding | Look | None] = {}
    stack: list[Any] = list(reversed(list(roots)))
    while stack:
        task = stack[-1]
        name = task.task_id
        if classes.setdefault(name, type(task)) is not type(task):
            raise ambiguous_family(classes[name], type(task))
        if name in done:
            stack.pop()
            continue
        if name in open_looks:
            if open_looks[name] is _LATER:
                seen = open_looks[name] = _first_look(task, scope)
                dynamic = [required for required, _ in seen.dynamic if required.task_id not in done] if isinstance(seen, Look) else []
                if dynamic:
                    _push(dynamic, stack, open_looks)
                    continue
            stack.pop()
            if scope.forcing:
                scope.forcing.look_at(task, (required for _, required in _requirements_of(task, open_looks[name], scope)))
            _settle(task, open_looks.pop(name), scope)
            if scope.remembered(task) is not None:
                getattr(task, "_slim", _nothing)()  # what must run is soon asked for the same things again
            done.add(name)
            order.append(task)
            continue
        known = scope.finding(task)
        if known is not None and not everything:
            stack.pop()
            done.add(name)
            continue
        if everything and known is None and hasattr(task, "_first_look"):
            # Its requirements are asked for in any case, so its record need not be held until they are judged: a chain is deep.
            open_looks[name] = _LATER
            wanted = [required for _, required in scope.requirements(task)[1]]
            _push([one for one in wanted if one.task_id not in done or classes[one.task_id] is not type(one)], stack, open_looks)
            continue
        seen = known if known is not None else looked[name] if name in looked else _first_look(task, scope)
        if not everything and isinstance(seen, Finding):
            scope.remember(task, seen)
            stack.pop()
            done.add(name)
            order.append(task)
            continue
        open_looks[name] = seen
        wanted = [required for _, required in _requirements_of(task, seen, scope)]
        _push([one for one in wanted if one.task_id not in done or classes[one.task_id] is not type(one)], stack, open_looks)
    return order


#: In the place of what a task's own record says, until its requirements are judged.
_LATER: Any = object()


def _push(wanted: list[Any], stack: list[Any], open_looks: dict[str, Any]) -> None:
    for required in reversed(wanted):
        if required.task_id in open_looks:
            raise _cycle(stack, required, open_looks)
        stack.append(required)


def _nothing() -> None:
    pass


def _first_look(task: Any, scope: Scope) -> Finding | Look | None:
    """A finding where the task alone gives one, a look or None where its requirements are needed as well."""
    mock = instead.mock_of(task) if instead.outputs is not None else None
    if mock is not None:
        return Finding(Verdict(Rule.CURRENT), mock.identity)
    first = getattr(task, "_first_look", None)
    if first is not None:
        return first(scope)  # type: ignore[no-any-return]
    # A plain Luigi task knows best.
    try:
        is_complete = task.complete()
    except Exception as error:  # for the worker, as for Luigi's, the task has failed and others have not
        return Finding(Verdict(Rule.MISSING, redact(f"{COMPLETE_FAILED} {type(error).__name__}: {said(error)}")))
    if is_complete:
        from pipeline.plainluigi import identity_of

        return Finding(Verdict(Rule.CURRENT), identity_of(task))
    return Finding(Verdict(Rule.MISSING, "its complete() says no"))


def _requirements_of(task: Any, seen: Finding | Look | None, scope: Scope) -> list[tuple[str, Any]]:
    if not hasattr(task, "_first_look") and isinstance(seen, Finding) and (seen.verdict.is_current or _cannot_be_asked(seen)):
        return []
    leaves = scope.requirements(task)[1]
    return list(seen.leaves(leaves)) if isinstance(seen, Look) else leaves


def _cannot_be_asked(found: Finding) -> bool:
    """Whether a plain Luigi task cannot say if it is complete: then it does not run, and nothing is made for it."""
    return found.verdict.reason.startswith(COMPLETE_FAILED)


def _settle(task: Any, seen: Finding | Look | None, scope: Scope) -> None:
    if isinstance(seen, Finding):
        scope.remember(task, seen)
        return

    leaves = scope.requirements(task)[1]
    if seen is None:
        scope.remember(task, task._conclude(leaves, scope.found))
    else:
        scope.remember(task, conclude(task, scope, seen, leaves, scope.found))


def _cycle(stack: list[Any], required: Any, open_looks: dict[str, Any]) -> CycleError:
    path = list({task.task_id: task for task in stack if task.task_id in open_looks}.values())
    start = next(at for at, task in enumerate(path) if task.task_id == required.task_id)
    return cycle_error([*path[start:], required])


def cycle_error(path: list[Any]) -> CycleError:
    """`path`: from a task to itself."""
    names = [repr(task) for task in (path if len(path) <= _LONGEST_CYCLE else path[: _LONGEST_CYCLE - 2])]
    if len(path) > _LONGEST_CYCLE:
        names += [f"{len(path) - _LONGEST_CYCLE} more", *(repr(task) for task in path[-2:])]
    return CycleError(f"a task requires itself: {' -> '.join(names)}. Change requires() of one of them")


#: Tasks of a cycle that a person is shown.
_LONGEST_CYCLE = 20

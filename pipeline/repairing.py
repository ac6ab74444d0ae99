"""Making an input again that was found missing, damaged or trimmed when it was needed.

A step that finds such an input yields a `Repair` of it, by Luigi's own protocol for requirements asked for while
running. A scheduler that has just been told that the input is done would ignore the input itself; a repair is a
task of its own that it has never heard of. `RepairError` where the fresh output is damaged again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import uuid
from collections.abc import Generator
from typing import Any

import luigi

from pipeline import planning
from pipeline.errors import RepairError
from pipeline.meaning import behind
from pipeline.parameters import TaskParameter
from pipeline.scope import current
from pipeline.steplogs import Unfinished
from pipeline.task import BaseTask, Part, Task, WrapperTask, set_aside
from pipeline.verdict import Rule, Verdict
from targets.errors import DamagedError, TargetError
from targets.messages import said

log = logging.getLogger("pipeline")


class Needs(Unfinished):
    """Tasks must be made before a step can go on. `again`: a scheduler may believe that they are; `damage`: what is wrong with those."""

    def __init__(self, tasks: list[Any] | None = None, *, again: list[Any] | None = None, damage: Verdict | None = None) -> None:
        super().__init__(tasks, again)
        self.tasks = tasks or []
        self.again = again or []
        self.damage = damage


class Repair(BaseTask):
    """Stands in for a task that must be made again."""

    task_namespace = "pipeline"
    _visible_in_registry = True
    _stands_for_others = True

    owner = TaskParameter()
    turn = luigi.Parameter(description="tells this repair from earlier ones of the same task")
    damage = luigi.Parameter(default="", significant=False, description="the verdict on what was found, where it was damaged")

    @property
    def verdict(self) -> Verdict | None:
        """Why the task is made again although it was planned to be kept; None where it was only missing."""
        rule, _, reason = str(self.damage).partition(": ")
        return Verdict(Rule(rule), reason) if rule else None

    def requires(self) -> Any:
        return self.owner.requires()

    def complete(self) -> bool:
        return planning.is_current(self.owner)  # not `complete()`, which it may override: what is to be loaded is its output

    def run(self) -> Generator[Any, Any, None]:
        yield from self.owner.run()
        try:
            self.owner.target.verify()
        except DamagedError as error:
            raise RepairError(f"{self.owner!r} was made again, and is damaged again: {error}. Check the disk of the store") from error

    def output(self) -> Any:
        return self.owner.output()

    @property
    def resources(self) -> Any:  # type: ignore[override]
        return self.owner.process_resources()

    @property
    def priority(self) -> Any:  # type: ignore[override]
        return self.owner.priority


def owner_of(task: Any) -> Any:
    """The task whose body is run: that which a repair makes again, else the task itself."""
    return task.owner if isinstance(task, Repair) else task


def _is_lacking(task: Any) -> bool:
    found = planning.find(task, current())
    return found.absent or not found.verdict.is_current


def _mark_wanted(task: Task[Any]) -> None:
    """Say in the record of trimmed data that they are needed, so that every process judges them missing."""
    if task.target.in_memory:
        return
    with task.store.lock(task.key), contextlib.suppress(TargetError):
        record = task.target.record
        if record.trimmed and not record.wanted:
            task.target.rewrite(dataclasses.replace(record, wanted=True))
    current().forget(task)


def set_aside_for(task: luigi.Task, error: BaseException) -> None:
    """A plain Luigi task reads by itself what it requires: where it has failed for damage in that, the next run makes it again."""
    damage: BaseException | None = error
    while damage is not None and not isinstance(damage, DamagedError):
        damage = damage.__cause__ or damage.__context__  # a library may have made something else of it
    if damage is None:
        return
    scope = current()
    try:
        owners = {owner for required in task.deps() for owner in behind(required, scope)}
    except Exception as refused:  # code of the app: what the task has failed with stays what is told
        log.warning("what %r found damaged stays where it is: its requirements cannot be asked for any more: %s", task, said(refused))
        return
    for owner in owners:
        if isinstance(owner, Task):
            set_aside(owner.target, damage)  # which looks at it first
            scope.forget(owner)


def repairs(tasks: list[Any], damage: Verdict | None = None) -> list[Any]:
    """What to yield so that these tasks are made again. `damage`: what is wrong with them."""
    found: dict[Any, None] = {}
    waiting = list(reversed(tasks))
    while waiting:
        task = waiting.pop()
        if isinstance(task, Part):
            waiting.append(task.owner)
        elif isinstance(task, WrapperTask):
            # A wrapper has nothing of its own to repair: what it stands for has.
            waiting += [required for required in task.deps() if _is_lacking(required)]
        elif isinstance(task, Task):
            _mark_wanted(task)
            found[Repair(owner=task, turn=uuid.uuid4().hex, damage=str(damage or ""))] = None  # type: ignore[call-arg]
        else:
            found[task] = None
    current().moved()
    return list(found)

"""What a plain Luigi task means to the rule of truth: only what its own outputs and its id tell. And to a run: whether it has made them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import luigi
from luigi.task import flatten

from pipeline import planning
from pipeline.errors import RequirementFailedError
from pipeline.filecache import cached_digest, cached_tree_digest
from pipeline.scope import current
from pipeline.settled import Settled
from pipeline.task import BaseTask, Task, WrapperTask
from targets import seal


def identity_of(task: Any) -> str:
    """The content of its local files; where it has anything else, its id."""
    parts = []
    for output in flatten(task.output()):
        path = getattr(output, "path", None)
        if not isinstance(output, luigi.LocalTarget) or not isinstance(path, str) or not os.path.exists(path):
            return seal.combine(["task id", task.task_id])
        parts.append(cached_tree_digest(path) if os.path.isdir(path) else cached_digest(path))
    return seal.combine(["files", *parts]) if parts else seal.combine(["task id", task.task_id])


def why_incomplete(task: Any) -> str | None:
    """What a plain task that ran has not done, in words; None where it is complete. `complete()` is asked once."""
    if not can_be_complete(task):
        return "it has no output() by which to see that it did"  # Luigi would warn, and say no
    if task.complete():
        return None
    outputs = flatten(task.output())
    missing = [str(getattr(output, "path", output)) for output in outputs if not output.exists()]
    if not missing:
        return "its complete() says no"
    return f"its output {missing[0]} is not there" if len(missing) == 1 else f"its outputs {', '.join(missing)} are not there"


def can_be_complete(task: Any) -> bool:
    """Not a task without any output: to Luigi it never is, and so it counts as run."""
    return type(task).complete is not luigi.Task.complete or bool(flatten(task.output()))


def asked_in_vain(task: Any, wanted: Iterable[Any], asked: Iterable[Any], settled: Mapping[str, Settled]) -> RequirementFailedError | None:
    """What is wrong where a step asks for what has run: a scheduler does not run that again, so it would ask for ever.

    `asked`: what it has asked for before; `settled`: what became of tasks, by their ids.
    """
    if not isinstance(task, BaseTask):
        return None  # what it yields may be complete by other means: `luigi.DynamicRequirements`
    before = [one.task_id for one in asked]
    for step in (one for one in wanted if isinstance(one, Task) and before.count(one.task_id) > 1):
        if planning.is_current(step):
            return RequirementFailedError(
                f"{step!r}, which it asked for, was made and is another one: a parameter is private, or changes when it is written as text"
            )
    for plain in (one for requirement in wanted for one in _behind(requirement)):
        has_run = plain.task_id in settled and settled[plain.task_id].state == "ran"
        if not has_run and plain.task_id not in before:
            continue
        lacking = why_incomplete(plain)
        if lacking is not None and has_run:
            return RequirementFailedError(f"{plain!r}, which it needs, ran, and {lacking}")
        if lacking is None and plain.task_id in before:
            return RequirementFailedError(f"{plain!r}, which it asked for, was made and is another one: a private parameter is not told to others")
    return None


def _behind(task: Any) -> list[Any]:
    """The plain tasks that a requirement is or, through wrappers, stands for."""
    found: dict[Any, None] = {}
    seen = {task.task_id}
    waiting = [task]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseTask):
            found[one] = None
        elif isinstance(one, WrapperTask):
            below = [required for _, required in current().requirements(one)[1] if required.task_id not in seen]
            seen.update(required.task_id for required in below)
            waiting += reversed(below)
    return list(found)

"""Parameters whose values are tasks.

A task as a parameter is a requirement of the step that has it. Its place in the key is its own key, so that
tasks in tasks in tasks cost one hash each; as text it is a table of tasks, each written once, however often
it occurs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import luigi
from luigi.parameter import ParameterVisibility
from luigi.task_register import Register

from pipeline.errors import ParameterError
from pipeline.fingerprint.project import Project

if TYPE_CHECKING:
    _AnyParameter = luigi.Parameter[Any]
else:  # Parameter became generic with Luigi 3.7
    _AnyParameter = luigi.Parameter


class _OfTasks(_AnyParameter):
    def __init__(self, *args: Any, kind: type | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind


class TaskParameter(_OfTasks):
    """A task object. `TaskParameter(kind=Model)` takes tasks of that class and its subclasses only."""

    def normalize(self, x: Any) -> Any:
        if isinstance(x, str):
            x = self.parse(x)
        return None if x is None else _checked(x, self.kind)

    def serialize(self, x: Any) -> str:
        return "" if x is None else to_text([x])

    def parse(self, x: str) -> Any:
        if not x:  # the default may be no task
            return None
        tasks = from_text(x)
        if len(tasks) != 1:
            raise ParameterError(f"{len(tasks)} tasks where one is wanted")
        return tasks[0]


class ListTaskParameter(_OfTasks):
    """A list of task objects."""

    def normalize(self, x: Any) -> Any:
        if isinstance(x, str):
            x = self.parse(x)
        if isinstance(x, luigi.Task) or not isinstance(x, Iterable):
            raise ParameterError(f"a list of tasks is wanted, not {x!r}")
        return tuple(_checked(item, self.kind, f"[{at}]") for at, item in enumerate(x))

    def serialize(self, x: Any) -> str:
        return to_text(list(x))

    def parse(self, x: str) -> Any:
        return tuple(from_text(x))


def _checked(value: Any, kind: type | None, place: str = "") -> Any:
    if isinstance(value, type) and issubclass(value, luigi.Task):
        raise ParameterError(f"{value.__name__}{place} is a class: pass a task object, {value.__name__}(...)")
    if not isinstance(value, luigi.Task):
        raise ParameterError(f"a task is wanted{place}, not {value!r}")
    if kind is not None and not isinstance(value, kind):
        raise ParameterError(f"a {kind.__name__} is wanted{place}, not {value!r}")
    return value


def is_tasks(value: Any) -> bool:
    """Whether a parameter's value is a task or a collection of tasks."""
    return isinstance(value, luigi.Task) or (isinstance(value, tuple) and bool(value) and all(isinstance(item, luigi.Task) for item in value))


def to_text(tasks: list[luigi.Task]) -> str:
    """Tasks as JSON: a table in which requirements come first, and the numbers of the tasks that are meant."""
    rows: list[list[Any]] = []
    numbers: dict[str, int] = {}
    waiting = list(reversed(tasks))
    while waiting:
        task = waiting[-1]
        if task.task_id in numbers:
            waiting.pop()
            continue
        nested = [item for value in task.param_kwargs.values() if is_tasks(value) for item in _as_list(value)]
        missing = [item for item in nested if item.task_id not in numbers]
        if missing:
            waiting.extend(missing)
            continue
        params: dict[str, Any] = {}
        declared = dict(task.get_params())
        for name, value in task.param_kwargs.items():
            if declared[name].visibility == ParameterVisibility.PRIVATE:
                continue  # this text goes into records; whoever reads it takes the value from the configuration
            if is_tasks(value):
                many = not isinstance(value, luigi.Task)
                at = [numbers[item.task_id] for item in _as_list(value)]
                params[name] = {"tasks": at} if many else {"task": at[0]}
            else:
                params[name] = declared[name].serialize(value)
        numbers[task.task_id] = len(rows)
        rows.append([task.task_module, task.task_family, params])
        waiting.pop()
    return json.dumps([[numbers[task.task_id] for task in tasks], rows], separators=(",", ":"))


def from_text(text: str) -> list[luigi.Task]:
    """The tasks that `to_text` wrote. Modules are imported only if no task of that family is known yet."""
    try:
        meant, rows = json.loads(text)
        made: list[luigi.Task] = []
        for module, family, params in rows:
            declared = dict(task_class(module, family).get_params())
            values: dict[str, Any] = {}
            for name, value in params.items():
                if isinstance(value, dict):
                    values[name] = [made[at] for at in value["tasks"]] if "tasks" in value else made[value["task"]]
                else:
                    values[name] = declared[name].parse(value)
            made.append(task_class(module, family)(**values))
        return [made[at] for at in meant]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{text[:80]!r} does not describe a task: {error}") from error


def task_class(module: str, family: str) -> Any:
    """The class of a family; its module is imported if need be."""
    reg = Register._get_reg()
    found = reg.get(family)
    if found is not None and found != Register.AMBIGUOUS_CLASS and found.__module__ == module:
        return found
    for candidate in reversed(Register._reg):
        if candidate.__module__ == module and candidate.get_task_family() == family:
            return candidate
    if not Project(frozenset()).owns(module):
        # The name may come from a record that somebody else has written: importing is running.
        raise ParameterError(f"no task class {family!r} is known, and {module!r}, where it should be, is not a module of this project")
    __import__(module)
    return Register.get_task_cls(family)


def _as_list(value: Any) -> list[luigi.Task]:
    return [value] if isinstance(value, luigi.Task) else list(value)

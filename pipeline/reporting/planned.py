"""The tasks of a plan as items of a graph: verdicts, public parameters, formats, and what each needs.

A part of an output (`T()["a"]`) is no node of its own: its name stands at the edge. What a plain Luigi task that is complete
would require is not asked.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pipeline.parameters import is_tasks
from pipeline.planning import Plan
from pipeline.reporting.graph import Item, Need
from pipeline.runs import kind_of
from pipeline.stores import has_store
from pipeline.task import BaseTask, Part
from pipeline.verdict import required_while_running
from targets.errors import PipelineError


def items(plan: Plan) -> list[Item]:
    """All tasks of the plan but its parts, requirements first."""
    shown = [task for task in plan.verdicts if not isinstance(task, Part)]
    at = {task: position for position, task in enumerate(shown)}
    found = []
    for task in shown:
        verdict = plan.verdicts[task]
        needs = _needs(task, verdict.is_current, plan, at)
        found.append(
            Item(
                family=task.get_task_family(),
                kind=kind_of(task),
                label=str(verdict.rule),
                reason=verdict.reason,
                params=_params(task),
                types=_types(task),
                output=_output(task),
                needs=tuple(needs),
            )
        )
    return found


def _needs(task: Any, current: bool, plan: Plan, at: dict[Any, int]) -> list[Need]:
    if not isinstance(task, BaseTask) and current:
        return []
    static = [required for _, required in plan.scope.requirements(task)[1]]
    needs = dict.fromkeys(_need(required, at, dynamic=False) for required in static)
    if has_store(task):
        # A record that cannot be read has its verdict; what it says about needs is not known.
        with suppress(PipelineError):
            record = task.target.find_record()
            for required, _ in required_while_running(record[0]) if record else ():
                if _need(required, at, dynamic=False) not in needs:
                    needs[_need(required, at, dynamic=True)] = None
    return [need for need in needs if need is not None]


def _need(required: Any, at: dict[Any, int], *, dynamic: bool) -> Need | None:
    part = ""
    if isinstance(required, Part):
        part, required = str(required.name), required.owner
    position = at.get(required)
    return None if position is None else Need(position, part, dynamic)


def _params(task: Any) -> dict[str, str]:
    shown: dict[str, str] = task.to_str_params(only_public=True)
    for name in shown:
        value = task.param_kwargs[name]
        if is_tasks(value):
            shown[name] = ", ".join(_named(one) for one in (value if isinstance(value, tuple) else [value]))
    return shown


def _named(task: Any) -> str:
    """A task as the value of a parameter; a task in it is a node itself."""
    given = (f"{name}=..." if is_tasks(task.param_kwargs[name]) else f"{name}={text}" for name, text in task.to_str_params(only_public=True).items())
    return f"{task.get_task_family()}({', '.join(given)})"


def _types(task: Any) -> dict[str, str]:
    """`model_l2` is a `float`: the class of the parameter without what all such names have in common."""
    return {name: type(declared).__name__.removesuffix("Parameter").lower() or "any" for name, declared in task.get_params()}


def _output(task: Any) -> tuple[str, ...]:
    if not has_store(task):
        return ()
    if task.outputs:
        return tuple(f"{name}: {kind.__name__}" for name, kind in task.outputs.items())
    return (task.target_type.__name__,)

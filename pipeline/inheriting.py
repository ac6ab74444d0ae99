"""`inherit_list` and `inherit_dict`: what a step requires, and the parameters that it gets from there.

    @inherit_list(Ingest, (Sample, {"rows": 100}))      inputs[0], inputs[1]
    @inherit_dict(frame=Ingest, model=Train)            inputs["frame"], inputs["model"]

A step gets every parameter of its requirements that it does not declare itself and that is not fixed; the
first listed requirement decides about type and default. Several decorators on one class add up in the order
in which they are read; with both kinds, `inputs` is a dict that has positions and names. Decorating a
subclass replaces what its base requires, as overriding `requires` would. A mistake is refused when the class
is defined.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import luigi

from pipeline.errors import ParameterError, TaskDefinitionError, UnknownParameterError
from pipeline.parameters import ListTaskParameter, is_tasks

C = TypeVar("C", bound=type)


class Requirement(NamedTuple):
    """One requirement of a class: the name it has in `inputs` (None: its position), class and fixed parameters."""

    name: str | None
    kind: Any
    fixed: Mapping[str, Any]


def inherit_list(*requirements: Any) -> Callable[[C], C]:
    """Require tasks by position: classes, or `(Class, {fixed parameters})`."""
    return _decorator([(None, requirement) for requirement in requirements], "inherit_list")


def inherit_dict(*unnamed: Any, **requirements: Any) -> Callable[[C], C]:
    """Require tasks by name: classes, or `(Class, {fixed parameters})`."""
    if unnamed:
        raise TaskDefinitionError("@inherit_dict gives each a name: @inherit_dict(data=Ingest); @inherit_list(Ingest) requires by position")
    return _decorator(list(requirements.items()), "inherit_dict")


def _decorator(wanted: list[tuple[str | None, Any]], decorator: str) -> Callable[[C], C]:
    def decorate(cls: Any = None, **parameters: Any) -> Any:
        if parameters or cls is None:
            # Without its parentheses it took the step for what it requires, and is now called in its place.
            steps = ", ".join(getattr(requirement, "__name__", repr(requirement)) for _, requirement in wanted)
            raise TaskDefinitionError(f"@{decorator} stands above {steps} without saying what that requires: @{decorator}(Ingest), in parentheses")
        if not isinstance(cls, type) or not issubclass(cls, luigi.Task) or not hasattr(cls, "inherited_requirements"):
            raise TaskDefinitionError(f"@{decorator} stands above a class derived from pipeline.Task, not above {cls!r}")
        if vars(cls).get("requires", required_by_decorators) is not required_by_decorators:
            raise TaskDefinitionError(f"{cls.__name__} has a requires() of its own and @{decorator}: keep one of them")
        parsed = [_parse(cls, name, requirement, decorator) for name, requirement in wanted]
        # Decorators are applied from the lowest up, and read from the top down.
        own = tuple(parsed) + tuple(vars(cls).get("inherited_requirements", ()))
        names = [requirement.name for requirement in own if requirement.name is not None]
        for name in names:
            if names.count(name) > 1:
                raise TaskDefinitionError(f"{cls.__name__} requires two things named {name!r}: give one another name")
        cls.inherited_requirements = own  # type: ignore[attr-defined]
        cls.requires = required_by_decorators  # type: ignore[method-assign,assignment]
        for requirement in parsed:
            _adopt_parameters(cls, requirement)
        return cls

    return decorate


def _parse(cls: type, name: str | None, requirement: Any, decorator: str) -> Requirement:
    kind, fixed = requirement if isinstance(requirement, tuple) and len(requirement) == 2 else (requirement, {})
    if isinstance(kind, luigi.Task):
        raise TaskDefinitionError(
            f"@{decorator} on {cls.__name__} takes classes, and got the task {kind!r}: write ({type(kind).__name__}, {{...}}) to fix its parameters"
        )
    if not isinstance(kind, type) or not issubclass(kind, luigi.Task) or not isinstance(fixed, Mapping):
        raise TaskDefinitionError(f"@{decorator} on {cls.__name__} takes task classes or (class, {{fixed parameters}}), and got {requirement!r}")
    declared = {parameter for parameter, _ in kind.get_params()}
    for parameter in fixed:
        if parameter not in declared:
            close = difflib.get_close_matches(str(parameter), sorted(declared), n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(sorted(declared)) or 'none'}"
            raise UnknownParameterError(f"{cls.__name__} fixes {parameter!r} of {kind.__name__}, which has no such parameter: {hint}")
    return Requirement(name, kind, dict(fixed))


def _adopt_parameters(cls: Any, requirement: Requirement) -> None:
    declared = {name for name, _ in cls.get_params()}
    for name, parameter in requirement.kind.get_params():
        if name in requirement.fixed or name in declared:
            continue
        inherited = copy.copy(parameter)
        inherited.positional = False
        inherited.passed_down = True  # type: ignore[attr-defined]
        setattr(cls, name, inherited)  # the metaclass refuses names that every task has


def required_by_decorators(task: Any) -> Any:
    """The `requires()` of a decorated class: task objects with parameters passed down."""
    wanted: tuple[Requirement, ...] = type(task).inherited_requirements
    passed = tasks_as_parameters(task)
    if not passed and all(requirement.name is None for requirement in wanted):
        return [_instance(task, requirement) for requirement in wanted]
    structure: dict[Any, Any] = {}
    position = 0
    for requirement in wanted:
        if requirement.name is None:
            structure[position] = _instance(task, requirement)
            position += 1
        else:
            structure[requirement.name] = _instance(task, requirement)
    for name, value in passed.items():
        if name in structure:
            raise ParameterError(f"{task!r} requires two things named {name!r}: a parameter and a requirement of inherit_dict")
        structure[name] = value
    return structure


def tasks_as_parameters(task: Any) -> dict[str, Any]:
    """The requirements that a task has as parameters, by name; not those that it only passes down."""
    found: dict[str, Any] = {}
    for name, declared in task.get_params():
        value = task.param_kwargs[name]
        if getattr(declared, "passed_down", False):
            continue
        if isinstance(value, luigi.Task):
            found[name] = value
        elif isinstance(declared, ListTaskParameter) or is_tasks(value):
            found[name] = list(value or ())
        elif isinstance(value, (list, tuple, Mapping)) and any(isinstance(one, luigi.Task) for one in _within(value)):
            raise ParameterError(f"{task.get_task_family()}.{name} holds tasks within something else: give tasks alone, or a flat list of tasks")
    return found


def _within(value: Any) -> Iterator[Any]:
    for one in value.values() if isinstance(value, Mapping) else value:
        if isinstance(one, (list, tuple, Mapping)):
            yield from _within(one)
        else:
            yield one


def _instance(task: Any, requirement: Requirement) -> Any:
    values = {name: getattr(task, name) for name, _ in requirement.kind.get_params() if name in task.param_kwargs}
    values.update(requirement.fixed)
    return requirement.kind(**values)

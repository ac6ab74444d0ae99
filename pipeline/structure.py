"""Nested structures of requirements: single, list, tuple, dict, and any nesting of them.

One walk for all uses: mapping tasks to their loaded outputs, flattening for the scheduler, naming the place
of each task (`['grid'][0][1]`) for records and messages. Iterative places, no recursion into tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import luigi
import luigi.target
from luigi.task_register import Register

from pipeline.errors import RequirementError


def is_task(value: Any) -> bool:
    """`isinstance(value, luigi.Task)`, without what an abstract class asks each time: it is asked for each requirement of each task."""
    return isinstance(type(value), Register)


def leaves(structure: Any, path: str = "") -> Iterator[tuple[str, luigi.Task]]:
    """Every task with its place. An empty container counts as a place without a task (see `shape`)."""
    if is_task(structure):
        yield path, structure
    elif structure is None:
        return
    elif isinstance(structure, Mapping):
        # By name: the order in which a dict was written means nothing.
        for name in sorted(structure, key=repr):
            yield from leaves(structure[name], f"{path}[{name!r}]")
    elif isinstance(structure, (list, tuple)):
        opening, closing = ("[", "]") if isinstance(structure, list) else ("(", ")")
        for at, item in enumerate(structure):
            if is_task(item):
                yield f"{path}{opening}{at}{closing}", item
            else:
                yield from leaves(item, f"{path}{opening}{at}{closing}")
    else:
        hint = _hint(structure) or ": only tasks, lists, tuples and dicts of tasks may be required"
        raise RequirementError(f"requires(){path} is a {type(structure).__name__}{hint}")


def settle(structure: Any, said: str = "requires() returned") -> Any:
    """The structure with generators and sets made lists, so that it can be walked more than once. `said`: where it comes from."""
    if structure is None:
        return []
    if isinstance(structure, (luigi.Task, list, tuple, dict)):
        return structure
    if isinstance(structure, (str, bytes, type, luigi.target.Target)) or not hasattr(structure, "__iter__"):
        raise RequirementError(f"{said} {structure!r}, which is no task{_hint(structure)}")
    if isinstance(structure, (set, frozenset)):
        # In an order that is the same in every process.
        return sorted(structure, key=lambda one: getattr(one, "task_id", ""))
    return structure if isinstance(structure, Mapping) else list(structure)


def _hint(structure: Any) -> str:
    if isinstance(structure, luigi.target.Target):
        return ": wrap a target in ExternalFile(path), or in a luigi.ExternalTask"
    return f": write {structure.__name__}()" if isinstance(structure, type) else ""


def transform(structure: Any, change: Callable[[str, luigi.Task], Any], path: str = "") -> Any:
    """The same structure with every task replaced by what `change(place, task)` returns."""
    if is_task(structure):
        return change(path, structure)
    if isinstance(structure, list):
        return [change(f"{path}[{at}]", item) if is_task(item) else transform(item, change, f"{path}[{at}]") for at, item in enumerate(structure)]
    if isinstance(structure, Mapping):
        changed = {name: transform(item, change, f"{path}[{name!r}]") for name, item in structure.items()}
        return changed if type(structure) is dict else type(structure)(changed)  # type: ignore[call-arg]
    if isinstance(structure, tuple):
        items = [transform(item, change, f"{path}({at})") for at, item in enumerate(structure)]
        return type(structure)(*items) if hasattr(structure, "_fields") else tuple(items)
    return [] if structure is None else structure


def tasks_in(structure: Any) -> list[luigi.Task]:
    """All tasks of a structure, in order."""
    if isinstance(structure, luigi.Task):
        return [structure]
    return [task for _, task in leaves(structure)]

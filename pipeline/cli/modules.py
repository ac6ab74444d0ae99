"""The terminal tasks of a module, for `--module`: what its `get_tasks` lists, else its steps that no other of its steps needs.

A class counts if it is defined there, has a body and can be made with its defaults and what `--param` gives. That a module is not there is wrong
usage; that it has nothing to build is a `PlanningError` that says why each class does not count.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import click
import luigi

from pipeline.errors import PlanningError
from targets.messages import said

#: Where nothing is named: the app's entry in the current folder.
ENTRY = "run"


def tasks_of(name: str | None, given: Mapping[str, str]) -> Any:
    """The terminal tasks of the module of this name; without one, of `run.py` in the current folder."""
    with contextlib.suppress(FileNotFoundError):  # from a current folder that has been removed nothing can be imported
        if os.getcwd() not in (os.path.abspath(place or ".") for place in sys.path):
            sys.path.insert(0, os.getcwd())
    if name is None:
        if not os.path.exists(f"{ENTRY}.py"):
            raise click.UsageError(f"there is no {ENTRY}.py here that says what to build: change to the app's folder, or name a module with --module")
        name = ENTRY
    module = _imported(name)
    if callable(getattr(module, "get_tasks", None)):
        return module.get_tasks()
    return _terminal(module, given)


def _imported(name: str) -> ModuleType:
    if not all(name.split(".")) or os.path.basename(name) != name or (name.endswith(".py") and os.path.isfile(name)):
        raise click.UsageError(f"{name!r} is no module: give its dotted name, {_dotted(name) or 'as in app.flow.deploy_model'}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise click.UsageError(f"there is no module {name!r}: give its dotted name, as in app.flow.deploy_model") from error
        raise


def _dotted(path: str) -> str:
    """The name of the module in this file, if it is one below the current folder."""
    stem = os.path.relpath(path.removesuffix(".py")) if path else ""
    parts = stem.split(os.sep)
    return ".".join(parts) if os.path.isfile(f"{stem}.py") and all(part.isidentifier() for part in parts) else ""


def _terminal(module: ModuleType, given: Mapping[str, str]) -> list[Any]:
    from pipeline.cli.app import graph_of

    made: dict[type, Any] = {}
    refused: list[str] = []
    for kind in _classes(module):
        try:
            made[kind] = _made(kind, given)
        except click.ClickException:
            raise
        except Exception as error:
            refused.append(f"{kind.__name__}: {said(error)}")
    needed: set[type] = set()
    for kind, task in made.items():
        needed.update(type(other) for other in graph_of([task]) if type(other) is not kind)
    found = [task for kind, task in made.items() if kind not in needed]
    if not found:
        why = "; ".join(refused) or "no class in it has a body to run"
        raise PlanningError(f"{module.__name__} has nothing to build ({why}): define get_tasks() in it")
    return found


def _classes(module: ModuleType) -> Iterator[Any]:
    from pipeline.task import Task, WrapperTask

    for kind in vars(module).values():
        if not isinstance(kind, type) or not issubclass(kind, luigi.Task) or kind.__module__ != module.__name__ or inspect.isabstract(kind):
            continue
        if issubclass(kind, Task):
            has_body = (
                issubclass(kind, WrapperTask) or kind.run is not Task.run or kind.easy_run is not Task.easy_run or kind.task_function is not None
            )
        else:
            has_body = issubclass(kind, luigi.WrapperTask) or getattr(kind, "run", None) not in (None, luigi.Task.run)
        if has_body:
            yield kind


def _made(kind: Any, given: Mapping[str, str]) -> Any:
    from pipeline.cli.app import parsed

    return kind(**{name: parsed(kind, name, declared, given[name]) for name, declared in kind.get_params() if name in given})

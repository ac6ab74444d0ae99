"""The app that a command works on: its terminal tasks, as the options of the command want them.

Promises: a command asks `context.obj()` for tasks and gets them with `--param`, `--until` and `--only` applied. The app's own code is asked only
then, so that `--help` and `new` work where there is none. What the options name and the app does not have is wrong usage, with a suggestion.
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
import luigi

from pipeline.characters import plain
from pipeline.errors import ParameterError, PipelineError, PlanningError
from pipeline.secrets import redact
from targets.messages import said

#: What gives the terminal tasks; of the values given by `--param`, it may use those that it needs to make them.
Source = Callable[[Mapping[str, str]], Any]


class App:
    """See the module."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.given: dict[str, str] = {}
        self.until: tuple[str, ...] = ()
        self.only: tuple[str, ...] = ()

    def __call__(self) -> list[Any]:
        from pipeline import planning

        try:
            tasks = planning.as_tasks(self._source(self.given))
        except (PipelineError, click.ClickException):
            raise
        except Exception as error:
            # What goes wrong in the app's own code is found by its traceback.
            click.echo(plain(redact("".join(traceback.format_exception(error)))), err=True)
            raise PlanningError(redact(f"the terminal tasks cannot be made: {type(error).__name__}: {said(error)}")) from error
        except SystemExit as error:
            # Whoever waits for the exit code would take it for that of the command, with nothing looked at.
            click.echo(plain(redact("".join(traceback.format_exception(error)))), err=True)
            raise PlanningError(
                f"the terminal tasks cannot be made: the app's code ends the program (SystemExit: {said(error.code)}); what only a script should do "
                f'belongs under `if __name__ == "__main__":`'
            ) from error
        tasks, unused = _with_values(tasks, self.given)
        if wanted := self.only or self.until:
            tasks = _of_families(tasks, wanted, "--only" if self.only else "--until")
            # What no terminal task has is that of those in their place.
            tasks, unused = _with_values(tasks, unused)
        for name in unused:
            raise click.BadParameter(_unknown(name, tasks), param_hint=f"--param {name}")
        return tasks


def parsed(kind: Any, name: str, declared: Any, text: str) -> Any:
    """A value as its parameter declares it; wrong usage where it cannot be that."""
    try:
        value = declared.parse(text)
        # What Luigi accepts without a look (any text for a choice, say) is refused when a task is made of it.
        return declared.normalize(value)
    except Exception as error:
        shown = "what was given" if declared.visibility == luigi.parameter.ParameterVisibility.PRIVATE else repr(text)
        words = str(error) if isinstance(error, ParameterError) else f"{kind.get_task_family()}.{name} is a {type(declared).__name__}"
        raise click.BadParameter(f"{words}: it cannot be {shown}", param_hint=f"--param {name}") from error


def _with_values(tasks: list[Any], given: Mapping[str, str]) -> tuple[list[Any], dict[str, str]]:
    """Tasks with other values, in whichever of them has the parameter, and what none of them has."""
    unused = dict(given)
    changed = []
    for task in tasks:
        values = {}
        for name, declared in task.get_params():
            if name in given:
                values[name] = parsed(type(task), name, declared, given[name])
                unused.pop(name, None)
        try:
            changed.append(task.clone(**values) if values else task)
        except ParameterError as error:
            raise click.BadParameter(str(error), param_hint="--param") from error
    return list(dict.fromkeys(changed)), unused


def _unknown(name: str, tasks: list[Any]) -> str:
    known = sorted({own for task in tasks for own, _ in task.get_params()})
    words = f"no terminal task has a parameter {name!r}"
    inside = next((task for task in graph_of(tasks) if name in dict(task.get_params())), None)
    if inside is not None:
        family = inside.get_task_family()
        return f"{words}; {family} has it, from what requires it or by default: --until {family} puts it in their place"
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"{words}: " + (f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}" if known else "they have none")


def _of_families(tasks: list[Any], wanted: Sequence[str], option: str) -> list[Any]:
    """The tasks of these families among what is to be built."""
    found: list[Any] = []
    families: set[str] = set()
    missing = set(wanted)
    for task in graph_of(tasks):
        names = {task.get_task_family(), type(task).__name__}
        families.add(task.get_task_family())
        if names & set(wanted):
            missing -= names
            found.append(task)
    for name in sorted(missing):
        close = difflib.get_close_matches(name, sorted(families), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(families))}"
        hint += "; what steps ask for while they run is not among them"
        raise click.BadParameter(f"nothing that is to be built is of the family {name!r}: {hint}", param_hint=option)
    return found


def graph_of(tasks: list[Any]) -> Iterator[Any]:
    """Every task once; nothing is judged, and what requires itself is no obstacle."""
    from pipeline.scope import Scope

    scope = Scope(inside_run=True)
    seen: set[str] = set()
    waiting = list(reversed(tasks))
    while waiting:
        task = waiting.pop()
        if task.task_id not in seen:
            seen.add(task.task_id)
            yield task
            waiting += [required for _, required in reversed(scope.requirements(task)[1])]

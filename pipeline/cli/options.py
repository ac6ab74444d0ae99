"""Options that commands share, each with one meaning.

`@of_tasks` gives a command `--param`, `--until` and `--only`: what `context.obj()` returns is changed by them, and the command need not know.
`@of_runs` gives what decides how things run, `@verbosity` how much is said; `as_json` is `--json`.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.cli.app import App
    from pipeline.conditions import Condition
    from pipeline.outputs import Output
    from targets.store import Store

F = TypeVar("F", bound=Callable[..., Any])


def of_tasks(command: F) -> F:
    """Which tasks the command is about."""
    for option in (
        click.option(
            "--only",
            multiple=True,
            metavar="FAMILY",
            expose_value=False,
            callback=functools.partial(_told, "only"),
            help="Only tasks of this family, and what of their requirements is not current; --force then means these alone.",
        ),
        click.option(
            "--until",
            multiple=True,
            metavar="FAMILY",
            expose_value=False,
            callback=functools.partial(_told, "until"),
            help="Up to the tasks of this family: they take the place of the terminal tasks.",
        ),
        click.option(
            "--param",
            multiple=True,
            metavar="NAME=VALUE",
            expose_value=False,
            callback=_values,
            help="Another value for a parameter of the terminal tasks, and of all that get it from them.",
        ),
    ):
        command = option(command)
    return command


def of_runs(command: F) -> F:
    """How the command runs what it runs."""
    from pipeline.engines import NAMES

    for option in (
        click.option("--no-wait", is_flag=True, help="Exit with code 75 where another run holds what this one would have to wait for."),
        click.option("--reason", default="", metavar="TEXT", help="Why, in words for the history."),
        click.option("--keep-going/--fail-fast", default=None, help="Go on with other steps after one has failed, or stop."),
        click.option("--workers", type=click.IntRange(min=1), help="How many steps may run at a time.  [default: from luigi.cfg]"),
        click.option("--engine", type=click.Choice(NAMES), help="Where steps execute.  [default: from luigi.cfg]"),
        click.option("--retry-failed", is_flag=True, help="Run also steps whose failure is kept (cache_failures)."),
    ):
        command = option(command)
    return command


force = click.option(
    "--force", multiple=True, metavar="NAME[+]", help="Run this although it is current: a family, a key's beginning or 'all'; + for all below."
)
rehash = click.option("--rehash", is_flag=True, help="Read external files again, also those that look unchanged.")
as_json = click.option("--json", "as_json", is_flag=True, help="JSON on standard output, for machines.")


names = click.argument("names", nargs=-1, metavar="[NAME]...")
family = click.option("--family", multiple=True, metavar="FAMILY", help="Of this family.")
where = click.option("--where", multiple=True, metavar="CONDITION", help="Whose parameter fulfils this, as in 'rate>=0.1'; all of several.")


def stores_of(tasks: list[Any]) -> list[Store]:
    """The stores of tasks and of all that they need, the one with the history first."""
    from pipeline import stores
    from pipeline.scope import Scope

    return stores.of_tasks(tasks, Scope(inside_run=True))


def history_of(tasks: list[Any]) -> Store:
    """The store with the history of the app's runs."""
    from pipeline import stores
    from pipeline.scope import Scope

    return stores.of_history(tasks, Scope(inside_run=True))


def conditions(texts: Sequence[str]) -> list[Condition]:
    from pipeline.conditions import Condition

    return [Condition(text) for text in texts]


def chosen(app: App, names: Sequence[str], families: Sequence[str], where: Sequence[str]) -> list[Output]:
    """Outputs of the app's stores, by what `names`, `family` and `where` say."""
    from pipeline import outputs

    wanted = conditions(where)
    tasks = app()
    # A family that the app has may well have no outputs.
    known = families_of(tasks) if names or families else set()
    stores = stores_of(tasks)
    found = outputs.held(stores, families or names, wanted, known)
    if families and names:
        named = {output.target.place for output in outputs.held(stores, names, (), known)}
        found = [output for output in found if output.target.place in named]
    return found


def families_of(tasks: list[Any]) -> set[str]:
    """The families of tasks and of all that they need, with and without namespace."""
    from pipeline.cli.app import graph_of

    return {name for task in graph_of(tasks) for name in (task.get_task_family(), type(task).__name__)}


def output_as_json(output: Output) -> dict[str, Any]:
    """What `ls` says of an output."""
    record = output.record
    row: dict[str, Any] = {"task": output.shown, "family": output.family, "key": output.key, "params": output.params}
    if record is None:
        return row | {"error": output.error}
    row |= {"made": output.made, "age_seconds": None if output.made is None else round(time.time() - output.made, 3), "duration": record.duration}
    return row | {"size": record.size, "trimmed": record.trimmed, "path": _path(output)}


def _path(output: Output) -> str:
    parts = output.record.parts if output.record is not None else ()
    where = output.target.store.where
    return where(parts[0].file) if len(parts) == 1 and parts[0].file else where(output.target.place.stem)


def verbosity(command: F) -> F:
    """How much is said on standard error."""
    quiet = click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet, is_eager=True, help="Say only what went wrong.")
    verbose = click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_verbose, is_eager=True, help="Say more.")
    return quiet(verbose(command))


def is_quiet() -> bool:
    return bool(click.get_current_context().meta.get(_QUIET))


def forced(app: App, names: Sequence[str], tasks: list[Any]) -> Any:
    """What `--force` names; with `--only`, among those tasks alone."""
    if not names or not app.only:
        return names
    from pipeline.forcing import Forcing

    forcing = Forcing(names, among=tasks)
    for task in tasks:
        forcing.look_at(task, ())
    forcing.insist(tasks)
    return forcing


def is_verbose() -> bool:
    return bool(click.get_current_context().meta.get(_VERBOSE))


_QUIET, _VERBOSE = "pipeline.cli.quiet", "pipeline.cli.verbose"


def _quiet(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_QUIET] = True
        _say(logging.WARNING)


def _verbose(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        if context.meta.get(_QUIET):
            raise click.UsageError("--quiet and --verbose exclude each other")
        context.meta[_VERBOSE] = True
        _say(logging.DEBUG)


def _say(level: int) -> None:
    # The console's handlers alone: what is written to files is for other readers.
    for handler in logging.getLogger().handlers:
        if getattr(handler, "stream", None) in (sys.stderr, sys.stdout):
            handler.setLevel(level)
        elif level < logging.INFO and handler.level == logging.NOTSET:
            handler.setLevel(logging.INFO)
    if level < logging.INFO:
        logging.getLogger("pipeline").setLevel(level)


def _told(what: str, context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> None:
    if value and context.obj is not None:
        setattr(context.obj, what, value)


def _values(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> None:
    given: dict[str, str] = {}
    for text in value:
        name, equals, rest = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", ctx=context, param=option)
        if given.setdefault(name, rest) != rest:
            raise click.BadParameter(f"{name} is given twice", ctx=context, param=option)
    if given and context.obj is not None:
        context.obj.given = given

"""Options that commands share, each with one meaning.

`@of_tasks` gives a command `--param`, `--until` and `--only`: what `context.obj()` returns is changed by them, and the command need not know.
`@of_runs` gives what decides how things run, `@verbosity` how much is said; `as_json` is `--json`.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.cli.app import App

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

    forcing = Forcing(names)
    for task in tasks:
        forcing.look_at(task, ())
    forcing.insist(tasks)
    return [task for task in tasks if forcing.why(task)]


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

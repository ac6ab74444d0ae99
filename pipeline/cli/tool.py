"""`luigi-warp`, which is `python -m pipeline`: the commands for any module, without a run.py of the app's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from pipeline.cli import call
from pipeline.cli.app import App
from pipeline.cli.group import HELP, Commands
from pipeline.cli.modules import tasks_of


@click.group(cls=Commands, context_settings={"help_option_names": list(HELP)})
@click.option(
    "--module", metavar="MODULE", help="Build what get_tasks() of this module lists, or its last steps.  [default: run.py in the current folder]"
)
@click.version_option(package_name="luigi-warp", prog_name="luigi-warp")
@click.pass_context
def group(context: click.Context, module: str | None) -> None:
    """Make the terminal steps of a module current: keep what is still true, make again what is not."""
    context.obj = App(lambda given: tasks_of(module, given))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    if os.path.isfile(".env"):
        # An app reads it when it is imported, which is too late for what logging wants to know.
        from dotenv import load_dotenv

        try:
            load_dotenv(".env", override=False)
        except UnicodeDecodeError as error:
            click.echo(f"Error: .env is no UTF-8 text: {error}", err=True)
            return 3
    name = os.path.basename(sys.argv[0])
    return call(group, arguments, "python -m pipeline" if name.endswith(".py") else name, lambda: None)


def script() -> None:
    """What the installed script calls."""
    sys.exit(main())

"""The command line: `main` for an app's run.py.

Exit codes: 0 all is current, 1 steps failed, 2 wrong usage, 3 nothing could be planned, 130 interrupted, 143 terminated.
What a person did wrong is one line on standard error; a traceback is shown only for what nobody foresaw.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

OK, FAILED, USAGE, UNPLANNED = 0, 1, 2, 3


def main(get_tasks: Callable[[], Any], arguments: Sequence[str] | None = None) -> int:
    """Run a command on the tasks that `get_tasks` lists; returns the exit code."""
    import click

    from pipeline import interrupts, logs
    from pipeline.cli.group import group
    from targets.errors import PipelineError

    try:
        logs.configure()
        result = group.main(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="run.py", standalone_mode=False, obj=get_tasks)
        return int(result or 0)
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except interrupts.Terminated:
        click.echo("terminated", err=True)
        return interrupts.TERMINATED
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return interrupts.INTERRUPTED
    except PipelineError as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        return UNPLANNED

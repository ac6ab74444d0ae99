"""`run`: make everything current."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py run --workers 2 --param model_l2=0.5")
@options.of_tasks
@options.force
@options.of_runs
@options.rehash
@options.as_json
@options.verbosity
@click.pass_context
def run(context: click.Context, /, force: tuple[str, ...], no_wait: bool, as_json: bool, **chosen: Any) -> int:
    """Make everything current that the terminal steps need (the default command)."""
    from pipeline.building import build
    from pipeline.reporting import console
    from pipeline.reporting.watching import watch

    tasks = context.obj()
    with showing.nothing_else(as_json):
        observer = watch(quiet=options.is_quiet(), verbose=options.is_verbose(), summary=not as_json)
        done = build(tasks, force=options.forced(context.obj, force, tasks), wait=not no_wait, progress=observer, **chosen)
    if as_json:
        try:
            showing.as_json(showing.run_as_json(done))
        except BrokenPipeError:
            raise
        except OSError as error:
            # The work is done, and its exit code says how it went.
            console.unwritten(error)
    return done.exit_code

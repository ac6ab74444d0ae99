"""`trim`: delete data, keep records."""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py trim IngestRecords --yes")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Do it; without this only what would be trimmed is listed.")
@options.of_tasks
@options.as_json
@options.verbosity
@click.pass_context
def trim(context: click.Context, names: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Delete the data of current NAMEs (families or beginnings of keys). They are made again only if needed."""
    from pipeline import housekeeping, planning
    from pipeline.forcing import Forcing

    chosen = Forcing(names)
    found = planning.plan(context.obj())
    for task in found.order:
        chosen.look_at(task, ())
    chosen.insist(found.order)
    done = housekeeping.trim([task for task in found.order if chosen.why(task)], dry_run=not yes)
    if as_json:
        showing.as_json([{"task": repr(task), "key": task.key, "done": yes} for task in done])
        return 0
    for task in done:
        showing.text(repr(task))
    showing.text(f"{len(done)} {'trimmed' if yes else 'would be trimmed; add --yes to do it'}")
    return 0

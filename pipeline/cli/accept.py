"""`accept`: a change of code did not change the meaning."""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py accept TrainModel --yes")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Do it; without this only what would be accepted is listed.")
@options.of_tasks
@options.as_json
@options.verbosity
@click.pass_context
def accept(context: click.Context, names: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Take today's code of NAMEs (families, beginnings of keys, or 'all') as meaning what the recorded code meant."""
    from pipeline import housekeeping

    accepted = housekeeping.accept(context.obj(), names, dry_run=not yes)
    if as_json:
        showing.as_json([{"task": repr(row.task), "key": row.task.key, "reason": row.reason, "done": yes} for row in accepted])
        return 0
    for row in accepted:
        showing.text(f"{row.task!r}\n    {row.reason}")
    showing.text(f"{len(accepted)} {'accepted' if yes else 'would be accepted; add --yes to do it'}")
    return 0

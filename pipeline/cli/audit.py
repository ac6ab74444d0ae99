"""`audit`: which steps give other bytes when they run again?"""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py audit TrainModel --sample 3")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--sample", type=click.IntRange(min=1), help="Audit that many tasks, chosen at random.")
@options.of_tasks
@options.as_json
@options.verbosity
@click.pass_context
def audit(context: click.Context, names: tuple[str, ...], sample: int | None, as_json: bool) -> int:
    """Run current steps again into a scratch place and compare bytes. Exit code 1 if any differ."""
    from pipeline import auditing

    with showing.nothing_else(as_json):
        found = auditing.audit(context.obj(), names or ("all",), sample=sample)
    different = sum(not row.same for row in found)
    if as_json:
        showing.as_json([{"task": repr(row.task), "key": row.task.key, "same": row.same, "reason": row.reason} for row in found])
        return 1 if different else 0
    for row in found:
        showing.text(f"{'same     ' if row.same else 'DIFFERENT'} {row.task!r}")
        if row.reason:
            showing.text(f"{'':<9} {row.reason}")
    showing.text(f"{len(found)} audited, {different} different")
    return 1 if different else 0

"""`plan`: what would run, and why."""

from __future__ import annotations

import click

from pipeline import units
from pipeline.cli import options, showing

_DIFF_LINES = 40


@click.command(epilog="Example: python run.py plan --json | jq '.[] | select(.rule != \"CURRENT\")'")
@options.of_tasks
@options.as_json
@options.force
@click.option("--diff/--no-diff", default=True, help="Show how code changed.")
@click.option("--all", "everything", is_flag=True, help="List also what is current.")
@options.rehash
@options.verbosity
@click.pass_context
def plan(context: click.Context, as_json: bool, force: tuple[str, ...], diff: bool, everything: bool, rehash: bool) -> int:
    """Say what would run and why. Writes nothing."""
    from pipeline import explaining, filecache, planning, wanting
    from pipeline.scope import Scope, run_scope

    if rehash:
        filecache.forget()
    tasks = context.obj()
    with run_scope(Scope(inside_run=True, is_build=True, force=options.forced(context.obj, force, tasks))) as scope:
        found = planning.plan(tasks, scope=scope)
        wanting.as_set(found, scope)
        scope.forcing.insist(found.order)
        rows = explaining.rows(found)
    if as_json:
        showing.as_json([row.to_json() for row in rows])
        return 0
    shown: set[str] = set()
    for row in rows:
        if row.verdict.is_current and not everything and not row.notes:
            continue
        expected = f"  [about {units.span(row.expected)}]" if row.expected is not None else ""
        showing.line(f"{showing.rule(row.verdict.rule, width=12)} {row.task!r}{expected}")
        if row.verdict.reason:
            showing.text(f"{'':<12} {row.verdict.reason}")
        if row.waits_for is not None:
            showing.text(f"{'':<12} it cannot run without {row.waits_for!r}")
        if row.failed_before:
            showing.text(f"{'':<12} it {row.failed_before}")
        if row.asked_for:
            showing.text(f"{'':<12} it asks for more while it runs, the last time for {row.asked_for} {'task' if row.asked_for == 1 else 'tasks'}")
        if row.nearest:
            showing.text(f"{'':<12} the nearest that is stored has {row.nearest}")
        for note in row.notes:
            showing.text(f"{'':<12} kept although {note}")
        if row.diff and diff and row.diff not in shown:
            shown.add(row.diff)
            lines = row.diff.splitlines()
            for line in lines[:_DIFF_LINES]:
                showing.line(f"{'':<13}{showing.diff_line(line)}")
            if len(lines) > _DIFF_LINES:
                showing.text(f"{'':<13}and {len(lines) - _DIFF_LINES} more lines (--json has all)")
    showing.text(explaining.summary(rows))
    return 0

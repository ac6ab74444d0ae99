"""`plan`: what would run, and why."""

from __future__ import annotations

import json

import click

_DIFF_LINES = 40


@click.command(epilog="Example: python run.py plan --json | jq '.[] | select(.rule != \"CURRENT\")'")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for machines.")
@click.option(
    "--force", multiple=True, metavar="NAME[+]", help="As it would be with this forced: a family, a key's beginning or 'all'; + for all below."
)
@click.option("--diff/--no-diff", default=True, help="Show how code changed.")
@click.option("--all", "everything", is_flag=True, help="List also what is current.")
@click.option("--rehash", is_flag=True, help="Read external files again, also those that look unchanged.")
@click.pass_context
def plan(context: click.Context, as_json: bool, force: tuple[str, ...], diff: bool, everything: bool, rehash: bool) -> int:
    """Say what would run and why. Writes nothing."""
    from pipeline import explaining, filecache, planning
    from pipeline.scope import Scope, run_scope

    if rehash:
        filecache.forget()
    with run_scope(Scope(inside_run=True, is_build=True, force=force)) as scope:
        found = planning.plan(context.obj(), scope=scope)
        scope.forcing.insist(found.order)
        rows = explaining.rows(found)
    if as_json:
        click.echo(json.dumps([row.to_json() for row in rows], indent=1))
        return 0
    shown: set[str] = set()
    for row in rows:
        if row.verdict.is_current and not everything and not row.notes:
            continue
        expected = f"  [about {explaining.in_words(row.expected)}]" if row.expected is not None else ""
        click.echo(f"{row.verdict.rule:<12} {row.task!r}{expected}")
        if row.verdict.reason:
            click.echo(f"{'':<12} {row.verdict.reason}")
        if row.nearest:
            click.echo(f"{'':<12} the nearest that is stored has {row.nearest}")
        for note in row.notes:
            click.echo(f"{'':<12} kept although {note}")
        if row.diff and diff and row.diff not in shown:
            shown.add(row.diff)
            lines = row.diff.splitlines()
            click.echo("\n".join(f"{'':<13}{line}" for line in lines[:_DIFF_LINES]))
            if len(lines) > _DIFF_LINES:
                click.echo(f"{'':<13}and {len(lines) - _DIFF_LINES} more lines (--json has all)")
    click.echo(explaining.summary(rows))
    return 0

"""`rm`: remove outputs with their records."""

from __future__ import annotations

import sys

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py rm --family TrainModel --where 'model_l2<0.1' --yes")
@options.names
@options.family
@options.where
@click.option("--yes", is_flag=True, help="Do it; without this they are listed, and on a terminal you are asked.")
@options.as_json
@click.pass_context
def rm(context: click.Context, names: tuple[str, ...], family: tuple[str, ...], where: tuple[str, ...], yes: bool, as_json: bool) -> int:
    """Remove the outputs of all NAMEs (families, beginnings of keys, or 'all'), with their records. What needs them makes them again."""
    from pipeline import outputs

    if not names and not family and not where:
        raise click.UsageError("say what: NAMEs, --family or --where; 'all' is everything")
    found = options.chosen(context.obj, names, family, where)
    if not as_json:
        for output in found:
            showing.line(f"{output.key[:12]}  {showing.plain(output.shown)}")
    if found and not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        yes = click.confirm(f"remove these {len(found)}?")
    beside = outputs.Beside()
    removed = [output for output in found if outputs.removed(output.target, beside)] if yes else []
    if as_json:
        showing.as_json([options.output_as_json(output) | {"removed": output in removed} for output in found])
    else:
        showing.line(f"{len(removed)} removed" if yes else f"{len(found)} would be removed; add --yes to do it")
    return 0

"""`ls`: what the store holds."""

from __future__ import annotations

import time

import click

from pipeline import units
from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py ls TrainModel --where 'model_l2>=0.5'")
@options.names
@options.family
@options.where
@options.as_json
@click.pass_context
def ls(context: click.Context, names: tuple[str, ...], family: tuple[str, ...], where: tuple[str, ...], as_json: bool) -> int:
    """List the outputs that are stored, of all NAMEs (families or beginnings of keys) or of everything; reads their records alone."""
    from pipeline.reporting import text

    found = options.chosen(context.obj, names, family, where)
    if as_json:
        showing.as_json([options.output_as_json(output) for output in found])
        return 0
    now = time.time()
    rows = []
    for output in found:
        record = output.record
        if record is None:
            rows.append([output.key[:12], "", "", "", f"{output.family}: {output.error}"])
            continue
        size = "trimmed" if record.trimmed else units.size(record.size)
        age = units.span(now - output.made) if output.made is not None else ""
        rows.append([output.key[:12], size, age, units.duration(record.duration), output.shown])
    if rows:
        showing.table(rows, ["KEY", "SIZE", "AGE", "TOOK", "TASK"])
    total = sum(output.record.size for output in found if output.record is not None and not output.record.trimmed)
    showing.line(f"{text.plural(len(found), 'output')}, {units.size(total)}")
    return 0

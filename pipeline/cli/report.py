"""`report`: one page about one run."""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py report last-1 --output before.html")
@click.argument("run", default="last")
@click.option("--output", default="report.html", show_default=True, metavar="FILE", help="Where to write it; - is standard output.")
@options.verbosity
@click.pass_context
def report(context: click.Context, run: str, output: str) -> int:
    """Write one HTML file about a RUN (an id or its beginning, last, last-1): graph, timeline, steps, failures, environment."""
    from pipeline import entries
    from pipeline.reporting import ends, report, writing
    from pipeline.reporting.earlier import Earlier

    store = options.history_of(context.obj())
    entry = entries.find(store, run)
    writing.write(report.write(entry, Earlier.of(store, entry.id), ends.of_failed(store, entry)), output)
    if output != "-":
        showing.text(f"{entry.id}: {output}")
    return 0

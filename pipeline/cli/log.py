"""`log`: what a step printed and logged when it last ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli import options

if TYPE_CHECKING:
    from targets.store import Store


@click.command(epilog="Example: python run.py log 3f2a9c")
@click.argument("name", metavar="KEY")
@click.pass_context
def log(context: click.Context, name: str) -> int:
    """Print the log of the step with this KEY (its beginning, or a family with one log), as it was when the step last ran."""
    from pipeline import outputs, steplogs
    from pipeline.errors import UnknownOutputError

    stores = options.stores_of(context.obj())
    found = [(store, log) for store in stores for log in _logs(store, name)]
    if len(found) > 1:
        some = ", ".join(log for _, log in found[:5])
        raise UnknownOutputError(f"{len(found)} logs bear the name {name!r}: give more of a key. {some}")
    for store, log in found:
        kept = steplogs.read_at(store, log)
        if kept is not None:
            click.echo(kept.text, nl=not kept.text.endswith("\n"))
            return 0
    # Where there is an output of that name, its step has printed nothing; else the name is wrong, which this says.
    output = outputs.find(stores, name)
    click.echo(f"{output.shown} has printed nothing when it last ran", err=True)
    return 0


def _logs(store: Store, name: str) -> list[str]:
    from pipeline import steplogs

    # All of them by an empty key, to look for a family.
    of_family = [log for log in steplogs.find(store, "") if name in (log.split("/")[-2], ".".join(log.split("/")[:-1]))]
    return of_family or (list(steplogs.find(store, name)) if len(name) >= 4 else [])

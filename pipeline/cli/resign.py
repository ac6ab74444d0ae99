"""`resign`: sign the records of the app's stores with today's key."""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: PIPELINE_SIGNING_KEY=new,old python run.py resign")
@click.option("--unsigned", is_flag=True, help="Also records without a signature, whose data are verified first: you vouch for them.")
@options.as_json
@click.pass_context
def resign(context: click.Context, unsigned: bool, as_json: bool) -> int:
    """Sign all records of the app's stores with the first key, where a known key has signed them. Exit code 1 if any was refused."""
    from pipeline import housekeeping, stores
    from pipeline.scope import Scope

    done = [housekeeping.resign(store, unsigned=unsigned) for store in stores.of_tasks(context.obj(), Scope(inside_run=True))]
    signed, kept = sum(one.signed for one in done), sum(one.kept for one in done)
    refused = [words for one in done for words in one.refused]
    if as_json:
        showing.as_json({"signed": signed, "kept": kept, "refused": refused})
        return 1 if refused else 0
    for words in refused:
        showing.text(f"refused: {words}", err=True)
    showing.text(f"{signed} signed, {kept} were signed with this key, {len(refused)} refused")
    return 1 if refused else 0

"""`resign`: sign the records of the store with today's key."""

from __future__ import annotations

import click


@click.command(epilog="Example: PIPELINE_SIGNING_KEY=new,old python run.py resign")
@click.option("--unsigned", is_flag=True, help="Also records without a signature, whose data are verified first: you vouch for them.")
def resign(unsigned: bool) -> int:
    """Sign all records of the store with the first key, where a known key has signed them."""
    from pipeline import housekeeping, settings
    from targets.opening import open_store

    done = housekeeping.resign(open_store(settings.target_dir()), unsigned=unsigned)
    for words in done.refused:
        click.echo(f"refused: {words}", err=True)
    click.echo(f"{done.signed} signed, {done.kept} were signed with this key, {len(done.refused)} refused")
    return 1 if done.refused else 0

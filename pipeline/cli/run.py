"""`run`: make everything current."""

from __future__ import annotations

import click


@click.command(epilog="Example: python run.py run --workers 2")
@click.option("--workers", type=click.IntRange(min=1), help="How many steps may run at a time.  [default: from luigi.cfg]")
@click.option("--keep-going/--fail-fast", default=None, help="Go on with other steps after one has failed, or stop.")
@click.option(
    "--force", multiple=True, metavar="NAME[+]", help="Run this although it is current: a family, a key's beginning or 'all'; + for all below."
)
@click.option("--rehash", is_flag=True, help="Read external files again, also those that look unchanged.")
@click.option("--retry-failed", is_flag=True, help="Run also steps whose failure is kept (cache_failures).")
@click.pass_context
def run(context: click.Context, workers: int | None, keep_going: bool | None, force: tuple[str, ...], rehash: bool, retry_failed: bool) -> int:
    """Make everything current that the terminal steps need (the default command)."""
    from pipeline.building import build

    done = build(context.obj(), workers=workers, keep_going=keep_going, force=force, rehash=rehash, retry_failed=retry_failed, progress=True)
    return done.exit_code

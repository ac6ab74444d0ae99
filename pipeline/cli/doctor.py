"""`doctor`: is the store as it should be?"""

from __future__ import annotations

import click

from pipeline.cli import showing
from pipeline.cli.options import as_json


@click.command(epilog="Example: python run.py doctor --fix")
@click.option("--fix", is_flag=True, help="Put right what can be put right; what is damaged is set aside, and made again when needed.")
@click.option("--read/--no-read", default=True, help="Read every byte of all outputs, or look at names and sizes alone.")
@as_json
@click.pass_context
def doctor(context: click.Context, fix: bool, read: bool, as_json: bool) -> int:
    """Look the store over: permissions, leftovers, damaged and unreadable outputs, versions, locks. Exit code 1 if something is wrong."""
    import dataclasses

    from pipeline import doctoring, stores
    from pipeline.scope import Scope
    from targets.local_store import LocalStore
    from targets.naming import INTERNAL

    wrong = fixed = 0
    shown = []
    for store in stores.of_tasks(context.obj(), Scope(inside_run=True)):
        if not isinstance(store, LocalStore):
            any(store.list(INTERNAL))  # one that does not answer, or whose bucket is not there, cannot be looked over
        for found in doctoring.examine(store, fix=fix, read=read):
            wrong += not found.is_note
            fixed += found.fixed
            if as_json:
                shown.append(dataclasses.asdict(found))
            else:
                mark = "note" if found.is_note else "fixed" if found.fixed else "WRONG"
                showing.text(f"{mark:<6} {found.kind}: {found.where}\n{'':<7}{found.words}")
    if as_json:
        showing.as_json(shown)
    elif wrong:
        left = wrong - fixed
        hint = "; --fix puts right what can be" if left and not fix else ""
        showing.text(f"{wrong} wrong, {fixed} put right{hint}")
    else:
        showing.text("nothing is wrong")
    return 1 if wrong > fixed else 0

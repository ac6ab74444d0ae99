"""`verify`: are the bytes those that were written?"""

from __future__ import annotations

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py verify TrainModel")
@options.names
@options.family
@options.where
@options.as_json
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...], family: tuple[str, ...], where: tuple[str, ...], as_json: bool) -> int:
    """Read every byte of the outputs of all NAMEs, or of everything; check digests and signatures. Exit code 1 if any is wrong."""
    from pipeline.secrets import redact
    from targets.errors import PipelineError
    from targets.messages import said

    rows = []
    wrong = trimmed = 0
    for output in options.chosen(context.obj, names, family, where):
        words = output.error
        if output.record is not None and output.record.trimmed:
            trimmed += 1
            state = "trimmed"
        else:
            if output.record is not None:
                try:
                    output.target.verify()
                except (PipelineError, OSError) as error:
                    words = redact(f"{type(error).__name__}: {said(error)}")
            state = "wrong" if words else "right"
            wrong += bool(words)
        rows.append({"task": output.shown, "family": output.family, "key": output.key, "state": state, "reason": words})
        if words and not as_json:
            showing.line(f"{showing.word('wrong')} {showing.plain(output.shown)}\n{'':<5} {showing.plain(words)}")
    if as_json:
        showing.as_json(rows)
    else:
        showing.line(f"{len(rows) - wrong - trimmed} verified, {wrong} wrong" + (f", {trimmed} trimmed: nothing to read" if trimmed else ""))
        if wrong:
            showing.line("a run makes again what it loads of them; `doctor --fix` sets all aside, so that the next run does")
    return 1 if wrong else 0

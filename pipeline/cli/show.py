"""`show`: what made an output."""

from __future__ import annotations

from typing import Any

import click

from pipeline.cli import options, showing


@click.command(epilog="Example: python run.py show 3f2a9c")
@click.argument("name", metavar="KEY")
@options.as_json
@click.pass_context
def show(context: click.Context, name: str, as_json: bool) -> int:
    """Show the record of the output with this KEY (its beginning, or a family with one output): what it is and what made it."""
    from pipeline import outputs
    from targets.errors import RecordError

    output = outputs.find(options.stores_of(context.obj()), name)
    if output.record is None:
        raise RecordError(f"{output.target.store.where(output.target.place.record_name)}: {output.error}. The next run makes it again")
    facts = options.output_as_json(output) | _record(output)
    if as_json:
        showing.as_json(facts)
    else:
        showing.facts(facts.pop("task"), facts)
    return 0


def _record(output: Any) -> dict[str, Any]:
    record = output.record
    facts: dict[str, Any] = {
        "fingerprint": record.fingerprint,
        "inputs": [{"place": row.path, "task": row.task, "key": row.key, "identity": row.identity} for row in record.inputs],
        "asked for while running": [row[1] for turn in record.dynamic for row in turn["inputs"]],
        "digest": record.digest,
        "parts": {part.name or "data": {"file": output.target.store.where(part.file), "size": part.size} for part in record.parts if part.file},
        "columns": {name: kind for part in record.parts for name, kind in (part.columns or {}).items()},
        "side files": output.target.store.where(output.target.directory_name) if record.directory is not None else "",
        "pickled code": sorted(record.pickled),
        "what changed": list(record.drift),
        "accepted": dict(record.accepted),
        "run": record.run,
        "host": record.host,
        "git": dict(record.git),
        "versions": dict(record.versions) | dict(record.libraries),
        "signed": bool(record.signature),
    }
    return {name: value for name, value in facts.items() if value not in ("", [], {}) or name in ("inputs", "fingerprint")}

"""`diff`: how do two runs differ?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import options, showing

if TYPE_CHECKING:
    from pipeline.differences import Differences

#: So many lines of each kind are shown to a person.
_MOST = 50


@click.command(epilog="Example: python run.py diff last-1 last")
@click.argument("one", metavar="RUN_A")
@click.argument("other", metavar="RUN_B")
@options.as_json
@click.pass_context
def diff(context: click.Context, one: str, other: str, as_json: bool) -> int:
    """Say how RUN_B differs from RUN_A (ids or their beginnings, last, last-1): code, parameters, inputs, versions, results."""
    from pipeline import differences, entries

    store = options.history_of(context.obj())
    found = differences.between(store, entries.find(store, one), entries.find(store, other))
    if as_json:
        showing.as_json(_as_json(found))
    else:
        _show(found)
    return 0


def _as_json(found: Differences) -> dict[str, Any]:
    return {
        "runs": [found.one.id, found.other.id],
        "versions": {name: list(change) for name, change in found.versions.items()},
        "circumstances": {name: list(change) for name, change in found.circumstances.items()},
        "code": dict(found.code),
        "parameters": [
            {
                "from": old.task if old is not None else None,
                "to": new.task if new is not None else None,
                "changed": {name: list(change) for name, change in changes.items()},
            }
            for old, new, changes in found.parameters
        ],
        "inputs": [{"task": task.task, "changed": [one.task for one in inputs]} for task, inputs in found.inputs],
        "results": [{"task": new.task, "key": new.key, "family": new.family} for _, new in found.results],
        "ends": [{"task": new.task, "from": old.state, "to": new.state, "error": new.error or old.error} for old, new in found.ends],
    }


def _show(found: Differences) -> None:
    for sign, entry in (("---", found.one), ("+++", found.other)):
        reason = f"  {entry.reason}" if entry.reason else ""
        showing.line(showing.diff_line(f"{sign} {entry.id}  {showing.moment(entry.begun)}  {entry.outcome}{showing.plain(reason)}"))
    for title, changes in (("circumstances", found.circumstances), ("versions", found.versions)):
        _section(title, [f"{name}: {_value(old)} -> {_value(new)}" for name, (old, new) in changes.items()])
    if found.code:
        showing.line("code")
        for family, text in found.code.items():
            showing.line(f"  {family}" + ("" if text else ": it differs (what it was is not known any more)"))
            for line in text.splitlines():
                showing.line(f"    {showing.diff_line(showing.plain(line))}")
    _section("parameters", [_parameters(*row) for row in found.parameters])
    _section("inputs", [f"{task.task}: {', '.join(one.task for one in inputs)} changed" for task, inputs in found.inputs])
    _section("results that differ", [new.task for _, new in found.results])
    _section("ends", [f"{new.task}: {old.state} -> {new.state}" for old, new in found.ends])
    if not found:
        showing.line("nothing differs in code, parameters, versions and results")


def _parameters(old: Any, new: Any, changes: Any) -> str:
    if old is None or new is None:
        return f"only in the {'first' if new is None else 'second'} run: {(old or new).task}"
    same = ", with the same result" if old.result and old.result == new.result else ""
    return f"{new.family}: " + ", ".join(f"{name} {_value(before)} -> {_value(now)}" for name, (before, now) in changes.items()) + same


def _value(value: Any) -> str:
    return "(none)" if value is None else str(value)


def _section(title: str, lines: list[str]) -> None:
    if lines:
        showing.line(title)
        for line in lines[:_MOST]:
            showing.line(f"  {showing.plain(line)}")
        if len(lines) > _MOST:
            showing.line(f"  and {len(lines) - _MOST} more (--json has all)")

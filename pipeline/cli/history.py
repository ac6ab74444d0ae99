"""`history`: the runs of the store."""

from __future__ import annotations

import datetime
import difflib
import re
import time
from typing import TYPE_CHECKING, Any

import click

from pipeline import units
from pipeline.cli import options, showing

if TYPE_CHECKING:
    from pipeline.columns import TaskEntry
    from pipeline.conditions import Condition
    from pipeline.entries import RunEntry

    _TimeType = click.ParamType[float]
else:  # ParamType became generic with click 8.2
    _TimeType = click.ParamType

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_LISTED = 20


class Moment(_TimeType):
    """A date, a date with a time, or how long ago it was: `2026-03-01`, `2026-03-01 14:30`, `90min`, `2d`."""

    name = "time"

    def __init__(self, *, end_of_day: bool = False) -> None:
        self._end_of_day = end_of_day

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        ago = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", str(value))
        if ago is not None:
            return time.time() - float(ago[1]) * _UNITS[ago[2]]
        try:
            found = datetime.datetime.fromisoformat(str(value))
            if self._end_of_day and re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)):
                found += datetime.timedelta(days=1)
            return found.timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: write 2026-03-01, '2026-03-01 14:30', or how long ago: 90min, 12h, 2d, 1w", param, ctx)


@click.command(epilog="Example: python run.py history --since 7d --family TrainModel --where 'model_l2>=0.5'")
@click.argument("run", required=False)
@click.option("--since", type=Moment(), metavar="TIME", help="Begun then or later: a date, a date with a time, or how long ago (90min, 12h, 2d).")
@click.option("--until-time", type=Moment(end_of_day=True), metavar="TIME", help="Begun then or before; a date means its end.")
@click.option("--family", multiple=True, metavar="FAMILY", help="In which a task of this family ran, failed or was skipped.")
@options.where
@click.option("--outcome", multiple=True, type=click.Choice(["done", "failed", "interrupted", "unfinished"]), help="That ended so.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help=f"The newest so many of them.  [default: {_LISTED}; all with --json]")
@options.as_json
@click.pass_context
def history(context: click.Context, /, run: str | None, where: tuple[str, ...], last: int | None, as_json: bool, **chosen: Any) -> int:
    """List the runs of the store, the newest first; or show one RUN (an id or its beginning, last, last-1) with its tasks."""
    from pipeline import entries

    store = options.history_of(context.obj())
    conditions = options.conditions(where)
    if run is not None:
        entry = entries.find(store, run)
        if as_json:
            showing.as_json(run_as_json(entry) | {"kept": [task_as_json(task) for task in entry.tasks if task.state == "kept"]})
        else:
            _show(entry)
        return 0
    everything = entries.runs(store)
    found = [entry for entry in everything if _is_wanted(entry, conditions, **chosen)]
    if not found:
        _insist_on_names(everything, conditions, chosen["family"])
    total, found = len(found), found[: last or (None if as_json else _LISTED)]
    if as_json:
        showing.as_json([run_as_json(entry) for entry in found])
    else:
        _list(found, total)
    return 0


def _is_wanted(
    entry: RunEntry, conditions: list[Condition], *, since: float | None, until_time: float | None, family: tuple[str, ...], outcome: tuple[str, ...]
) -> bool:
    if since is not None and entry.begun < since:
        return False
    if until_time is not None and entry.begun > until_time:
        return False
    if outcome and entry.outcome not in outcome:
        return False
    if family and not any(_is_of(name, family) and set(counts) - {"kept"} for name, counts in entry.families.items()):
        return False
    if not conditions:
        return True
    # Of a run with nothing done, the tasks need not be read.
    return bool(_did_something(entry)) and any(
        task.state != "kept" and (not family or _is_of(task.family, family)) and all(condition.holds(task.params) for condition in conditions)
        for task in entry.tasks
    )


def _insist_on_names(runs: list[RunEntry], conditions: list[Condition], families: tuple[str, ...]) -> None:
    """Nothing was found: perhaps because something is misspelt."""
    from pipeline.conditions import insist

    known = {name for entry in runs for name in entry.families}
    for family in families:
        if known and not any(_is_of(name, (family,)) for name in known):
            close = difflib.get_close_matches(family, sorted(known), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(sorted(known))}"
            raise click.BadParameter(f"no run has a task of the family {family!r}: {hint}", param_hint="--family")
    if conditions:
        insist(conditions, [task.params for entry in runs for task in entry.tasks])


def _is_of(name: str, families: tuple[str, ...]) -> bool:
    return name in families or name.rpartition(".")[2] in families


def _did_something(entry: RunEntry) -> int:
    return sum(count for state, count in entry.counts.items() if state != "kept")


def _list(found: list[RunEntry], total: int) -> None:
    from pipeline.reporting import text

    rows = []
    for entry in found:
        took = units.duration(entry.duration) if entry.duration is not None else ""
        counts = [str(entry.counts.get(state, 0) or "") for state in ("ran", "kept", "failed", "skipped")]
        rows.append([entry.id, showing.moment(entry.begun), took, entry.outcome, *counts, entry.reason])
    if rows:
        showing.table(rows, ["RUN", "BEGUN", "TOOK", "OUTCOME", "RAN", "KEPT", "FAILED", "SKIPPED", "REASON"], coloured=3)
    showing.line(text.plural(total, "run") + (f", the newest {len(found)} shown; --last {total} shows all" if total > len(found) else ""))


def _show(entry: RunEntry) -> None:
    facts = run_as_json(entry)
    for state in ("ran", "failed", "skipped"):
        facts.pop(state)
    showing.facts(facts.pop("id"), {name: value for name, value in facts.items() if value not in ("", {}, None)})
    for task in entry.tasks:
        if task.state != "kept":
            took = f"  [{units.duration(task.duration)}]" if task.state in ("ran", "failed") else ""
            showing.line(f"{showing.word(task.state, 8)} {showing.plain(task.task)}{took}")
            words = f"{task.rule}: {task.reason}" if task.reason else task.rule
            showing.line(f"{'':<8} {showing.plain(words)}" + (f"\n{'':<8} {showing.plain(task.error)}" if task.error else ""))


def run_as_json(entry: RunEntry) -> dict[str, Any]:
    """A run with the tasks that did something; what was kept is counted."""
    facts: dict[str, Any] = {
        "id": entry.id,
        "begun": entry.begun,
        "ended": entry.ended,
        "duration": None if entry.duration is None else round(entry.duration, 3),
        "outcome": entry.outcome,
        "exit_code": entry.exit_code,
        "reason": entry.reason,
        "error": entry.error,
        "user": entry.user,
        "host": entry.host,
        "process": entry.process,
        "command": entry.command,
        "git": dict(entry.git),
        "versions": dict(entry.versions),
        "counts": dict(entry.counts),
        "families": {name: dict(counts) for name, counts in entry.families.items()},
    }
    tasks = entry.tasks if _did_something(entry) else ()
    return facts | {state: [task_as_json(task) for task in tasks if task.state == state] for state in ("ran", "failed", "skipped")}


def task_as_json(task: TaskEntry) -> dict[str, Any]:
    row: dict[str, Any] = {"task": task.task, "family": task.family, "key": task.key, "kind": task.kind, "params": dict(task.params)}
    row |= {"verdict": f"{task.rule}: {task.reason}" if task.reason else task.rule, "begun": task.begun, "duration": task.duration}
    return row | ({"error": task.error} if task.error else {})

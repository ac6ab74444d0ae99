"""The report of a run: as JSON for machines, as tables in Markdown for people."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

from benchmarks.speed.goals import Goal, Rows
from benchmarks.speed.row import PHASES, Row, ratio
from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.suite import FLOOR, OURS

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def as_json(rows: list[Row], goals: list[Goal], machine: dict[str, Any]) -> str:
    body = {
        "machine": machine,
        "goals": [{**dataclasses.asdict(goal), "state": goal.state} for goal in goals],
        "rows": [{"name": row.name, **dataclasses.asdict(row)} for row in rows],
    }
    return json.dumps(body, indent=1) + "\n"


def into_page(page: str, tables: str) -> str:
    """The page with its measured part replaced; what people wrote around it stays."""
    if BEGIN not in page or END not in page:
        return f"{BEGIN}\n{tables}{END}\n"
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables}{END}{rest.partition(END)[2]}"


def as_markdown(rows: list[Row], goals: list[Goal], machine: dict[str, Any]) -> str:
    parts = [_machine(machine), "### Targets\n", _goals(goals), "### Graphs\n", _graphs(rows)]
    parts += ["### Growth\n", _growth(rows), "### Everything else\n", _others(rows)]
    parts += _profiles(rows)
    return "\n".join(parts)


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['cores']} cores, {machine['system']}, {machine['python']}, {versions}; commit {machine['commit']}.\n"
        f"Load (processes that wanted a core) {machine['load at start']} at the start and {machine['load at end']} at the end; "
        f"the run took {machine['minutes']} minutes.\n"
    )


def _goals(goals: list[Goal]) -> str:
    body = []
    for goal in goals:
        wanted = f"{'≤' if goal.most else '≥'} {goal.limit:g} {goal.unit}".strip()
        measured = (
            "-"
            if goal.measured is None
            else f"{goal.measured:.3g} {goal.unit}".strip()
            if goal.measured < 1000
            else f"{goal.measured:,.0f} {goal.unit}"
        )
        state = f"**{goal.state}**" if goal.state == "missed" else goal.state
        body.append([goal.name, wanted, measured, f"{state} ({goal.note})" if goal.note else state])
    return _table(["", "target", "measured", ""], body)


def _graphs(rows: list[Row]) -> str:
    known = Rows(rows)
    body = []
    for row in rows:
        if row.group not in SHAPES or "repeat" in row.phase:
            continue
        phase = PHASES.get(row.phase, row.phase)
        if row.state not in ("measured", "extrapolated"):
            body.append([row.what, row.tool, phase, row.state, "", "", "", "", row.note])
            continue
        ours, floor = known.find(OURS, row.what), known.find(FLOOR, row.what)
        numbers = [f"{row.cpu:.2f}", f"{row.wall:.2f}", f"{row.per_task_ms:.3f}", f"{row.peak_mb:.0f}" if row.state == "measured" else ""]
        to_floor, to_ours = ratio(row, floor), ratio(row, ours)
        ratios = [f"{to_floor:.2f}" if to_floor else "", f"{to_ours:.1f}" if to_ours and row.tool != OURS else ""]
        body.append([row.what, row.tool, phase, *numbers, *ratios, "" if row.state == "measured" else row.state + row.note])
    return _table(["graph", "tool", "", "CPU s", "wall s", "CPU ms/task", "MB", "to bare loop", "to ours, cold", ""], body)


def _growth(rows: list[Row]) -> str:
    known, body = Rows(rows), []
    tools = dict.fromkeys(row.tool for row in rows)
    for shape in SHAPES:
        for tool in tools:
            for phase in PHASES:
                found = [row for row in rows if row.group == shape and row.tool == tool and row.phase == phase and row.state == "measured"]
                sizes = sorted({int(row.what.split()[-1]) for row in found})
                steps = []
                for below, above in itertools.pairwise(sizes):
                    exponent = known.exponent(tool, shape, below, above, phase)
                    if exponent is not None:
                        steps.append(f"{below:,} → {above:,}: {exponent:.2f}")
                if steps:
                    body.append([shape, tool, PHASES[phase], ", ".join(steps)])
    return _table(["graph", "tool", "", "exponent of CPU time over tasks (1 is linear)"], body)


def _others(rows: list[Row]) -> str:
    body = []
    for row in rows:
        if row.group in SHAPES or row.group == "profile":
            continue
        cost = "" if row.cpu is None else f"{row.cpu:.2f} s CPU, {row.wall:.2f} s wall, {row.peak_mb:.0f} MB; "
        facts = ", ".join(f"{name.replace('_', ' ')} {fact}" for name, fact in row.facts.items() if name not in ("ran",))
        body.append([row.name, cost + facts if row.state == "measured" else f"{row.state}: {row.note}"])
    return _table(["", ""], body)


def _profiles(rows: list[Row]) -> list[str]:
    parts = []
    for row in rows:
        if row.group == "profile" and row.state == "measured":
            phase = "cold" if row.phase == "cold" else "nothing to do"
            parts.append(f"### Where our time goes: fan-in {row.tasks:,}, {phase}\n")
            parts.append(_table(["group", "share"], [[name, f"{share:.0%}"] for name, share in row.facts["shares"].items()]))
            parts.append("Dearest functions by their own time: " + "; ".join(f"`{words}`" for words in row.facts["dearest"][:8]) + ".\n")
    return parts


def _table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)

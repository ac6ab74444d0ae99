"""How commands show things on standard output: lines for people, JSON for machines.

Promises: escape codes go to terminals alone, and not where NO_COLOR is set; a control character in a value is shown, not obeyed; where JSON is
asked for, nothing else is on standard output. What cannot be shown, because the disk is full, say, is an `OSError` that `was_showing` knows.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from pipeline import units
from pipeline.characters import plain as plain
from pipeline.ours import name_of
from pipeline.reporting import console

if TYPE_CHECKING:
    from pipeline.runs import Run

_COLOURS = {
    "CURRENT": "green",
    "UPSTREAM": "cyan",
    "DAMAGED": "red",
    "UNTRUSTED": "red",
    "ran": "green",
    "done": "green",
    "kept": None,
    "failed": "red",
    "interrupted": "red",
    "unfinished": "red",
    "skipped": "yellow",
    "wrong": "red",
}


def line(text: str = "") -> None:
    click.echo(text, color=console.has_colour(sys.stdout))


def text(words: str, *, err: bool = False) -> None:
    """What has values in it, and no colours."""
    click.echo("\n".join(map(plain, words.split("\n"))), err=err)


def as_json(value: Any) -> None:
    """Surrogates and what a locale cannot show are escaped."""
    click.echo(json.dumps(value, indent=1, default=str))


def was_showing(error: OSError) -> bool:
    """Whether it came up where standard output was written, by us or by click's help: other files that fail are errors of another kind."""
    from pipeline.reporting import writing

    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(frame.f_code is writing.write.__code__ or (frame.f_code is click.echo.__code__ and not frame.f_locals.get("err")) for frame in frames)


@contextlib.contextmanager
def nothing_else(as_json: bool = True) -> Iterator[None]:
    """Meanwhile, what steps and what they start print goes to standard error, so that the JSON is alone on standard output."""
    if not as_json:
        yield
        return
    with contextlib.ExitStack() as back:
        if sys.stdout is not None:
            sys.stdout.flush()
        with contextlib.suppress(OSError, ValueError, AttributeError):  # none, or no file
            if sys.stdout.fileno() == 1:
                kept = os.dup(1)
                back.callback(os.close, kept)
                back.callback(os.dup2, kept, 1)
                os.dup2(sys.stderr.fileno(), 1)
        back.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def word(text: str, width: int = 0) -> str:
    """A verdict, a state or an outcome in its colour."""
    return click.style(f"{text:<{width}}", fg=_COLOURS.get(text, "yellow"))


rule = word


def diff_line(text: str) -> str:
    colour = {"+": "green", "-": "red", "@": "cyan"}.get(text[:1])
    return click.style(text, fg=colour, bold=text[:3] in ("+++", "---"))


def moment(seconds: float | None) -> str:
    """A local time."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def table(rows: list[list[str]], heads: list[str], *, coloured: int | None = None) -> None:
    """Columns as wide as what is in them, without trailing blanks; the words of the column `coloured` in their colours."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in [heads, *cells]) for at in range(len(heads))]
    line(click.style(_joined(heads, widths), bold=True))
    for row in cells:
        text = _joined(row, widths)
        if coloured is not None:
            at = sum(widths[:coloured]) + 2 * coloured
            text = text[:at] + text[at:].replace(row[coloured], word(row[coloured]), 1)
        line(text)


def _joined(cells: list[str], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def facts(head: str, found: Mapping[str, Any]) -> None:
    """Names and values, nested ones indented."""
    line(click.style(plain(head), bold=True))
    for name, value in found.items():
        if name in ("made", "begun", "ended"):
            value = moment(value)
        elif name == "age_seconds":
            name, value = "age", units.span(value) if value is not None else ""
        elif name == "duration":
            value = units.duration(value) if value is not None else ""
        elif name == "size":
            value = f"{units.size(value)} ({value} bytes)"
        if isinstance(value, Mapping):
            line(name)
            for inner, one in value.items():
                line(f"  {plain(inner):<20} {plain(_in_a_line(one))}")
        elif isinstance(value, list):
            line(f"{name:<22} {len(value) or 'none'}" if len(value) != 1 else f"{name:<22} {plain(_in_a_line(value[0]))}")
            for one in value if len(value) > 1 else []:
                line(f"  {plain(_in_a_line(one))}")
        else:
            line(f"{name:<22} {plain(value)}".rstrip())


def _in_a_line(value: Any) -> str:
    return ", ".join(f"{name} {one}" for name, one in value.items()) if isinstance(value, Mapping) else str(value)


def run_as_json(run: Run) -> dict[str, Any]:
    """A run that has just ended, as the history shows one."""
    from pipeline import columns

    def tasks(wanted: list[Any]) -> list[dict[str, Any]]:
        rows = []
        for task in wanted:
            outcome = run.outcomes[task]
            row = {"task": repr(task), "family": task.get_task_family(), "key": name_of(task)}
            row |= {"verdict": str(outcome.verdict), "begun": outcome.begun, "duration": outcome.duration}
            rows.append(row | ({"error": columns.error_text(outcome.error)} if outcome.error is not None else {}))
        return rows

    found: dict[str, Any] = {"id": run.id, "outcome": "done" if run.ok else "failed", "exit_code": run.exit_code, "duration": round(run.duration, 3)}
    return found | {"counts": run.counts(), "ran": tasks(run.ran), "failed": tasks(run.failed), "skipped": tasks(run.skipped)}

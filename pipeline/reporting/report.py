"""The report of a run: one HTML file with what happened, when, why, and with what.

Made from the history alone, so that any run can be looked at later, and elsewhere: what failed comes first, then the graph by outcome, the
timeline, all steps, and the environment. A run that did not come to its end has what it left.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from pipeline import units
from pipeline.columns import TaskEntry
from pipeline.entries import RunEntry
from pipeline.reporting import steps, svg, timeline
from pipeline.reporting.colours import sorted_by_attention
from pipeline.reporting.earlier import Earlier
from pipeline.reporting.graph import Graph, Item, Need
from pipeline.reporting.graph import draw as graph_of
from pipeline.reporting.markup import Markup, element, escape, join
from pipeline.reporting.page import page, scrolling, section
from pipeline.reporting.style import REPORT, tone_class, tones
from pipeline.reporting.text import plural, printable, shortened

#: Failures that are shown in full.
_MOST_FAILURES = 25
_PART = "pipeline.Part"


def write(entry: RunEntry, earlier: Earlier, logs: Mapping[str, str]) -> str:
    """The page of one run. `logs`: the ends of logs by the keys of their steps."""
    tasks = entry.tasks
    parts: list[tuple[str, str, object]] = []
    failed = [task for task in tasks if task.state == "failed"]
    if failed or entry.error:
        parts.append(("failures", "What failed", _failures(entry, failed, logs)))
    if tasks:
        parts.append(("graph", "Graph", scrolling(svg.draw(graph(entry), ground=False))))
        parts.append(("timeline", "Timeline", _timeline(entry)))
        parts.append(("steps", "Steps", steps.draw(tasks, earlier)))
    parts.append(("environment", "Environment", _environment(entry)))
    links = element("nav", [element("a", words, href=f"#{name}") for name, words, _ in parts])
    title = f"{_title(entry)}, {_when(entry.begun)}"
    return page(title, _header(entry, earlier), links, [section(words, content, name=name) for name, words, content in parts], style=REPORT + tones())


def graph(entry: RunEntry) -> Graph:
    """The graph of a run's tasks, with what became of them; a part of an output is a name at a line."""
    tasks = entry.tasks
    if entry.edges_left_out:
        found = [_item(task, ()) for task in tasks]
        return graph_of(found, by="class", family_edges=[(required, family) for family, required in entry.family_edges])
    shown: dict[int, int] = {}
    for at, task in enumerate(tasks):
        if task.family != _PART or len(task.needs) != 1:
            shown[at] = len(shown)
    items = []
    for at in shown:
        needs = []
        for need in tasks[at].needs:
            part = ""
            if need not in shown:
                part, need = tasks[need].params.get("name", ""), tasks[need].needs[0]
            if need in shown:
                needs.append(Need(shown[need], part))
        items.append(_item(tasks[at], tuple(needs)))
    return graph_of(items)


def _item(task: TaskEntry, needs: tuple[Need, ...]) -> Item:
    reason = f"{task.rule}: {task.reason}" if task.reason else task.rule
    return Item(task.family, task.kind, task.state, reason, task.params, needs=needs)


def _title(entry: RunEntry) -> str:
    words = {"done": "Run done", "failed": "Run failed", "interrupted": "Run interrupted", "unfinished": "Run without an end"}
    return words.get(entry.outcome, f"Run {entry.outcome}")


def _header(entry: RunEntry, earlier: Earlier) -> Markup:
    took = f", {units.duration(entry.duration)}" if entry.duration is not None else ""
    state = {"done": "kept", "failed": "failed", "interrupted": "skipped"}.get(entry.outcome, "unfinished")
    return element(
        "header",
        element("h1", element("span", class_=f"light {tone_class(state)}"), _title(entry)),
        element("p", f"{_when(entry.begun)}{took}, run ", element("span", entry.id, class_="mono"), class_="soft"),
        element("p", "“", entry.reason, "”", class_="reason") if entry.reason else None,
        element("div", _tiles(entry, earlier), class_="tiles"),
        element("p", "It left only its beginning: it was killed, or is still at work.") if entry.outcome == "unfinished" else None,
    )


def _tiles(entry: RunEntry, earlier: Earlier) -> list[Markup]:
    counts = {state: entry.counts[state] for state in sorted_by_attention(entry.counts) if entry.counts[state] or state in ("ran", "kept")}
    worked = sum(task.duration for task in entry.tasks if task.begun is not None)
    spared = [usual.seconds for task in entry.tasks if task.state == "kept" and (usual := earlier.usual(task)) is not None and usual.same]
    found = [_tile(state, f"{count:,}", "", tone_class(state)) for state, count in counts.items()]
    if worked:
        found.append(_tile("time of steps", units.duration(worked), "", ""))
    if sum(spared) >= 1:
        found.append(_tile("spared by what was kept", units.duration(sum(spared)), f"as {plural(len(spared), 'step')} took in earlier runs", ""))
    return found


def _tile(words: str, value: str, tip: str, classes: str) -> Markup:
    return element("div", element("b", value), element("span", words), class_=f"tile {classes}".strip(), title=tip or None)


def _failures(entry: RunEntry, failed: Sequence[TaskEntry], logs: Mapping[str, str]) -> list[Markup]:
    found = []
    if entry.error:
        found.append(element("article", element("h3", "The run itself"), element("pre", escape(entry.error, lines=True)), class_="failure is-failed"))
    because = _skipped_because(entry.tasks)
    at = {id(task): place for place, task in enumerate(entry.tasks)}
    for task in failed[:_MOST_FAILURES]:
        skipped = because.get(at[id(task)], 0)
        log = logs.get(task.key, "")
        found.append(
            element(
                "article",
                element("h3", shortened(printable(task.task), 300)),
                element("pre", escape(task.error, lines=True)) if task.error else None,
                element("p", plural(skipped, "step"), " skipped because of it", class_="soft") if skipped else None,
                element("details", element("summary", "The end of its log"), element("pre", escape(log, lines=True))) if log else None,
                class_="failure is-failed",
            )
        )
    if len(failed) > _MOST_FAILURES:
        found.append(element("p", f"{len(failed) - _MOST_FAILURES:,} more failed; the table has them.", class_="soft"))
    return found


def _skipped_because(tasks: Sequence[TaskEntry]) -> dict[int, int]:
    """For each failed task, by its position, how many were skipped that need it, also through others."""
    below: dict[int, list[int]] = {}
    for at, task in enumerate(tasks):
        for need in task.needs:
            below.setdefault(need, []).append(at)
    found: dict[int, int] = {}
    failed = [at for at, task in enumerate(tasks) if task.state == "failed"][:_MOST_FAILURES]
    for at in failed:
        seen: set[int] = set()
        waiting = list(below.get(at, ()))
        while waiting:
            one = waiting.pop()
            if one not in seen and tasks[one].state == "skipped":
                seen.add(one)
                waiting += below.get(one, ())
        found[at] = sum(tasks[one].kind in ("step", "luigi") for one in seen)
    return found


def _timeline(entry: RunEntry) -> Markup:
    if not any(task.begun is not None for task in entry.tasks):
        return element("p", "Nothing was executed: all that was asked for was current." if entry.outcome == "done" else "Nothing was executed.")
    return timeline.draw(entry.tasks, entry.begun, entry.ended or entry.begun)


def _environment(entry: RunEntry) -> Markup:
    git = entry.git
    commit = (
        join([element("code", git.get("commit", "")), " with changes that are not committed" if git.get("dirty") else ""])
        if git.get("commit")
        else ""
    )
    facts: list[tuple[str, object]] = [
        ("Run", element("code", entry.id)),
        ("Outcome", f"{entry.outcome}{f', exit code {entry.exit_code}' if entry.exit_code is not None else ''}"),
        ("Begun", _when(entry.begun)),
        ("Ended", _when(entry.ended) if entry.ended is not None else ""),
        ("Who", f"{entry.user} on {entry.host}, process {entry.process}"),
        ("Command", element("code", entry.command)),
        ("Reason", entry.reason),
        ("Git", commit),
        (
            "Versions",
            join([element("span", element("i", name), " ", element("code", one), class_="chip") for name, one in entry.versions.items()], " "),
        ),
    ]
    return element("dl", [(element("dt", name), element("dd", value)) for name, value in facts if value])


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(moment))

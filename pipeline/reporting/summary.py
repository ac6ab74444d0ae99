"""What a run has done, in a few lines: what ran and why, what was kept and how much time that saved, what went wrong.

Promises: never more than a screenful, however many tasks there are; the same words to a terminal and to a file, colour for terminals alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline import units
from pipeline.characters import plain
from pipeline.errors import ResourceError, StepError
from pipeline.reporting.failure import listed
from pipeline.reporting.tally import Tally
from pipeline.reporting.words import coloured, count, one_line, wrapped
from pipeline.runs import Outcome, Run, is_counted
from pipeline.secrets import redact
from pipeline.verdict import DIFFERENT, Rule
from targets.messages import said

#: So many tasks that ran for one reason are listed one by one, more by family.
_ONE_BY_ONE = 6
_MOST_REASONS, _MOST_LINES = 6, 12
_WIDEST = 120


def text(run: Run, recorded: Mapping[str, float], *, width: int, colour: bool) -> str:
    """The summary. `recorded`: how long tasks took when they were made."""
    steps = {task: outcome for task, outcome in run.outcomes.items() if is_counted(task, outcome.state)}
    by_state: dict[str, list[Any]] = {}
    for task, outcome in steps.items():
        by_state.setdefault(outcome.state, []).append(task)
    ran, kept = by_state.get("ran", []), by_state.get("kept", [])
    failed, skipped = by_state.get("failed", []), by_state.get("skipped", [])
    saved = sum(recorded.get(task.task_id, 0.0) for task in kept)
    words = [f"{count(len(ran))} ran", f"{count(len(kept))} kept" + (f" (saved {units.duration(saved)})" if saved else "")]
    words += [f"{count(len(tasks))} {name}" for name, tasks in (("failed", failed), ("skipped", skipped)) if tasks]
    head = ", ".join(words) + f" in {units.duration(run.duration)}"
    if not ran and run.ok:
        head = f"nothing to do: {head}"
    lines = [coloured(head, "green" if run.ok else "red", colour)]
    lines += _ran([(task, steps[task]) for task in ran], width, colour)
    lines += _failed([(task, steps[task]) for task in failed], width, colour)
    if skipped:
        lines.append("  " + coloured("skipped", "yellow", colour) + one_line(f"  {listed(skipped)}", width - 9))
        reasons = [steps[task].error for task in skipped if isinstance(steps[task].error, ResourceError)]
        lines += [f"    {one_line(str(reason), width - 4)}" for reason in reasons[:_MOST_LINES]]
    return redact("\n".join(lines))


def interrupted(tally: Tally, how: str, *, width: int, colour: bool) -> str:
    """The same for a run that did not come to its end."""
    words = [f"{count(tally.total(state))} {state}" for state in ("ran", "kept", "failed") if state != "failed" or tally.total("failed")]
    waiting = max(0, tally.total("left") - tally.total("running"))
    words += [f"{count(waiting)} not begun"] if waiting else []
    lines = [coloured(f"{how} after {units.duration(tally.elapsed)}: {', '.join(words)}", "yellow", colour)]
    lines += [one_line(f"  was running  {one.task!r} ({units.duration(seconds)})", width) for one, seconds in tally.at_the_end[:_MOST_LINES]]
    lines.append("  what had begun to be written is undone; the next run goes on from here")
    return redact("\n".join(lines))


def why(outcome: Outcome) -> str:
    """Why a step ran, as far as it is known after the run."""
    if outcome.verdict.rule is Rule.UPSTREAM:
        return str(DIFFERENT)
    if outcome.verdict.is_current:
        return "it was asked for while another step was running"
    return str(outcome.verdict)


def _ran(ran: list[tuple[Any, Outcome]], width: int, colour: bool) -> list[str]:
    """By reason, and within a reason each task, or each family where there are many."""
    groups: dict[str, list[tuple[Any, Outcome]]] = {}
    for task, outcome in ran:
        groups.setdefault(why(outcome), []).append((task, outcome))
    if len(groups) > _MOST_REASONS:
        by_rule: dict[str, list[tuple[Any, Outcome]]] = {}
        for reason, members in groups.items():
            by_rule.setdefault(reason.partition(":")[0], []).extend(members)
        groups = {why(members[0][1]) + (", or the like" if len(members) > 1 else ""): members for members in by_rule.values()}
    lines = []
    for reason, members in groups.items():
        lines += [coloured(one_line(line, width), "cyan", colour) for line in wrapped(plain(redact(reason)), min(width, 200), "  ")[:2]]
        rows = [(repr(task), outcome.duration) for task, outcome in members]
        if len(rows) > _ONE_BY_ONE:
            families: dict[str, list[float]] = {}
            for task, outcome in members:
                families.setdefault(task.task_family, []).append(outcome.duration)
            rows = [(f"{name} x {count(len(each))}" if len(each) > 1 else name, sum(each)) for name, each in families.items()]
        more = len(rows) - _MOST_LINES if len(rows) > _MOST_LINES + 1 else 0
        wide = min(max(len(name) for name, _ in rows), max(min(width, _WIDEST) - 17, 8))
        lines += [f"    {one_line(name, wide):<{wide}} {units.duration(seconds):>12}" for name, seconds in rows[: len(rows) - more]]
        lines += [f"    and {count(more)} more families"] if more > 0 else []
    return lines


def _failed(failed: list[tuple[Any, Outcome]], width: int, colour: bool) -> list[str]:
    lines = []
    for task, outcome in failed[:_MOST_LINES]:
        lines += ["  " + coloured("failed", "red", colour) + one_line(f"  {task!r}", width - 8)]
        lines += [f"    {one_line(_words(outcome.error), width - 4)}"] if outcome.error is not None else []
    more = len(failed) - _MOST_LINES
    return lines + ([f"  and {count(more)} more failed"] if more > 0 else [])


def _words(error: BaseException) -> str:
    message = said(error).strip()
    # Before it is cut: a part of a secret would not be found.
    return redact(message if isinstance(error, StepError) else f"{type(error).__name__}: {message}")

"""The tasks of a run as columns: what of them is kept in the history.

Promises: packing costs a few microseconds a task and holds values that are there anyhow, no object for each task; unpacking gives back each
task as it was shown, its public parameters as text, what became of it and what it needed. Secret and private values are not in it, long ones
are cut. Tasks come after what they need, as in the plan.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import luigi
from luigi.parameter import ParameterVisibility

from pipeline import secrets
from pipeline.basetask import BaseTask
from pipeline.ours import name_of
from pipeline.runs import Outcome, is_counted, kind_of
from pipeline.scope import Scope
from pipeline.verdict import DIFFERENT, Rule
from targets.messages import said

#: Of a run with more, the single edges are left out; those between families stay.
MOST_EDGES = 20_000
#: So much of an identity tells two results apart; all of it would be half of what is kept.
_RESULT = 16
_LONGEST_VALUE = 2_000
_LONGEST_ERROR = 4_000
_LONGEST_SHOWN = 200  # as in a task's repr
#: What can become of a task.
STATES = ("ran", "kept", "failed", "skipped", "unneeded")
#: Tasks with the places where they are required.
Requirements = Sequence[tuple[str, Any]]
_PLAIN = frozenset({str, int, bool, type(None)})


@dataclasses.dataclass(frozen=True, slots=True)
class TaskEntry:
    """What became of one task in one run."""

    #: As it is shown everywhere: `Train(l2=0.1)`.
    task: str
    family: str
    key: str
    #: "step", "wrapper" (also a part), "external" or "luigi".
    kind: str
    #: The public parameters, as text.
    params: Mapping[str, str]
    #: "ran", "kept", "failed", "skipped" or "unneeded".
    state: str
    #: Why it ran or was kept, as far as that is known after the run, and the reason in words.
    rule: str
    reason: str
    #: Seconds since the epoch; None for what was not begun.
    begun: float | None
    duration: float
    error: str
    #: Positions of what it needs among the tasks of the run.
    needs: tuple[int, ...]
    #: The beginning of the identity of its output: equal in two runs where consumers see the same. Empty where it is not known.
    result: str = ""
    #: The fingerprint of its code.
    fingerprint: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Packed:
    """The tasks of a run, ready for JSON: in short, and all of them."""

    #: How many steps ended in each state, and of each family how many tasks.
    counts: Mapping[str, int]
    families: Mapping[str, Mapping[str, int]]
    family_edges: Sequence[tuple[str, str]]
    edges_left_out: bool
    tasks: Mapping[str, Any]


def pack(outcomes: Mapping[Any, Outcome], scope: Scope, requirements: Callable[[Any], Requirements]) -> Packed:
    """`scope` is that of the run, `requirements` gives what is known of what a task needs."""
    numbers: dict[str, int] = {}
    groups: dict[Any, _Group] = {}
    group: list[int] = []
    for task in outcomes:
        numbers[task.task_id] = len(numbers)
        found = groups.get(type(task))
        if found is None:
            found = groups[type(task)] = _Group(task, len(groups))
        group.append(found.number)
        found.tasks.append(task)
    needs, edges = _edges(outcomes, requirements, numbers)
    values = list(outcomes.values())
    states = [outcome.state for outcome in values]
    families: dict[str, dict[str, int]] = {}
    named = list(groups.values())
    counts = dict.fromkeys(STATES, 0)
    for (number, state), count in Counter(zip(group, states, strict=True)).items():
        counts[state] += count if is_counted(named[number].tasks[0], state) else 0
        of_family = families.setdefault(named[number].family, {})
        of_family[state] = of_family.get(state, 0) + count
    # What waited for another step, and ran after all, had other inputs.
    whys = [DIFFERENT if outcome.state == "ran" and outcome.verdict.rule is Rule.UPSTREAM else outcome.verdict for outcome in values]
    # A verdict is shared by many tasks, and looking at what it says is slow.
    verdicts = {id(verdict): verdict for verdict in whys}
    rules = {name: verdict.rule.value for name, verdict in verdicts.items()}
    tasks = {
        "count": len(group),
        "groups": [found.pack(numbers, scope) for found in named],
        "group": group if len(groups) > 1 else None,
        "state": _indexed(states),
        "rule": _indexed([rules[id(verdict)] for verdict in whys]),
        "reason": _sparse([verdict.reason for verdict in whys], ""),
        "begun": _sparse([outcome.begun and round(outcome.begun, 3) for outcome in values], None),
        "duration": _sparse([outcome.duration and round(outcome.duration, 6) for outcome in values], 0.0),
        "error": _sparse([error_text(outcome.error) if outcome.error is not None else "" for outcome in values], ""),
        "result": _sparse(_results(outcomes, scope), ""),
        "needs": None if needs is None else _sparse(needs, []),
    }
    return Packed({state: count for state, count in counts.items() if count or state != "unneeded"}, families, sorted(edges), needs is None, tasks)


def _results(outcomes: Mapping[Any, Outcome], scope: Scope) -> list[str]:
    found = []
    for task, outcome in outcomes.items():
        identity = outcome.identity
        if identity is None and outcome.state == "kept":
            seen = scope.remembered(task)
            identity = seen.identity if seen is not None else None
        found.append(identity[:_RESULT] if identity is not None else "")
    return found


def error_text(error: BaseException) -> str:
    """An error in one text, without secrets."""
    words = said(error)
    # What comes from another process says itself what it was.
    text = words if getattr(error, "traceback", "") else f"{type(error).__name__}: {words}"
    return secrets.redact(text)[:_LONGEST_ERROR]


def _edges(
    tasks: Mapping[Any, Any], requirements: Callable[[Any], Requirements], numbers: Mapping[str, int]
) -> tuple[list[list[int]] | None, set[tuple[str, str]]]:
    """What each task needs by number, None where that is too much, and the edges between classes by family."""
    needs: list[list[int]] | None = []
    kinds: dict[Any, set[Any]] = {}
    nothing: list[int] = []
    edges = 0
    for task in tasks:
        required = requirements(task)
        if not required:
            if needs is not None:
                needs.append(nothing)
            continue
        edges += len(required)
        kinds.setdefault(type(task), set()).update([type(one) for _, one in required])
        if edges > MOST_EDGES:
            needs = None
        if needs is not None:
            needs.append(list(dict.fromkeys([numbers[one.task_id] for _, one in required if one.task_id in numbers])))
    return needs, {(kind.get_task_family(), one.get_task_family()) for kind, needed in kinds.items() for one in needed}


class _Group:
    """The tasks of one class."""

    def __init__(self, first: Any, number: int) -> None:
        self.number = number
        self.family = first.get_task_family()
        self.kind = kind_of(first)
        self.is_shown_by_its_values = getattr(type(first), "__repr__", None) is BaseTask.__repr__
        self.tasks: list[Any] = []

    def pack(self, numbers: Mapping[str, int], scope: Scope) -> dict[str, Any]:
        tasks = self.tasks
        packed: dict[str, Any] = {"family": self.family, "kind": self.kind, "keys": [name_of(task) for task in tasks]}
        packed["fingerprint"] = scope.code.known(type(tasks[0]))
        parameters = dict(type(tasks[0]).get_params())
        hidden = [name for name, declared in parameters.items() if declared.visibility != ParameterVisibility.PUBLIC]
        packed["hidden"] = hidden
        packed["insignificant"] = [name for name, declared in parameters.items() if not declared.significant]
        packed["values"] = values = {}
        for name, declared in parameters.items():
            # Of what is not public, only that it is there may be told, as where the task is shown.
            values[name] = None if name in hidden else _column([task.param_kwargs[name] for task in tasks], declared, tasks, numbers)
        if not self.is_shown_by_its_values or any(parameters[name].visibility == ParameterVisibility.HIDDEN for name in hidden):
            packed["shown"] = _redacted([_cut(repr(task)) for task in tasks])
        return packed


def _column(values: list[Any], declared: Any, tasks: list[Any], numbers: Mapping[str, int]) -> list[Any]:
    kinds = set(map(type, values))
    if not kinds <= _PLAIN and not (kinds <= _PLAIN | {float} and _are_finite(values)):
        return [_described(value, declared, numbers[task.task_id], numbers) for task, value in zip(tasks, values, strict=True)]
    if str in kinds and max(map(len, values if kinds == {str} else map(str, values))) > _LONGEST_VALUE:
        values = [_cut(value) if type(value) is str else value for value in values]
    return _redacted(values) if str in kinds else values


def _are_finite(values: list[Any]) -> bool:
    return all(math.isfinite(value) for value in values if type(value) is float)


def _described(value: Any, declared: Any, own: int, numbers: Mapping[str, int]) -> Any:
    kind = type(value)
    if kind in _PLAIN or (kind is float and math.isfinite(value)):
        return secrets.redact(_cut(value)) if kind is str else value
    # The reader knows how a task is shown: writing that each time would write a chain of tasks once for each of its tasks.
    if isinstance(value, luigi.Task):
        at = numbers.get(value.task_id, own)
        return {"task": at} if at < own else {"text": f"{value.get_task_family()} {name_of(value)[:12]}"}
    if isinstance(value, tuple) and value and all(isinstance(item, luigi.Task) and numbers.get(item.task_id, own) < own for item in value):
        return {"tasks": [numbers[item.task_id] for item in value]}
    return {"text": secrets.redact(_cut(declared.serialize(value))), "shown": secrets.redact(repr(value)[: _LONGEST_SHOWN + 1])}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _redacted(values: list[Any]) -> list[Any]:
    return [secrets.redact(value) if type(value) is str else value for value in values] if secrets.are_known() else values


def _indexed(column: list[str]) -> dict[str, Any]:
    """A column of few different words."""
    words = list(dict.fromkeys(column))
    if len(words) == 1:
        return {"words": words}
    place = {word: at for at, word in enumerate(words)}
    return {"words": words, "at": [place[word] for word in column]}


def _sparse(column: list[Any], nothing: Any) -> Any:
    """A column that may be empty in most places, or in all."""
    if column.count(nothing) == len(column):
        return None
    filled = [at for at, value in enumerate(column) if value != nothing]
    return {"at": filled, "is": [column[at] for at in filled]} if 2 * len(filled) < len(column) else column


# Reading


def unpack(packed: Mapping[str, Any]) -> list[TaskEntry]:
    """The tasks, in the order in which they were packed."""
    count = packed["count"]
    rows = [_rows(group) for group in packed["groups"]]
    states, rules = _unindexed(packed["state"], count), _unindexed(packed["rule"], count)
    reasons, errors = _filled(packed["reason"], count, ""), _filled(packed["error"], count, "")
    begun, durations = _filled(packed["begun"], count, None), _filled(packed["duration"], count, 0.0)
    needs, results = _filled(packed["needs"], count, ()), _filled(packed.get("result"), count, "")
    entries: list[TaskEntry] = []
    for at, number in enumerate(packed["group"] or [0] * count):
        row = next(rows[number])
        params = {name: _text(value, entries) for name, value in row.values.items()}
        task = row.shown if row.shown is not None else f"{row.family}({', '.join(_shown_values(row, entries))})"
        tail = (states[at], rules[at], reasons[at], begun[at], durations[at], errors[at], tuple(needs[at]), results[at], row.fingerprint)
        entries.append(TaskEntry(task, row.family, row.key, row.kind, params, *tail))
    return entries


@dataclasses.dataclass(slots=True)
class _Row:
    family: str
    kind: str
    key: str
    shown: str | None
    #: In the order of declaration: what is shown of the task.
    names: Sequence[tuple[str, bool]]
    values: Mapping[str, Any]
    fingerprint: str


def _rows(group: Mapping[str, Any]) -> Iterator[_Row]:
    hidden, insignificant = set(group["hidden"]), set(group["insignificant"])
    names = [(name, name in hidden) for name in group["values"] if name not in insignificant]
    columns = {name: column for name, column in group["values"].items() if column is not None}
    shown = group.get("shown")
    for at, key in enumerate(group["keys"]):
        values = {name: column[at] for name, column in columns.items()}
        yield _Row(group["family"], group["kind"], key, shown[at] if shown else None, names, values, group.get("fingerprint", ""))


def _shown_values(row: _Row, before: Sequence[TaskEntry]) -> Iterator[str]:
    for name, is_hidden in row.names:
        text = secrets.HIDDEN if is_hidden else _shown(row.values[name], before)
        yield f"{name}={text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + '...'}"


def _shown(value: Any, before: Sequence[TaskEntry]) -> str:
    if not isinstance(value, dict):
        return repr(value)
    if "task" in value or "tasks" in value:
        return _text(value, before)
    return str(value.get("shown", value["text"]))


def _text(value: Any, before: Sequence[TaskEntry]) -> str:
    if not isinstance(value, dict):
        return str(value)
    if "task" in value:
        return before[value["task"]].task
    if "tasks" in value:
        # More are never shown than fit.
        named = [before[at].task for at in value["tasks"][:_LONGEST_SHOWN]]
        return f"({', '.join(named)}{',' if len(named) == 1 else ''})"[:_LONGEST_VALUE]
    return str(value["text"])


def _unindexed(column: Mapping[str, Any], count: int) -> list[str]:
    words = column["words"]
    return [words[at] for at in column["at"]] if "at" in column else list(words[:1]) * count


def _filled(column: Any, count: int, nothing: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    full = [nothing] * count
    if column is not None:
        for at, value in zip(column["at"], column["is"], strict=True):
            full[at] = value
    return full

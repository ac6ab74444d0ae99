"""The graph as data: tasks as nodes, or families of tasks as nodes, with what is worth showing about each.

Knows neither where the tasks come from (`planned`, `report`) nor how they are drawn (`svg`, `mermaid`, `dot`). Nothing is judged here.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipeline.reporting.colours import sorted_by_attention
from pipeline.reporting.text import plural, visible

#: A graph of more tasks is drawn by class, unless it is asked for otherwise.
MANY = 30
_MOST_ROWS = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """One requirement: the position of a task, by the name of one of its outputs where only that is needed."""

    at: int
    part: str = ""
    #: It was asked for while the step ran.
    dynamic: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One task. `label`: its verdict's rule, or what became of it in a run."""

    family: str
    kind: str
    label: str
    reason: str = ""
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    types: Mapping[str, str] = dataclasses.field(default_factory=dict)
    output: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A parameter, its type where that is known, and its value or how many values it has."""

    name: str
    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}{': ' + self.type if self.type else ''}{' = ' + self.value if self.value else ''}"


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A task, or all tasks of a family. `counts`: how many of its tasks have which label."""

    title: str
    kind: str
    rows: tuple[Row, ...]
    output: tuple[str, ...]
    counts: Mapping[str, int]
    tip: str = ""

    @property
    def labels(self) -> list[str]:
        return sorted_by_attention(self.counts)

    @property
    def size(self) -> int:
        return sum(self.counts.values())

    @property
    def times(self) -> str:
        """How many tasks it stands for, if it is not one."""
        return f"\N{MULTIPLICATION SIGN}{self.size:,}" if self.size > 1 else ""

    @property
    def label(self) -> str:
        """What of its labels needs attention most."""
        return self.labels[0]

    @property
    def caption(self) -> str:
        """Its labels in words: `CURRENT`, or `3 CODE, 1 CURRENT`."""
        if self.size == 1:
            return self.label
        return ", ".join(f"{self.counts[label]:,} {label}" for label in self.labels)


@dataclasses.dataclass(frozen=True, slots=True)
class Edge:
    """From what is required to what requires it."""

    source: int
    target: int
    label: str = ""
    dynamic: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Graph:
    """Nodes with the edges between them, by position."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    by_class: bool

    def counts(self) -> dict[str, int]:
        """How many tasks have which label, from the one that needs attention most."""
        total: Counter[str] = Counter()
        for node in self.nodes:
            total.update(node.counts)
        return {label: total[label] for label in sorted_by_attention(total)}


def draw(items: Sequence[Item], *, by: str | None = None, family_edges: Iterable[tuple[str, str]] = ()) -> Graph:
    """The graph of these tasks `by` "instance" or "class"; by class if there are many and nothing is said.

    `family_edges`: (required, requiring), where the needs of the tasks themselves are not known.
    """
    family_edges = tuple(family_edges)
    by = by or ("class" if len(items) > MANY or family_edges else "instance")
    return _by_class(items, family_edges) if by == "class" else _by_instance(items)


def _by_instance(items: Sequence[Item]) -> Graph:
    nodes = []
    for item in items:
        rows = [Row(name, "", visible(value)) for name, value in item.params.items()]
        nodes.append(Node(item.family, item.kind, _bounded(rows), item.output, {item.label: 1}, item.reason))
    return Graph(tuple(nodes), _edges((need.at, at, need) for at, item in enumerate(items) for need in item.needs), by_class=False)


def _by_class(items: Sequence[Item], family_edges: Iterable[tuple[str, str]]) -> Graph:
    members: dict[str, list[Item]] = {}
    for item in items:
        members.setdefault(item.family, []).append(item)
    at = {family: position for position, family in enumerate(members)}
    pairs = [(at[items[need.at].family], at[item.family], need) for item in items for need in item.needs]
    pairs += [(at[required], at[requiring], Need(0)) for required, requiring in family_edges if required in at and requiring in at]
    return Graph(tuple(_family(family, found) for family, found in members.items()), _edges(pairs), by_class=True)


def _family(family: str, members: list[Item]) -> Node:
    names = dict.fromkeys(name for item in members for name in item.params)
    types = {name: kind for item in members[:1] for name, kind in item.types.items()}
    rows = []
    for name in names:
        values = {item.params.get(name, "") for item in members}
        rows.append(Row(name, types.get(name, ""), visible(min(values)) if len(values) == 1 else plural(len(values), "value")))
    return Node(family, members[0].kind, _bounded(rows), members[0].output, dict(Counter(item.label for item in members)), _first_reason(members))


def _first_reason(members: list[Item]) -> str:
    reasons = Counter(item.reason for item in members if item.reason)
    if not reasons:
        return ""
    reason, count = reasons.most_common(1)[0]
    return reason if len(reasons) == 1 else f"{reason} ({count} of {len(members)}; {len(reasons) - 1} other reasons)"


def _bounded(rows: list[Row]) -> tuple[Row, ...]:
    if len(rows) <= _MOST_ROWS:
        return tuple(rows)
    return (*rows[: _MOST_ROWS - 1], Row(f"and {len(rows) - _MOST_ROWS + 1} more", "", ""))


def _edges(pairs: Iterable[tuple[int, int, Need]]) -> tuple[Edge, ...]:
    """One edge for each pair of nodes, with the outputs that are needed."""
    found: dict[tuple[int, int], list[Need]] = {}
    for source, target, need in pairs:
        found.setdefault((source, target), []).append(need)
    edges = []
    for (source, target), needs in found.items():
        parts = sorted({need.part for need in needs})
        label = ", ".join(parts) if all(parts) and len(parts) <= 3 else ""
        edges.append(Edge(source, target, label, all(need.dynamic for need in needs)))
    return tuple(edges)

"""Where boxes and lines of a graph go: layers by longest path, order by barycentres, places by least squares.

Works along one axis, so that a graph can run from left to right or from top to bottom. Cycles (of families) are drawn with the
edges that close them turned back. Everything is iterative and near linear: thousands of boxes take a second or two.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Sequence

#: Space between layers and between the boxes of one, and how far a long line keeps from boxes.
BETWEEN_COLUMNS, BETWEEN_ROWS, BETWEEN_BOXES, BESIDE_LINES = 60.0, 46.0, 22.0, 14.0
_SWEEPS = 12
#: A graph with more places at which lines pass layers is drawn with straight lines.
_MOST_BENDS = 20_000

Size = tuple[float, float]
Point = tuple[float, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """A placed box."""

    x: float
    y: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Placed boxes, and for each edge the points at which it leaves and enters a layer, two by two."""

    across: bool
    width: float
    height: float
    boxes: list[Box]
    lines: list[list[tuple[Point, Point]]]


def place(sizes: Sequence[Size], edges: Sequence[tuple[int, int]], *, widest: float) -> Layout:
    """From left to right if that is not wider than `widest`, else from top to bottom, unless that is wider still."""
    across = _place(sizes, edges, across=True)
    if across.width <= widest:
        return across
    down = _place(sizes, edges, across=False)
    return down if down.width < across.width else across


def _place(sizes: Sequence[Size], edges: Sequence[tuple[int, int]], *, across: bool) -> Layout:
    # `depth` is a box's size along the direction in which the graph runs, `breadth` the other one.
    depths = [size[0] if across else size[1] for size in sizes]
    breadths = [size[1] if across else size[0] for size in sizes]
    forward = _without_cycles(len(sizes), edges)
    layer = _layers(len(sizes), forward)
    chains, layer = _bends(forward, layer)
    breadths += [0.0] * (len(layer) - len(sizes))
    rows = _ordered(layer, chains)
    centres = _centres(rows, chains, breadths, boxes=len(sizes))
    deepest = [max((depths[at] for at in row if at < len(sizes)), default=0.0) for row in rows]
    starts = _starts(deepest, BETWEEN_COLUMNS if across else BETWEEN_ROWS)

    boxes = []
    for at, (width, height) in enumerate(sizes):
        start, side = starts[layer[at]], centres[at] - breadths[at] / 2
        # From left to right all boxes of a layer are as wide as the widest, like the rows of a table.
        boxes.append(Box(start, side, deepest[layer[at]], height) if across else Box(side, start, width, height))
    lines = []
    for chain, (source, _) in zip(chains, edges, strict=True):
        passed: list[tuple[Point, Point]] = []
        for at in chain:
            begin = starts[layer[at]]
            end = begin + (depths[at] if at < len(sizes) and not across else deepest[layer[at]])
            passed.append(((begin, centres[at]), (end, centres[at])) if across else ((centres[at], begin), (centres[at], end)))
        if chain and chain[0] != source:
            passed = [(leaves, enters) for enters, leaves in reversed(passed)]
        lines.append(passed)
    extent = starts[-1] + deepest[-1] if rows else 0.0
    breadth = max((centres[at] + breadths[at] / 2 for at in range(len(centres))), default=0.0)
    return Layout(across, extent if across else breadth, breadth if across else extent, boxes, lines)


def _starts(deepest: list[float], between: float) -> list[float]:
    return list(itertools.accumulate((depth + between for depth in deepest[:-1]), initial=0.0))


def _without_cycles(count: int, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int] | None]:
    """The edges with those that close a cycle turned back; None for an edge from a box to itself."""
    below: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        if source != target:
            below[source].append(target)
    finished: dict[int, int] = {}
    opened: set[int] = set()
    for root in range(count):
        stack = [(root, iter(below[root]))] if root not in opened else []
        opened.add(root)
        while stack:
            at, rest = stack[-1]
            following = next((one for one in rest if one not in opened), None)
            if following is None:
                finished[at] = len(finished)
                stack.pop()
            else:
                opened.add(following)
                stack.append((following, iter(below[following])))
    # In a graph without cycles whatever is below is finished before.
    return [None if s == t else (s, t) if finished[s] > finished[t] else (t, s) for s, t in edges]


def _layers(count: int, edges: Sequence[tuple[int, int] | None]) -> list[int]:
    """The longest path to each box; one that only gives moves up to where it is first needed."""
    below: list[list[int]] = [[] for _ in range(count)]
    above = [0] * count
    for edge in edges:
        if edge is not None:
            below[edge[0]].append(edge[1])
            above[edge[1]] += 1
    needed = list(above)
    ready = [at for at in range(count) if not above[at]]
    layer = [0] * count
    for at in ready:  # grows while it is walked through
        for following in below[at]:
            layer[following] = max(layer[following], layer[at] + 1)
            needed[following] -= 1
            if not needed[following]:
                ready.append(following)
    for at in reversed(ready):
        if below[at] and not above[at]:
            layer[at] = min(layer[following] for following in below[at]) - 1
    return layer


def _bends(edges: Sequence[tuple[int, int] | None], layer: list[int]) -> tuple[list[list[int]], list[int]]:
    """Each edge as a chain of boxes and bends, one in each layer that it passes."""
    layer = list(layer)
    total = sum(layer[edge[1]] - layer[edge[0]] - 1 for edge in edges if edge is not None)
    chains: list[list[int]] = []
    for edge in edges:
        if edge is None:
            chains.append([])
            continue
        source, target = edge
        passed = range(layer[source] + 1, layer[target]) if total <= _MOST_BENDS else ()
        chains.append([source, *range(len(layer), len(layer) + len(passed)), target])
        layer += passed
    return chains, layer


def _ordered(layer: list[int], chains: list[list[int]]) -> list[list[int]]:
    """The boxes and bends of each layer in an order with few crossings: the best of some sweeps."""
    before, after = _neighbours(len(layer), chains)
    rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
    spot = [0.0] * len(layer)
    for at, number in enumerate(layer):
        spot[at] = len(rows[number])
        rows[number].append(at)
    best, fewest = [list(row) for row in rows], _crossings(chains, layer, spot, len(rows))
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        beside = after if sweep % 2 else before
        for row in reversed(rows) if sweep % 2 else rows:
            # A box without neighbours on that side stays about where it is.
            wanted = {at: _mean([spot[one] for one in beside[at]], spot[at]) for at in row}
            row.sort(key=wanted.__getitem__)
            for place, at in enumerate(row):
                spot[at] = place
        crossed = _crossings(chains, layer, spot, len(rows))
        if crossed < fewest:
            best, fewest = [list(row) for row in rows], crossed
    return best


def _crossings(chains: list[list[int]], layer: list[int], spot: list[float], rows: int) -> int:
    """How many pairs of lines between neighbouring layers cross."""
    between: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    for chain in chains:
        for source, target in itertools.pairwise(chain):
            between[layer[source]].append((spot[source], spot[target]))
    crossed = 0
    for pairs in between:
        ends: list[float] = []
        for _, end in sorted(pairs):
            crossed += len(ends) - bisect.bisect_right(ends, end)
            bisect.insort(ends, end)
    return crossed


def _centres(rows: list[list[int]], chains: list[list[int]], breadths: list[float], *, boxes: int) -> list[float]:
    """Where the middle of each box and bend lies: as near to its neighbours as the order and the space between boxes allow."""
    before, after = _neighbours(len(breadths), chains)
    centres = [0.0] * len(breadths)
    offsets: list[list[float]] = []
    for row in rows:
        offset, found = 0.0, []
        for at, following in zip(row, [*row[1:], None], strict=True):
            found.append(offset)
            if following is not None:
                gap = BETWEEN_BOXES if at < boxes and following < boxes else BESIDE_LINES
                offset += breadths[at] / 2 + gap + breadths[following] / 2
        offsets.append(found)
        for at, centre in zip(row, found, strict=True):
            centres[at] = centre - offset / 2
    for sweep in range(_SWEEPS):
        downward = sweep % 2 == 0
        for number in range(len(rows)) if downward else reversed(range(len(rows))):
            row, found = rows[number], offsets[number]
            # The last two sweeps heed both sides, so that neither end of a line is left behind.
            beside = [before[at] + after[at] if sweep >= _SWEEPS - 2 else (before if downward else after)[at] for at in row]
            wanted = [_mean([centres[one] for one in near], centres[at]) - offset for at, near, offset in zip(row, beside, found, strict=True)]
            for place in range(1, len(row)):
                if not before[row[place]] and not after[row[place]]:
                    wanted[place] = wanted[place - 1]  # what belongs to nothing stands close to the one before
            for at, start, offset in zip(row, _rising(wanted), found, strict=True):
                centres[at] = start + offset
    least = min((centre - breadth / 2 for centre, breadth in zip(centres, breadths, strict=True)), default=0.0)
    return [centre - least for centre in centres]


def _rising(wanted: list[float]) -> list[float]:
    """The values that never fall and are nearest to these (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in wanted:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            total, count = total + pools[-1][0], count + pools[-1][1]
            pools.pop()
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _neighbours(count: int, chains: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for chain in chains:
        for source, target in itertools.pairwise(chain):
            after[source].append(target)
            before[target].append(source)
    return before, after


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise

"""The graphs that are measured, the same for every tool, and the value that each of their tasks must have.

Tasks are numbers from 0 up; what a task requires has a lower number, and the last task is the root. Task 0 is the leaf
that can be edited. Its lowest bit is all that an edit changes, and no consumer looks at it, so that after an edit
exactly the leaf and its direct consumers have to run.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Sequence

SHAPES = ("fan-in", "chain", "diamond", "wide")
#: The environment variable by which a measured process knows its graph (`fan-in:1000`).
VARIABLE = "BENCHMARK_GRAPH"

_WIDTH = 20
_PRIME = 1_000_003


@dataclasses.dataclass(frozen=True)
class Graph:
    """A shape and about how many tasks it has (`count` says exactly)."""

    shape: str
    size: int

    @functools.cached_property
    def count(self) -> int:
        return (self.size - 1) // _WIDTH * _WIDTH + 1 if self.shape == "diamond" else self.size

    def requirements(self, at: int) -> Sequence[int]:
        """The tasks that this one requires."""
        root = self.count - 1
        if self.shape == "fan-in":
            return range(root) if at == root else ()
        if self.shape == "chain":
            return range(at - 1, at) if at else ()
        if self.shape == "diamond":
            layer = at // _WIDTH
            return range((layer - 1) * _WIDTH, layer * _WIDTH) if layer else ()
        groups = math.isqrt(self.count)
        leaves = root - groups
        if at == root:
            return range(leaves, root)
        if at < leaves:
            return ()
        group = at - leaves
        return range(group * leaves // groups, (group + 1) * leaves // groups)

    def values(self, *, edited: bool = False) -> list[int]:
        """What each task must have computed."""
        values: list[int] = []
        for at in range(self.count):
            required = self.requirements(at)
            values.append(consumer_value(values[below] for below in required) if required else leaf_value(at, edited and at == 0))
        return values

    def touched_by_edit(self) -> int:
        """How many tasks have to run after the leaf 0 was edited: the leaf and its direct consumers."""
        return 1 + sum(0 in self.requirements(at) for at in range(1, self.count))


def leaf_value(at: int, edited: bool = False) -> int:
    """The value of a leaf."""
    return 2 * at + edited


def consumer_value(inputs) -> int:
    """The value of a task that requires others."""
    return 2 * (sum(value // 2 for value in inputs) % _PRIME)


@functools.cache
def graph() -> Graph:
    """The graph of this process."""
    shape, _, size = os.environ[VARIABLE].partition(":")
    return Graph(shape, int(size))

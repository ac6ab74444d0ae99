"""One measurement, as it stands in the report."""

from __future__ import annotations

import dataclasses
from typing import Any

#: The states of a store in which a graph is built, and how they are told.
PHASES = {"cold": "cold", "nothing": "nothing to do", "edited": "one leaf changed"}


@dataclasses.dataclass
class Row:
    """`state`: measured, extrapolated, skipped, timeout or failed; only the first two have numbers.

    `facts` is what a subject says beyond cost; `note` is for people.
    """

    group: str
    tool: str
    what: str
    phase: str = ""
    state: str = "measured"
    tasks: int = 0
    cpu: float | None = None
    wall: float | None = None
    peak_mb: float | None = None
    load: float | None = None
    note: str = ""
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.tool, self.what, self.phase)))

    @property
    def per_task_ms(self) -> float | None:
        return self.cpu / self.tasks * 1000 if self.cpu is not None and self.tasks else None


def ratio(above: Row | None, below: Row | None, field: str = "cpu") -> float | None:
    """How many times as much the first took as the second, None if one of them was not measured."""
    if above is None or below is None or getattr(above, field) is None or not getattr(below, field):
        return None
    return float(getattr(above, field) / getattr(below, field))


def merged(earlier: list[Row], rows: list[Row]) -> list[Row]:
    """The rows of an earlier run and of this one; of the same measurement the later one that has numbers."""
    found: dict[tuple[str, str], Row] = {}
    for row in [*earlier, *rows]:
        # Where a measurement timed out there are two rows: what happened, and what was extrapolated.
        key = (row.name, "extrapolated" if row.state == "extrapolated" else "")
        if key not in found or row.state in ("measured", "extrapolated"):
            found[key] = row
    measured = {row.name for row in found.values() if row.state == "measured"}
    return [row for row in found.values() if row.state != "extrapolated" or row.name not in measured]

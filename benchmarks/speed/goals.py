"""What we want to reach, and what a run says about it: met, missed or not measured."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

from benchmarks.speed.row import PHASES, Row, ratio
from benchmarks.speed.shapes import SHAPES
from benchmarks.speed.suite import FLOOR, OURS


@dataclasses.dataclass(frozen=True)
class Goal:
    """A number with a limit. `most` says that the limit is an upper one."""

    name: str
    limit: float
    unit: str
    most: bool
    measured: float | None
    note: str = ""

    @property
    def state(self) -> str:
        if self.measured is None:
            return "not measured"
        return "met" if (self.measured <= self.limit if self.most else self.measured >= self.limit) else "missed"


class Rows:
    """The rows of a run, found by name."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def find(self, tool: str, what: str, phase: str = "cold") -> Row | None:
        """The one that has numbers; with repeats of a cold run the one in the middle."""
        found = [row for row in self._rows if row.tool == tool and row.what == what and row.state in ("measured", "extrapolated")]
        found = [row for row in found if row.phase == phase or (phase == "cold" and row.phase.startswith("cold, repeat"))]
        found.sort(key=lambda row: row.cpu or 0.0)
        return found[len(found) // 2] if found else None

    def starting(self, what: str) -> list[Row]:
        return [row for row in self._rows if row.what.startswith(what) and row.state == "measured"]

    def exponent(self, tool: str, shape: str, below: int, above: int, phase: str) -> float | None:
        """How the cost grows between two sizes: 1 is as the number of tasks."""
        one, other = self.find(tool, f"{shape} {below}", phase), self.find(tool, f"{shape} {above}", phase)
        if one is None or other is None or not one.cpu or not other.cpu or one.tasks == other.tasks:
            return None
        return math.log(other.cpu / one.cpu) / math.log(other.tasks / one.tasks)


def of_full(all_rows: list[Row]) -> list[Goal]:
    """The goals of the full run."""
    rows = Rows(all_rows)
    ours = lambda what, phase="cold": rows.find(OURS, what, phase)  # noqa: E731

    def against(tool: str, what: str, least: float) -> Goal:
        other = rows.find(tool, what)
        return Goal(
            f"{what}: {tool}'s CPU time over ours",
            least,
            "x",
            False,
            ratio(other, ours(what)),
            "extrapolated" if other is not None and other.state == "extrapolated" else "",
        )

    two, one = ours("10000 trivial tasks", "2 workers"), ours("10000 trivial tasks", "1 worker")
    waiting, start = ours("400 tasks of 50 ms", "2 workers"), ours("run.py", "nothing")
    goals = [
        against("Luigi", "fan-in 4000", 25),
        against("Luigi", "diamond 2000", 60),
        against("gokart", "fan-in 4000", 40),
        against("labtech", "fan-in 1000", 2),
        against("labtech", "fan-in 2000", 2),
        against("taskproc", "fan-in 1000", 2),
        Goal("fan-in 10000, cold: CPU per task", 0.5, "ms", True, _of(ours("fan-in 10000"), lambda row: row.per_task_ms)),
        *_costs(ours("fan-in 100000", "nothing"), "fan-in 100000, nothing to do", 8, 400),
        *_costs(ours("fan-in 100000"), "fan-in 100000, cold", 50, 600),
        Goal("10000 trivial tasks, 2 workers", 1500, "tasks/s", False, _of(two, lambda row: row.facts["tasks per second"])),
        Goal("10000 trivial tasks: wall time of 2 workers over 1", 1.5, "x", True, ratio(two, one, "wall")),
        Goal("400 tasks of 50 ms, 2 workers: share of the ideal", 95, "%", False, _of(waiting, lambda row: row.facts["ideal"] * 100)),
    ]
    goals += _data(rows, 1.35)
    goals.append(Goal("run.py with nothing to do over import luigi, wall", 150, "ms", True, _of(start, lambda row: row.facts["difference wall"])))
    under_luigi, plain = ours("under luigi.build 2000"), rows.find("Luigi", "plain tasks 2000")
    goals.append(Goal("2000 tasks under luigi.build: CPU time over plain Luigi's", 2, "x", True, ratio(under_luigi, plain)))
    for shape, phase in itertools.product(SHAPES, PHASES):
        exponent = rows.exponent(OURS, shape, 1_000, 100_000, phase)
        goals.append(Goal(f"{shape}, {PHASES[phase]}: growth exponent from 1000 to 100000", 1.1, "", True, exponent))
    planned = ours("planned, simulated store 1000000", "nothing")
    goals.append(Goal("1000000 tasks planned: peak memory", 4000, "MB", True, _of(planned, lambda row: row.peak_mb)))
    return goals


def of_quick(all_rows: list[Row]) -> list[Goal]:
    """The guard against regressions: ratios within one run, with generous margins, since machines of CI are noisy."""
    rows = Rows(all_rows)
    goals = [
        Goal(f"{what}, cold: CPU time over the bare loop's", most, "x", True, ratio(rows.find(OURS, what), rows.find(FLOOR, what)))
        for what, most in (("fan-in 2000", 12), ("fan-in 4000", 12), ("chain 1000", 20), ("diamond 1000", 20), ("wide 1000", 20))
    ]
    for phase, most in (("cold", 1.4), ("nothing", 1.4)):
        exponent = rows.exponent(OURS, "fan-in", 1_000, 4_000, phase)
        goals.append(Goal(f"fan-in, {phase}: growth exponent from 1000 to 4000", most, "", True, exponent))
    two, one = rows.find(OURS, "1000 trivial tasks", "2 workers"), rows.find(OURS, "1000 trivial tasks", "1 worker")
    waiting = rows.find(OURS, "40 tasks of 50 ms", "2 workers")
    goals.append(Goal("1000 trivial tasks: wall time of 2 workers over 1", 4, "x", True, ratio(two, one, "wall")))
    goals.append(Goal("40 tasks of 50 ms, 2 workers: share of the ideal", 30, "%", False, _of(waiting, lambda row: row.facts["ideal"] * 100)))
    goals += _data(rows, 6)  # milliseconds, which a neighbour of the machine easily doubles
    start = rows.find(OURS, "run.py", "nothing")
    goals.append(Goal("run.py with nothing to do over import luigi, CPU", 1000, "ms", True, _of(start, lambda row: row.facts["difference cpu"])))
    return goals


def _costs(row: Row | None, name: str, seconds: float, megabytes: float) -> list[Goal]:
    return [
        Goal(f"{name}: CPU", seconds, "s", True, _of(row, lambda row: row.cpu)),
        Goal(f"{name}: peak memory", megabytes, "MB", True, _of(row, lambda row: row.peak_mb)),
    ]


def _data(rows: Rows, most: float) -> list[Goal]:
    goals = []
    for row in (row for kind in ("frame", "array", "forest") for row in rows.starting("") if row.group == "data" and kind in row.what):
        for way, words in (("dump", "dump"), ("first_load", "load, the first of a process"), ("load", "load again")):
            goals.append(Goal(f"{row.what}: {words}, wall time over the bare library's", most, "x", True, row.facts[f"{way}_ratio"]))
    return goals


def _of(row: Row | None, number: Callable[[Row], float | None]) -> float | None:
    return number(row) if row is not None else None

"""Who ran when, on which lane: bars of one run over its time.

Lanes are not processes: a step takes the first lane that is free when it begins, so that there are as many as steps ran at once. What is
too short to be seen is drawn together, so that the picture stays small however many steps there were.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Iterable, Sequence

from pipeline import units
from pipeline.columns import TaskEntry
from pipeline.reporting.colours import sorted_by_attention
from pipeline.reporting.markup import Markup, element
from pipeline.reporting.style import tone_class
from pipeline.reporting.text import plural, shortened, width

#: The picture's width, for which bars are drawn apart or together, in pixels.
_PIXELS = 1000
_NARROW = 3.0
#: A step may begin a moment before the one before it has been marked as done.
_SLACK = 0.005
_MANY_LANES = 12


@dataclasses.dataclass(slots=True)
class Bar:
    """One step, or several that are too short to be seen apart."""

    lane: int
    begin: float
    end: float
    tasks: list[TaskEntry]


def bars(tasks: Iterable[TaskEntry], pixel: float) -> list[Bar]:
    """The bars of all steps that were begun; `pixel`: how many seconds a pixel is."""
    found: list[Bar] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    latest: dict[int, Bar] = {}
    begun = [task for task in tasks if task.begun is not None]
    for task in sorted(begun, key=lambda task: task.begun or 0.0):
        begin = task.begun or 0.0
        while busy and busy[0][0] <= begin + _SLACK:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else len(latest)
        bar = Bar(lane, begin, begin + task.duration, [task])
        heapq.heappush(busy, (bar.end, lane))
        before = latest.get(lane)
        short = before is not None and min(bar.end - bar.begin, before.end - before.begin) < _NARROW * pixel
        if before is not None and short and bar.begin - before.end < pixel:
            before.end = max(bar.end, before.end)
            before.tasks.append(task)
        else:
            latest[lane] = bar
            found.append(bar)
    return found


def draw(tasks: Sequence[TaskEntry], begin: float, end: float) -> Markup:
    """The timeline from the run's beginning to its end."""
    begun = [task for task in tasks if task.begun is not None]
    begin = min([begin, *(task.begun for task in begun if task.begun is not None)])
    end = max([end, *(task.begun + task.duration for task in begun if task.begun is not None)])
    whole = max(end - begin, 1e-3)
    found = bars(begun, whole / _PIXELS)
    lanes = max((bar.lane for bar in found), default=0) + 1
    rows = []
    for lane in range(lanes):
        inside = [_bar(bar, begin, whole) for bar in found if bar.lane == lane]
        rows.append(element("div", element("span", lane + 1, class_="lane-name"), element("div", inside, class_="lane-bars"), class_="lane"))
    marks = []
    for at in _ticks(whole):
        where = 100 * at / whole
        marks.append(
            element("span", element("i", units.duration(at) if at else "0"), style=f"left:{where:.3f}%", class_="last" if where > 94 else None)
        )
    axis = element("div", element("span", class_="lane-name"), element("div", marks, class_="lane-axis"), class_="lane axis")
    many = " many" if lanes > _MANY_LANES else ""
    return element("div", rows, axis, class_=f"timeline{many}", role="img", aria_label=f"{plural(len(begun), 'step')} on {plural(lanes, 'lane')}")


def _bar(bar: Bar, begin: float, whole: float) -> Markup:
    state = sorted_by_attention({task.state for task in bar.tasks})[0]
    families = dict.fromkeys(task.family for task in bar.tasks)
    took = units.duration(bar.end - bar.begin)
    if len(bar.tasks) == 1:
        name, tip = bar.tasks[0].family.rpartition(".")[2], f"{shortened(bar.tasks[0].task, 300)}: {state}, {took}"
    else:
        name = f"{len(bar.tasks):,} steps" if len(families) > 1 else f"{len(bar.tasks):,} {next(iter(families)).rpartition('.')[2]}"
        tip = f"{len(bar.tasks):,} steps ({shortened(', '.join(families), 300)}): {took}"
    share = 100 * (bar.end - bar.begin) / whole
    # One that would not fit is not there; what fits here and not in a narrow window wraps, and the second line is not seen.
    label = element("b", name) if share / 100 * _PIXELS > width(name) * 7.5 + 12 else None
    where = f"left:{100 * (bar.begin - begin) / whole:.3f}%;width:max({share:.3f}%,2px)"
    return element("div", label, class_=f"bar {tone_class(state)}", style=where, title=tip)


def _ticks(whole: float) -> list[float]:
    """Round times, some five to nine of them."""
    step = next(step for step in _steps() if whole / step <= 8)
    return [step * number for number in range(int(whole / step) + 1)]


def _steps() -> Iterable[float]:
    yield from (factor * 10.0**power for power in range(-3, 1) for factor in (1, 2, 5))
    yield from (20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800, 21600, 43200)
    day = 86400.0
    while True:
        yield day
        day *= 2

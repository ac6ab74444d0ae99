"""luigi-warp under cProfile: where the time of a cold run goes, by groups of modules.

What a built-in function takes belongs to who called it. A profiler makes small functions dearer than they are, so the
shares matter here, not the seconds.
"""

from __future__ import annotations

import cProfile
import os
import pstats

import pipeline
from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter
from benchmarks.speed.subjects import warp

#: Parts of paths, and the group they belong to; the first that fits decides.
GROUPS = (
    ("benchmarks/", "the steps themselves"),
    ("pipeline/scheduler", "scheduler"),
    ("pipeline/scheduling/", "scheduler"),
    ("luigi/scheduler", "scheduler"),
    ("pipeline/worker", "worker"),
    ("pipeline/engines/", "worker"),
    ("luigi/worker", "worker"),
    ("pipeline/repairing", "worker"),
    ("pipeline/building", "worker"),
    ("pipeline/runs", "worker"),
    ("pipeline/planning", "judging"),
    ("pipeline/verdict", "judging"),
    ("pipeline/scope", "judging"),
    ("pipeline/forcing", "judging"),
    ("pipeline/code", "judging"),
    ("pipeline/fingerprint/", "judging"),
    ("pipeline/libraries", "judging"),
    ("pipeline/", "task objects and execute"),
    ("luigi/", "task objects and execute"),
    ("targets/local_store", "store"),
    ("targets/locks", "store"),
    ("targets/opening", "store"),
    ("targets/folders", "store"),
    ("targets/record", "record"),
    ("targets/seal", "record"),
    ("json/", "record"),
    ("targets/", "target and format"),
    ("pickle", "target and format"),
)


def measure(folder: str, phase: str = "cold") -> dict[str, object]:
    graph = shapes.graph()
    root = warp.prepare(folder)
    if phase == "nothing":
        assert pipeline.build(root).ok
    profile = cProfile.Profile()
    with Meter() as meter:
        profile.enable()
        run = pipeline.build(root)
        profile.disable()
    seconds, dearest = by_group(pstats.Stats(profile))
    total = sum(seconds.values())
    shares = {name: round(took / total, 4) for name, took in sorted(seconds.items(), key=lambda item: -item[1])}
    return meter.result(tasks=graph.count, shares=shares, dearest=dearest, wrong="" if run.ok else run.one_line_summary)


def by_group(stats: pstats.Stats) -> tuple[dict[str, float], list[str]]:
    """Seconds of each group, and the dearest functions in words."""
    seconds: dict[str, float] = {}
    rows: list[tuple[float, str]] = []
    total = 0.0
    for function, (_, calls, own, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        file, _, name = function
        total += own
        rows.append((own, f"{_short(file)} {name}, {calls} calls"))
        group = group_of(file)
        if group is not None:
            seconds[group] = seconds.get(group, 0.0) + own
            continue
        shares = {caller: facts[2] for caller, facts in callers.items()}
        for caller, share in shares.items():
            caller_group = group_of(caller[0]) or "other Python"
            seconds[caller_group] = seconds.get(caller_group, 0.0) + share
        seconds["other Python"] = seconds.get("other Python", 0.0) + max(0.0, own - sum(shares.values()))
    rows.sort(reverse=True)
    return seconds, [f"{own / total:.1%} {words}" for own, words in rows[:12]]


def group_of(file: str) -> str | None:
    """The group of a module, None for built-in functions and for what belongs to nobody in particular."""
    path = file.replace(os.sep, "/")
    if path == "~" or path.startswith("<"):
        return None
    return next((group for part, group in GROUPS if part in path), None)


def _short(file: str) -> str:
    return "" if file == "~" else "/".join(file.replace(os.sep, "/").split("/")[-2:])

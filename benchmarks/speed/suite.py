"""What is measured, in the order of its importance: if the time budget ends, the last is skipped and says so.

A tool and what it is compared with are measured one right after the other, so that both meet the same noise.
"""

from __future__ import annotations

import math
import pathlib
import sys
import tempfile

from benchmarks.speed.bench import ROOT, Bench
from benchmarks.speed.row import Row
from benchmarks.speed.shapes import SHAPES

OURS = "luigi-warp"
FLOOR = "bare loop"

_SUBJECTS = {FLOOR: "floor", "Luigi": "plain_luigi", "gokart": "gokart_nodes", "labtech": "labtech_nodes", "taskproc": "taskproc_nodes"}


def full(bench: Bench, *, huge: bool) -> None:
    """Everything: about twenty minutes."""
    fan_in(bench)
    diamond(bench)
    peers(bench)
    data(bench, megabytes=100, rounds=5)
    startup(bench, rounds=15)
    processes(bench, tasks=10_000, waiting=400, repeat=3)
    larger(bench)
    profile(bench, 2_000)
    complete(bench)
    for size in (1_000, 10_000):
        for shape in SHAPES[1:]:
            ours(bench, shape, size)
    for shape in SHAPES:
        ours(bench, shape, 100_000)
    if huge:
        simulated(bench, 1_000_000)


def quick(bench: Bench, *, huge: bool) -> None:
    """Small, for CI: ours and the floor, nothing that has to be installed."""
    for size in (1_000, 2_000, 4_000):
        floor(bench, "fan-in", size, repeat=3)
        ours(bench, "fan-in", size, repeat=3)
    for shape in SHAPES[1:]:
        floor(bench, shape, 1_000, repeat=3)
        ours(bench, shape, 1_000)
    processes(bench, tasks=1_000, waiting=40)
    data(bench, megabytes=20, rounds=7)
    startup(bench, rounds=5)
    if huge:
        simulated(bench, 10_000)


def floor(bench: Bench, shape: str, size: int, repeat: int = 1) -> None:
    if bench.wants(shape):
        bench.measure(Row(shape, FLOOR, f"{shape} {size}", "cold"), "floor", {"graph": f"{shape}:{size}"}, limit=120, repeat=repeat)


def ours(bench: Bench, shape: str, size: int, repeat: int = 1) -> None:
    """Cold, then in the same store with nothing to do, then with one leaf changed."""
    if not bench.wants(shape):
        return
    for at in range(repeat - 1, 0, -1):
        # Repeats only serve the median of the cold run.
        bench.measure(Row(shape, OURS, f"{shape} {size}", f"cold, repeat {at}"), "warp", {"graph": f"{shape}:{size}"}, limit=150)
    _phases(bench, shape, size)


def _phases(bench: Bench, shape: str, size: int) -> None:
    graph, what = f"{shape}:{size}", f"{shape} {size}"
    folder = bench.folder()
    cold = bench.measure(Row(shape, OURS, what, "cold"), "warp", {"graph": graph, "folder": folder}, limit=400, keep=True)
    # A system that has let go of its page cache makes one such run cost up to a quarter more.
    repeat = 3 if size <= 10_000 or shape == "fan-in" else 1
    for phase in ("nothing", "edited"):
        arguments = {"graph": graph, "folder": folder, "phase": phase}
        bench.measure(Row(shape, OURS, what, phase), "warp", arguments, limit=300, repeat=repeat, after=cold, keep=True)
    bench.remove(folder)


def other(bench: Bench, tool: str, shape: str, size: int, *, limit: float = 180) -> Row:
    return bench.measure(Row(shape, tool, f"{shape} {size}", "cold"), _SUBJECTS[tool], {"graph": f"{shape}:{size}"}, limit=limit)


def fan_in(bench: Bench) -> None:
    """Beside plain Luigi."""
    _beside_luigi(bench, "fan-in", (1_000, 2_000, 4_000))


def diamond(bench: Bench) -> None:
    """Beside plain Luigi, which needs minutes for 2,000 tasks."""
    _beside_luigi(bench, "diamond", (500, 1_000, 2_000))


def larger(bench: Bench) -> None:
    """10,000 tasks; Luigi would need an hour."""
    if bench.wants("larger") or bench.wants("fan-in"):
        bench.measure(Row("fan-in", FLOOR, "fan-in 10000", "cold"), "floor", {"graph": "fan-in:10000"}, limit=120)
        _phases(bench, "fan-in", 10_000)


def _beside_luigi(bench: Bench, shape: str, sizes: tuple[int, ...]) -> None:
    if not bench.wants(shape):
        return
    rows = []
    for size in sizes:
        floor(bench, shape, size, repeat=3)
        ours(bench, shape, size, repeat=3)
        rows.append(other(bench, "Luigi", shape, size, limit=150))
    if rows[-1].state == "timeout":
        extrapolate(bench, rows[:-1], sizes[-1])


def peers(bench: Bench) -> None:
    """gokart, labtech and taskproc."""
    if not bench.wants("peers"):
        return
    for size in (1_000, 2_000):
        other(bench, "labtech", "fan-in", size, limit=60)
    rows = []
    for size in (500, 1_000, 4_000):
        rows.append(other(bench, "gokart", "fan-in", size, limit=200))
    if rows[-1].state == "timeout":
        extrapolate(bench, rows[:-1], 4_000)
    rows = [other(bench, "taskproc", "fan-in", size, limit=60) for size in (250, 500, 1_000)]
    if rows[-1].state != "measured":
        extrapolate(bench, rows[:-1], 1_000)


def extrapolate(bench: Bench, rows: list[Row], size: int) -> None:
    """What a tool would take, from how it grew between the two largest sizes that were measured; marked as such."""
    measured = [row for row in rows if row.state == "measured" and row.cpu and row.wall]
    if len(measured) < 2:
        return
    below, above = measured[-2:]
    assert below.cpu and above.cpu and above.wall  # noqa: PT018
    # Noise must not make others look worse than they are: quadratic at most.
    exponent = min(2.0, math.log(above.cpu / below.cpu) / math.log(above.tasks / below.tasks))
    factor = (size / above.tasks) ** exponent
    row = Row(above.group, above.tool, f"{above.group} {size}", "cold", "extrapolated", size, above.cpu * factor, above.wall * factor, above.peak_mb)
    row.note = f", from {below.tasks} and {above.tasks} tasks, exponent {exponent:.2f}"
    bench.add(row)


def complete(bench: Bench) -> None:
    """Our tasks under Luigi's own scheduler and worker: what does judging add?"""
    if not bench.wants("complete"):
        return
    graph, folder = "fan-in:2000", bench.folder()
    cold = bench.measure(
        Row("complete", OURS, "under luigi.build 2000", "cold"), "warp", {"graph": graph, "folder": folder, "stock": True}, limit=120, keep=True
    )
    arguments = {"graph": graph, "folder": folder, "stock": True, "phase": "nothing"}
    bench.measure(Row("complete", OURS, "under luigi.build 2000", "nothing"), "warp", arguments, limit=120, after=cold, keep=True)
    bench.remove(folder)
    bench.measure(Row("complete", "Luigi", "plain tasks 2000", "cold"), "plain_luigi", {"graph": graph}, limit=120)


def processes(bench: Bench, *, tasks: int, waiting: int, repeat: int = 1) -> None:
    """Two workers."""
    if not bench.wants("processes"):
        return
    arguments = {"count": waiting, "seconds": 0.05, "workers": 2}
    bench.measure(Row("processes", OURS, f"{waiting} tasks of 50 ms", "2 workers"), "waiting", arguments, limit=90, repeat=repeat, by="wall")
    for workers in (1, 2):
        row = Row("processes", OURS, f"{tasks} trivial tasks", f"{workers} worker{'s' * (workers > 1)}")
        bench.measure(row, "warp", {"graph": f"fan-in:{tasks}", "workers": workers}, limit=120, repeat=repeat, by="wall")
        if row.wall:
            row.facts["tasks per second"] = round(tasks / row.wall)


def data(bench: Bench, *, megabytes: int, rounds: int) -> None:
    """Large outputs against the bare libraries."""
    if not bench.wants("data"):
        return
    for kind, format in (("frame", "parquet"), ("array", "pickle"), ("forest", "pickle")):
        what = f"{kind} to {format}" if kind == "forest" else f"{megabytes} MB {kind} to {format}"
        bench.measure(Row("data", OURS, what), "large", {"kind": kind, "megabytes": megabytes, "rounds": rounds}, limit=120)


def startup(bench: Bench, *, rounds: int) -> None:
    """`python run.py` with nothing to do against `python -c "import luigi"`."""
    if not bench.wants("startup"):
        return
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        settings = {"PIPELINE_TARGET_DIR": str(place / "store"), "PIPELINE_JSON_LOG": "", "APP_DEPLOY_DIR": str(place / "deployed")}
        first = Bench(place, budget=120)
        first.start(Row("startup", OURS, "run.py", "cold"), {"run": [sys.executable, "run.py"]}, environments={"run": settings}, rounds=1)
        commands = {"run.py": [sys.executable, "run.py"], "import": [sys.executable, "-c", "import luigi"]}
        row = bench.start(Row("startup", OURS, "run.py", "nothing"), commands, environments={"run.py": settings}, rounds=rounds)
        if row.state == "measured":
            for kind in ("wall", "cpu", "least wall"):
                row.facts[f"difference {kind}"] = round(row.facts[f"run.py {kind}"] - row.facts[f"import {kind}"], 1)


def profile(bench: Bench, size: int) -> None:
    """Where our time goes."""
    if bench.wants("profile"):
        for phase in ("cold", "nothing"):
            bench.measure(Row("profile", OURS, f"profile {size}", phase), "profiled", {"graph": f"fan-in:{size}", "phase": phase}, limit=90)


def simulated(bench: Bench, size: int) -> None:
    """Planning alone, on a store that answers from memory."""
    if bench.wants("huge"):
        bench.measure(Row("huge", OURS, f"planned, simulated store {size}", "nothing"), "huge", {"graph": f"wide:{size}"}, limit=900)


__all__ = ["FLOOR", "OURS", "ROOT", "full", "quick"]

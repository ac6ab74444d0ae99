"""luigi-warp planning a graph whose outputs are all there, in a store that answers from memory: what planning alone costs.

The store makes each record up when it is read, from one that was really written, with the key, parameters and
requirements of the task. `simulating` says how many of the CPU seconds went into that; a disk would need more.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time

import pipeline
from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter
from benchmarks.speed.subjects import warp
from pipeline import planning
from targets import local_store, opening
from targets.record import Input, Inputs, Record


class SimulatedStore(local_store.LocalStore):
    """Holds whatever a task of the graph would have stored."""

    def __init__(self, root: str, template: Record) -> None:
        super().__init__(root)
        self._template = template
        self.spent = 0.0
        self._size = template.parts[0].size

    def scan(self, folder):
        for at in range(shapes.graph().count):
            yield warp.node(at).target.place.record_name.rpartition("/")[2], None

    def stamp(self, name):
        return 1, 1, 1

    def size(self, name):
        return self._size if not name.endswith(".files") else None

    def read_stamped(self, name, size):
        begun = time.process_time()
        # Node/at-<number>-<key>.record.json
        at = int(name.rpartition("/")[2].split("-")[1]) if "/at-" in name else 0
        data = self._record(warp.node(at), at).to_bytes()
        self.spent += time.process_time() - begun
        return data, (1, 1, 1)

    def _record(self, task, at):
        part = self._template.parts[0]
        stem = task.target.place.stem
        required = [warp.node(below) for below in shapes.graph().requirements(at)]
        rows = [Input(f"[{place}]", repr(below), below.key, self._identity) for place, below in enumerate(required)]
        part = dataclasses.replace(part, file=stem + part.file[part.file.rindex(".") :])
        return dataclasses.replace(self._template, key=task.key, params={"at": at}, inputs=Inputs(rows), parts=(part,))

    _identity = ""


def measure(folder: str) -> dict[str, object]:
    graph = shapes.graph()
    root = warp.prepare(folder)
    # Every task stands for one of the same content.
    sample = warp.Node(at=1)
    assert pipeline.build(sample).ok
    template = sample.target.record
    store = SimulatedStore(os.environ["PIPELINE_TARGET_DIR"], template)
    scope = planning.plan(sample).scope
    store._identity = scope.finding(sample).identity
    warp.First.requires = lambda _: []
    opening._absolute[os.environ["PIPELINE_TARGET_DIR"]] = store
    with Meter() as meter:
        plan = pipeline.plan(root)
    counts = {}
    for verdict in plan.verdicts.values():
        counts[str(verdict)[:60]] = counts.get(str(verdict)[:60], 0) + 1
    right = len(plan.order) == graph.count and len(plan.must_run) <= 3
    return meter.result(tasks=graph.count, simulating=round(store.spent, 2), wrong="" if right else json.dumps(counts)[:300])

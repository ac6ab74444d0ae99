"""luigi-warp."""

from __future__ import annotations

import json
import logging
import os
import pathlib
import random

import luigi
from blake3 import blake3

import pipeline
from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter

SAMPLE = 200


class First(pipeline.Task):
    """The leaf that can be edited: it depends on a file."""

    def requires(self):
        return [pipeline.ExternalFile(path=os.environ["BENCHMARK_FILE"])]

    def easy_run(self, inputs):
        return shapes.leaf_value(0, inputs[0].read_text() == "edited")


class Node(pipeline.Task):
    """Any other task."""

    at = luigi.IntParameter()

    def requires(self):
        return [node(at) for at in shapes.graph().requirements(self.at)]

    def easy_run(self, inputs):
        return shapes.consumer_value(inputs) if inputs else shapes.leaf_value(self.at)


def node(at: int) -> pipeline.Task:
    """The task of a number."""
    return Node(at=at) if at else First()


def prepare(folder: str, *, edit: bool = False) -> pipeline.Task:
    """The root of this process's graph, with its outputs in this folder; with `edit` the leaf is not what it was."""
    os.makedirs(folder, exist_ok=True)
    os.environ["PIPELINE_TARGET_DIR"] = os.path.join(folder, "store")
    leaf = pathlib.Path(folder, "leaf.txt")
    os.environ["BENCHMARK_FILE"] = str(leaf)
    if edit or not leaf.exists():
        leaf.write_text("edited" if edit and not is_edited(folder) else "as it was")
    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    return node(shapes.graph().count - 1)


def is_edited(folder: str) -> bool:
    return pathlib.Path(folder, "leaf.txt").read_text() == "edited"


def measure(folder: str, phase: str = "cold", workers: int = 1, stock: bool = False) -> dict[str, object]:
    """`phase`: cold, nothing or edited. `stock`: Luigi's own `luigi.build` instead of ours."""
    graph = shapes.graph()
    root = prepare(folder, edit=phase == "edited")
    with Meter() as meter:
        if stock:
            done = luigi.build([root], local_scheduler=True, workers=workers, log_level="ERROR")
        else:
            run = pipeline.build(root, workers=workers)
    expected = {"cold": graph.count, "nothing": 0, "edited": graph.touched_by_edit()}[phase]
    wrong = ""
    if stock:
        wrong = "" if done else "luigi.build failed"
    elif not run.ok or len(run.ran) != expected:
        wrong = f"{len(run.ran)} ran, not {expected}: {run.one_line_summary}"
    return meter.result(tasks=graph.count, ran=expected, wrong=wrong or look_at_outputs(folder, edited=is_edited(folder)))


def look_at_outputs(folder: str, *, edited: bool) -> str:
    """Nothing, or what is wrong: every task has data and a record; in a sample the values and digests are right."""
    graph = shapes.graph()
    names = [path.name for path in pathlib.Path(folder, "store").rglob("*-*.*") if path.parent.name == "Node"]
    records = [name for name in names if name.endswith(".record.json")]
    if len(records) != graph.count - 1 or len(names) != 2 * len(records):
        return f"{len(records)} records and {len(names) - len(records)} outputs of {graph.count - 1} tasks"
    values = graph.values(edited=edited)
    sample = {0, graph.count - 1, *random.Random(0).choices(range(graph.count), k=SAMPLE)}
    for at in sample:
        target = node(at).target
        record_path = pathlib.Path(target.store.where(target.place.record_name))
        record = json.loads(record_path.read_bytes())
        data = pathlib.Path(target.path).read_bytes()
        if record["parts"][0]["digest"] != blake3(data).hexdigest() or len(data) != record["parts"][0]["size"]:
            return f"the record of task {at} has another digest than its data"
        if target.load() != values[at]:
            return f"task {at} has the value {target.load()}, not {values[at]}"
    return ""

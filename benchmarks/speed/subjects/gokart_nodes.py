"""gokart: its default pickles, one worker, its local scheduler."""

from __future__ import annotations

import logging
import os

import gokart
import luigi

from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter


class Node(gokart.TaskOnKart):
    """A task."""

    at = luigi.IntParameter()

    def requires(self):
        return [Node(at=at) for at in shapes.graph().requirements(self.at)]

    def run(self):
        self.dump(shapes.consumer_value(self.load()) if self.requires() else shapes.leaf_value(self.at))


def measure(folder: str) -> dict[str, object]:
    os.makedirs(folder)
    os.chdir(folder)
    graph = shapes.graph()
    with Meter() as meter:
        value = gokart.build(Node(at=graph.count - 1), log_level=logging.ERROR)
    return meter.result(tasks=graph.count, wrong="" if value == graph.values()[-1] else f"the root is {value}")

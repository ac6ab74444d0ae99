"""Plain Luigi, each output a pickle in a `LocalTarget`; it keeps no record and no digest."""

from __future__ import annotations

import os
import pickle

import luigi

from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter


class Node(luigi.Task):
    """A task."""

    at = luigi.IntParameter()

    def requires(self):
        return [Node(at=at) for at in shapes.graph().requirements(self.at)]

    def output(self):
        return luigi.LocalTarget(f"{os.environ['BENCHMARK_FOLDER']}/{self.at}.pkl", format=luigi.format.Nop)

    def value(self):
        """What is stored."""
        with self.output().open("r") as file:
            return pickle.load(file)

    def run(self):
        required = self.requires()
        value = shapes.consumer_value(task.value() for task in required) if required else shapes.leaf_value(self.at)
        with self.output().open("w") as file:
            file.write(pickle.dumps(value))


def measure(folder: str) -> dict[str, object]:
    os.environ["BENCHMARK_FOLDER"] = folder
    graph = shapes.graph()
    root = Node(at=graph.count - 1)
    with Meter() as meter:
        done = luigi.build([root], local_scheduler=True, workers=1, log_level="ERROR")
    wrong = "" if done and all(Node(at=at).value() == value for at, value in enumerate(graph.values())) else "a value is wrong or missing"
    return meter.result(tasks=graph.count, wrong=wrong)

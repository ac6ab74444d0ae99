"""labtech with its serial backend: its own advice for small tasks, and the least that it takes."""

from __future__ import annotations

import logging

import labtech

from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter


@labtech.task
class Node:
    """A task."""

    at: int
    required: list

    def run(self):
        return shapes.consumer_value(task.result for task in self.required) if self.required else shapes.leaf_value(self.at)


def measure(folder: str) -> dict[str, object]:
    labtech.logger.setLevel(logging.ERROR)
    graph = shapes.graph()
    with Meter() as meter:
        nodes: list[Node] = []
        for at in range(graph.count):
            nodes.append(Node(at=at, required=[nodes[below] for below in graph.requirements(at)]))
        lab = labtech.Lab(storage=folder, runner_backend="serial")
        value = lab.run_tasks([nodes[-1]], disable_progress=True, disable_top=True)[nodes[-1]]
    return meter.result(tasks=graph.count, wrong="" if value == graph.values()[-1] else f"the root is {value}")

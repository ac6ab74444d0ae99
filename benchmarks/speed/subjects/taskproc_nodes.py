"""taskproc with its local executor, which runs tasks in the calling process: the fastest that it has."""

from __future__ import annotations

from taskproc import FutureList, Graph, Task
from taskproc.executors import LocalExecutor

from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter


class Node(Task):
    """A task."""

    def __init__(self, at):
        self.at = at
        self.required = FutureList([Node(below) for below in shapes.graph().requirements(at)])

    def run_task(self):
        required = self.required.get_result()
        return shapes.consumer_value(required) if required else shapes.leaf_value(self.at)


def measure(folder: str) -> dict[str, object]:
    graph = shapes.graph()
    with Graph(folder), Meter() as meter:
        value, _ = Node(graph.count - 1).run_graph(executor=LocalExecutor())
    return meter.result(tasks=graph.count, wrong="" if value == graph.values()[-1] else f"the root is {value}")

"""taskproc: `run_graph` with its default executor (a pool of processes), and the `taskproc` command."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

from taskproc import FutureList, Graph, Task

from benchmarks.fault_subjects import values

DATA = "cache/*.Small/results/0/result.pkl.gz"


class Large(Task):
    def run_task(self):
        return values.large()


class Small(Task):
    def run_task(self):
        return values.small()


class Wait(Task):
    def __init__(self, at):
        self.at = at

    def run_task(self):
        return values.wait(self.at)


class Fails(Task):
    def run_task(self):
        values.fail()


class Dies(Task):
    def run_task(self):
        values.die()


class LookLarge(Task):
    def __init__(self):
        self.large = Large()

    def run_task(self):
        return values.look_at_large(self.large.get_result())


class LookSmall(Task):
    def __init__(self):
        self.small = Small()

    def run_task(self):
        return values.look_at_small(self.small.get_result())


class LookWaits(Task):
    def __init__(self):
        self.waits = FutureList([Wait(at) for at in range(values.WAITS)])

    def run_task(self):
        return values.look_at_waits(self.waits.get_result())


class DiesAmongOthers(Task):
    def __init__(self):
        self.dies = Dies()
        self.waits = FutureList([Wait(at) for at in range(values.OTHERS)])

    def run_task(self):
        return "right"


#: What `taskproc FILE` runs.
class Main(Task):
    def __init__(self):
        self.fails = Fails()

    def run_task(self):
        return "right"


def build(name, workers):
    with Graph("cache"):
        task = globals()[name]()
        return task.run_graph(executor=ProcessPoolExecutor(max_workers=workers) if workers > 1 else None)[0]

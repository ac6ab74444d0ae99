"""luigi-warp: `pipeline.build`, and `python with_warp.py` as an app's own script; pickles, the store where it is by default."""

from __future__ import annotations

import sys

import luigi

import pipeline
from benchmarks.fault_subjects import values

DATA = "TARGETS/**/Small/*.pkl"


class Large(pipeline.Task):
    def easy_run(self, inputs):
        return values.large()


class Small(pipeline.Task):
    def easy_run(self, inputs):
        return values.small()


class Wait(pipeline.Task):
    at = luigi.IntParameter()

    def easy_run(self, inputs):
        return values.wait(self.at)


class Fails(pipeline.Task):
    def easy_run(self, inputs):
        values.fail()


class Dies(pipeline.Task):
    def easy_run(self, inputs):
        values.die()


@pipeline.inherit_list(Large)
class LookLarge(pipeline.Task):
    def easy_run(self, inputs):
        return values.look_at_large(inputs[0])


@pipeline.inherit_list(Small)
class LookSmall(pipeline.Task):
    def easy_run(self, inputs):
        return values.look_at_small(inputs[0])


class LookWaits(pipeline.Task):
    def requires(self):
        return [Wait(at=at) for at in range(values.WAITS)]

    def easy_run(self, inputs):
        return values.look_at_waits(inputs)


class DiesAmongOthers(pipeline.Task):
    def requires(self):
        return [Dies(), *(Wait(at=at) for at in range(values.OTHERS))]

    def easy_run(self, inputs):
        return "right"


def build(name, workers):
    task = globals()[name]()
    run = pipeline.build(task, workers=workers)
    print(run)
    if not run.ok:
        sys.exit(run.exit_code)
    return task.load()


if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Fails()]))

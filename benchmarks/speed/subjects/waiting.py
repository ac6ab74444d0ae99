"""luigi-warp with tasks that take time, as tasks do: how much of it do two workers save?"""

from __future__ import annotations

import logging
import os
import time

import luigi

import pipeline
from benchmarks.speed.meter import Meter


class Wait(pipeline.Task):
    """It waits, rather than computes, so that what is measured is not how busy the machine is with other things."""

    at = luigi.IntParameter()

    def easy_run(self, inputs):
        time.sleep(float(os.environ["BENCHMARK_SECONDS"]))
        return self.at


def measure(folder: str, count: int, seconds: float, workers: int) -> dict[str, object]:
    os.environ |= {"PIPELINE_TARGET_DIR": folder, "BENCHMARK_SECONDS": str(seconds)}
    logging.getLogger("luigi-interface").setLevel(logging.ERROR)
    tasks = [Wait(at=at) for at in range(count)]
    with Meter() as meter:
        run = pipeline.build(tasks, workers=workers)
    right = run.ok and len(run.ran) == count and all(task.load() == task.at for task in tasks)
    return meter.result(tasks=count, ideal=round(count * seconds / workers / meter.wall, 4), wrong="" if right else run.one_line_summary)

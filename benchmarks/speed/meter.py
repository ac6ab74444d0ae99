"""What a piece of work cost this process: CPU seconds with those of its children, wall time, peak memory."""

from __future__ import annotations

import os
import resource
import sys
import time

_UNIT = 1 if sys.platform == "darwin" else 1024


class Meter:
    """A context manager; the numbers are there once it was left."""

    cpu = 0.0
    wall = 0.0
    peak_mb = 0.0

    def __enter__(self) -> Meter:
        self._cpu, self._wall = cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cpu, self.wall, self.peak_mb = cpu_seconds() - self._cpu, time.perf_counter() - self._wall, peak_mb()

    def result(self, **facts: object) -> dict[str, object]:
        """The numbers, for the report."""
        return {"cpu": round(self.cpu, 4), "wall": round(self.wall, 4), "peak_mb": round(self.peak_mb, 1), **facts}


def cpu_seconds() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_mb() -> float:
    """The most memory that this process, or one of its children, has ever had."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * _UNIT / 1e6

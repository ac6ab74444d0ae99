"""CPU and memory of a process, with the processes that it has started, as /proc has them.

Promises: costs a few reads of small files. Where there is no /proc, or the process has gone, there is nothing to say.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_DEEPEST = 4


class Usage:
    """Of one process: CPUs used since the last look, and bytes of memory now."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = self._look()
        self._at = time.monotonic()
        self._known: tuple[float, int] | None = None

    def now(self) -> tuple[float, int] | None:
        """(CPUs, bytes); None if nothing is known."""
        at = time.monotonic()
        if at - self._at < 0.2:
            return self._known
        found = self._look()
        if found is None or self._before is None:
            self._known = None
        else:
            self._known = max(0.0, (found[0] - self._before[0]) / (at - self._at)), found[1]
        self._before, self._at = found, at
        return self._known

    def _look(self) -> tuple[float, int] | None:
        seconds, memory = 0.0, 0
        try:
            for pid in [self._pid, *_started_by(self._pid, _DEEPEST)]:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                seconds += (int(fields[11]) + int(fields[12])) / _TICK
                memory += int(fields[21]) * _PAGE
        except (OSError, ValueError, IndexError):
            if not memory:
                return None
        return seconds, memory


def _started_by(pid: int, deep: int) -> Iterator[int]:
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
            children = [int(word) for word in file.read().split()]
        for child in children:
            yield child
            if deep > 1:
                yield from _started_by(child, deep - 1)

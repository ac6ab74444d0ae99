"""Progress as plain lines, for a pipe, cron and CI: the beginning, each step of a small run, a line now and then of a large one.

Promises: no escape codes; a number of lines that does not grow with the number of tasks; a line within a minute, as long as something runs,
so that nobody takes the run for dead.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from pipeline import units
from pipeline.reporting import console
from pipeline.reporting.tally import Tally
from pipeline.reporting.words import clock, count, is_step, left_in_words, one_line

#: Up to so many steps that are to run, each has a line of its own.
_EACH_UP_TO = 20
#: Seconds from one line to the next.
_PAUSES = (5, 10, 15, 30, 60)
_LONGEST = 200


class Plain:
    """See the module."""

    def __init__(self, tally: Tally, *, verbose: bool) -> None:
        self._tally = tally
        self._each = verbose or tally.planned <= _EACH_UP_TO
        self._written = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._now_and_then, daemon=True, name="luigi-warp progress")
        words = f"{count(tally.planned)} to run, {count(tally.current)} kept"
        left = tally.left()
        if left is not None and left[0] >= 1:
            words += f"; {left_in_words(left)}"
        console.emit(words + (f", {tally.workers} at a time" if tally.workers > 1 else ""))
        self._thread.start()

    def began(self, task: Any) -> None:
        pass

    def ended(self, task: Any, state: str, seconds: float) -> None:
        if self._each and is_step(task) and state in ("ran", "kept"):
            words = f"ran {task!r} in {units.duration(seconds)}" if state == "ran" else f"kept {task!r}: it turned out to be current"
            console.emit(one_line(words, _LONGEST))
            self._written = time.monotonic()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _now_and_then(self) -> None:
        turn = 0
        while True:
            due = self._written + _PAUSES[min(turn, len(_PAUSES) - 1)]
            if self._over.wait(max(due - time.monotonic(), 0.01)):
                return
            if time.monotonic() >= self._written + _PAUSES[min(turn, len(_PAUSES) - 1)]:
                turn += 1
                self._written = time.monotonic()
                console.emit(line(self._tally))


def line(tally: Tally) -> str:
    """How far a run is, in one line."""
    words = [f"{clock(tally.elapsed)}  {count(tally.total('settled'))} of {count(tally.total('total'))}:"]
    words.append(", ".join(f"{count(tally.total(state))} {state}" for state in ("ran", "kept", "failed") if tally.total(state) or state == "ran"))
    left = tally.left()
    if left is not None and left[0] >= 1:
        words.append(f"; {left_in_words(left)} left")
    running = list(tally.running.values())
    if running:
        oldest = min(running, key=lambda one: one.since)
        words.append(f"; running {oldest.task!r} for {units.duration(time.monotonic() - oldest.since)}")
        words.append(f" and {len(running) - 1} more" if len(running) > 1 else "")
    return one_line(words[0] + " " + "".join(words[1:]), _LONGEST)

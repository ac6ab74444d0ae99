"""Progress on a terminal: a line per family, the running steps with their use of the machine, other lines above.

Promises: a thread draws it from the counters, at most a few times a second and never for more than a hundredth of the time; tasks only count.
It fits into the terminal, whatever its size. However the process ends, short of SIGKILL, the display is taken away and the cursor is back.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline import interrupts, units
from pipeline.reporting import console
from pipeline.reporting.tally import Family, Running, Tally
from pipeline.reporting.usage import Usage
from pipeline.reporting.words import clock, count, is_step, left_in_words, one_line

log = logging.getLogger("pipeline")

#: Seconds from one drawing to the next, and what a drawing may cost of them.
_PAUSE, _SHARE = 0.5, 0.005
#: Lines that come within so many seconds are written together.
_GATHER = 0.05


class _Out:
    """What rich writes goes to where the run's lines go."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        console.write(text)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


class LiveDisplay:
    """See the module."""

    def __init__(self, tally: Tally, *, verbose: bool) -> None:
        self._tally = tally
        self._verbose = verbose
        self._lines: list[str] = []
        self._wake = threading.Event()
        self._over = False
        self._drawn = False
        self._lost = False
        width, height = console.size()
        self._console = Console(file=_Out(), force_terminal=True, width=width, height=height, highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._ending = contextlib.ExitStack()
        self._ending.enter_context(interrupts.killed_at_the_end(self._end))
        self._ending.enter_context(console.shown(self))
        self._thread = threading.Thread(target=self._draw_now_and_then, daemon=True, name="luigi-warp progress")
        self._thread.start()

    # What happens

    def began(self, task: Any) -> None:
        pass

    def ended(self, task: Any, state: str, seconds: float) -> None:
        if self._verbose and is_step(task) and state in ("ran", "kept"):
            console.emit(f"{state} {task!r}" + (f" in {units.duration(seconds)}" if state == "ran" else ""))

    def above(self, line: str) -> None:
        if self._lost:
            console.write(line + "\n")
            return
        self._lines.append(line)
        self._wake.set()

    def close(self) -> None:
        self._over = True
        self._wake.set()
        self._thread.join()
        self._ending.close()
        self._end()

    def _end(self) -> None:
        """Also called from the thread that ends the process; then nobody waits for anybody."""
        if console.lock.acquire(timeout=1):
            try:
                self._over = True
                self._flush()
                if self._drawn:
                    self._live.stop()
            finally:
                console.lock.release()
        else:
            console.write("\x1b[?25h")

    # Drawing

    def _draw_now_and_then(self) -> None:
        try:
            self._draw_until_the_end()
        except Exception:
            # Nobody may miss a failure because something could not be drawn.
            with console.lock:
                self._lost = True
                console.write("".join(f"{line}\n" for line in self._lines))
                self._lines = []
            log.warning("the display is lost; lines come without it", exc_info=True)

    def _draw_until_the_end(self) -> None:
        pause = _GATHER
        while not self._over:
            drawn = time.monotonic()
            if self._wake.wait(pause):
                self._wake.clear()
                if not self._over:
                    time.sleep(_GATHER)
            began = time.thread_time()
            with console.lock:
                if self._over:
                    return
                self._flush()
                if time.monotonic() - drawn >= pause:
                    self._draw()
            pause = max(_PAUSE, (time.thread_time() - began) / _SHARE)

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            whole = "\n".join(lines)
            self._console.print(Text.from_ansi(whole) if "\x1b" in whole else Text(whole), soft_wrap=True)

    def _draw(self) -> None:
        self._console.size = console.size()  # type: ignore[assignment]
        self._live.update(self._frame(*console.size()), refresh=self._drawn)
        if not self._drawn:
            self._drawn = True
            self._live.start(refresh=True)

    def _frame(self, width: int, height: int) -> RenderableType:
        families = list(self._tally.families.values())
        running = sorted(self._tally.running.values(), key=lambda one: one.since)
        # One line stays free for the cursor, one for the whole, and one above each table.
        room = max(height - 5, 2)
        shown_running = running[: max(room - len(families), room // 2)]
        shown_families = _chosen(families, max(room - len(shown_running), 1))
        parts: list[RenderableType] = [self._whole(width), self._families(shown_families, len(families), width)]
        if shown_running:
            parts.append(self._running(shown_running, len(running), width))
        return Group(*parts)

    def _whole(self, width: int) -> Text:
        tally = self._tally
        settled, total = tally.total("settled"), tally.total("total")
        words = f" {count(settled)} of {count(total)}  {clock(tally.elapsed)}"
        left = tally.left()
        if left is not None and left[0] >= 1:
            words += f"  {left_in_words(left)} left"
        length = max(min(30, width - len(words) - 3), 0)
        full = length * settled // total if total else length
        colour = "red" if tally.total("failed") else "green"
        text = Text(no_wrap=True, overflow="ellipsis")
        done, open_ = "━─" if console.speaks_unicode() else "#-"
        text.append(done * full, style=colour)
        text.append(open_ * (length - full), style="bright_black")
        return text.append(words)

    def _families(self, shown: list[Family], number: int, width: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column(
            "step" if number == len(shown) else f"step ({len(shown)} of {number} families)",
            no_wrap=True,
            overflow="ellipsis",
            max_width=max(width - 45, 8),
        )
        for name in ("done", "kept", "running", "failed", "of"):
            table.add_column(name, justify="right", no_wrap=True)
        for family in shown:
            failed = Text(_number(family.failed), style="red")
            cells = [_number(family.ran), _number(family.kept), _number(family.running)]
            table.add_row(Text(family.name), *cells, failed, count(family.total), style="dim" if not family.left and not family.failed else "")
        return table

    def _running(self, shown: list[Running], number: int, width: int) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        table.add_column(
            "running" if number == len(shown) else f"running ({len(shown)} of {number})",
            no_wrap=True,
            overflow="ellipsis",
            max_width=max(width - 28, 8),
        )
        for name in ("for", "CPU", "memory"):
            table.add_column(name, justify="right", no_wrap=True)
        now = time.monotonic()
        for one in shown:
            if one.usage is None and one.pid is not None:
                one.usage = Usage(one.pid)
            used = one.usage.now() if one.usage is not None else None
            cells = (f"{used[0] * 100:.0f} %", units.size(used[1])) if used is not None else ("", "")
            table.add_row(Text(one_line(repr(one.task), 200)), clock(now - one.since), *cells)
        return table


def _number(number: int) -> str:
    return count(number) if number else "-"


def _chosen(families: list[Family], most: int) -> list[Family]:
    """Where not all fit: those that something happens to, then those to which it will."""
    if len(families) <= most:
        return families
    order = sorted(families, key=lambda one: (not one.running, not one.failed, not one.left, one.settled == one.kept))
    chosen = set(order[:most])
    return [family for family in families if family in chosen]

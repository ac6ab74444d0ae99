"""Small things in words: durations, sizes, tasks, and text that must fit into a line."""

from __future__ import annotations

import textwrap
from typing import Any

from pipeline.characters import plain
from pipeline.repairing import Repair
from pipeline.runs import is_step as is_step

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def left_in_words(left: tuple[float, bool]) -> str:
    """An estimated duration, no more exact than it is: seconds, and whether that is all."""
    seconds, is_all = left
    words = f"{max(1, round(seconds))} s"
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * length:
            number = round(seconds / length)
            words = f"{number} {unit}{'s' if number != 1 else ''}"
            break
    return f"{'about' if is_all else 'at least'} {words}"


def count(number: int) -> str:
    return f"{number:,}"


def meant(task: Any) -> Any:
    """The step that a repair makes again, else the task itself."""
    return task.owner if isinstance(task, Repair) else task


def one_line(text: str, width: int) -> str:
    """Cut to a width, without line breaks and other control characters."""
    text = plain(" ".join(text.split()) if "\n" in text else text)
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, max(width, 20), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False) or [indent]


def coloured(text: str, colour: str, on: bool) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if on else text

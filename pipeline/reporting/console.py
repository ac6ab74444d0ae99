"""Where a run speaks to a person: lines on standard error, above the display while there is one.

Promises: a line is written whole, whichever thread or process writes it, and never into the display. Escape codes go to terminals alone.
A run never fails because nobody can read what it says: what cannot be written (the reader has gone) is let go.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from pipeline.capture import standard_error


class Display(Protocol):
    """What keeps the last lines of a terminal to itself."""

    def above(self, line: str) -> None:
        """Write a line above it; called under the console's lock."""


# Held while anything is written. A fork waits for it, or a child could inherit it held by a thread that it does not have.
lock = threading.RLock()
_display: Display | None = None
#: A descriptor of what standard error was when a run began.
_held: int | None = None


def _forked() -> None:
    global _display
    _display = None
    lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_forked)


def emit(line: str) -> None:
    """Write a line (or several) for the person who watches."""
    with lock:
        if _display is not None:
            _display.above(line)
        else:
            write(line + "\n")


def write(text: str) -> None:
    """Write to what standard error was when the run began, at once."""
    with contextlib.suppress(OSError, ValueError):
        if _held is not None:
            data = text.encode(_encoding(), "backslashreplace")
            while data:
                data = data[os.write(_held, data) :]
        elif (stream := standard_error()) is not None:
            stream.write(text)
            stream.flush()


def unwritten(error: OSError) -> None:
    """Standard output cannot be written: say so."""
    let_output_go()
    emit(f"cannot write standard output: {error.strerror or error}")


def let_output_go() -> None:
    """Forget what could not be written to standard output: Python would try it again when it ends, and fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError), contextlib.ExitStack() as back:  # none, or no file
        if sys.stdout.fileno() == 1:
            kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
            back.callback(os.close, nowhere)
            back.callback(os.close, kept)
            back.callback(os.dup2, kept, 1)
            os.dup2(nowhere, 1)
            sys.stdout.flush()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Lines go, meanwhile, where standard error leads now, whatever a step does to it."""
    global _held
    before = _held
    if before is None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # none, or no file
            _held = os.dup(standard_error().fileno())
    try:
        yield
    finally:
        if before is None and _held is not None:
            os.close(_held)
            _held = None


@contextlib.contextmanager
def shown(display: Display) -> Iterator[None]:
    """Lines go above this display meanwhile."""
    global _display
    with lock:
        before, _display = _display, display
    try:
        yield
    finally:
        with lock:
            _display = before


def is_taken() -> bool:
    """Whether there is a display already: that of a build, if one of its steps builds something itself."""
    return _display is not None


def is_terminal(stream: Any = None) -> bool:
    """Whether a person sits before it who can be shown something that moves."""
    if os.environ.get("TERM") == "dumb" or os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    try:
        return bool((standard_error() if stream is None else stream).isatty())
    except (AttributeError, ValueError):
        return False


def has_colour(stream: Any = None) -> bool:
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def _encoding() -> str:
    return getattr(sys.__stderr__, "encoding", None) or "utf-8"


def speaks_unicode() -> bool:
    return _encoding().lower().startswith("utf")


def width() -> int:
    """Columns of the terminal; 80 where nobody knows."""
    return size()[0]


def size() -> tuple[int, int]:
    """Columns and lines."""
    try:
        found = os.get_terminal_size(_held if _held is not None else standard_error().fileno())
    except (OSError, ValueError, AttributeError):
        return 80, 24
    return found.columns or 80, found.lines or 24

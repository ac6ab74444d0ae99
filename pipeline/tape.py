"""A file without a name that takes what is printed, and gives it to whoever holds it: in words once it is whole, in lines meanwhile.

Promises: the last of it is kept, however much it is; it is there after the writer was killed. `OSError` where somebody has closed it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: So many bytes of what a step prints are kept, the last ones.
KEPT = 1 << 20
#: What was shown already stands between these, and is not shown again.
_QUIET, _LOUD = b"\0\x1e", b"\0\x1f"
_QUIET_TEXT = re.compile(_QUIET + b".*?" + _LOUD, re.DOTALL)
_LONGEST_LINE = 1 << 16
_FREE_FROM = 4 << 20


class Tape:
    """A file without a name that takes what is printed."""

    def __init__(self, give: Callable[[Tape, Any, list[bytes]], None]) -> None:
        #: Called with each portion of lines that is to be shown.
        self._give = give
        self.descriptor = _nameless_file()
        self._is = _same(os.fstat(self.descriptor))
        self._lock = threading.Lock()
        self._shown = self._freed = 0
        #: The beginning of a line whose end is not there yet, and whether it was there at the last look.
        self._rest = b""
        self._waited = False

    def size(self) -> int:
        """How much is on it; `OSError` where a step has closed it (the descriptor may be another file by now)."""
        found = os.fstat(self.descriptor)
        if _same(found) != self._is:
            raise OSError(errno.EBADF, "it was closed")
        return found.st_size

    def text(self, start: int, end: int) -> tuple[bytes, int]:
        """What was printed from `start` to `end`, the last of it, and how many bytes are left out before that."""
        first = max(start, end - KEPT)
        data = self._read(first, end)
        if first > start:
            # A line that is not whole could show the half of a secret.
            whole = data.find(b"\n", 0, _LONGEST_LINE) + 1
            first, data = first + whole, data[whole:]
        return data.replace(_QUIET, b"").replace(_LOUD, b""), first - start

    def note(self, text: str) -> None:
        """Take what was shown already."""
        with suppress(OSError):
            self.size()
            os.write(self.descriptor, _QUIET + text.encode("utf-8", "replace") + _LOUD)

    def show(self, task: Any, *, to_the_end: bool = False) -> None:
        """Show what was printed since the last time: whole lines, and what nobody has continued."""
        with self._lock, suppress(OSError):
            end = self.size()
            grown = end != self._shown
            while self._shown < end:
                data = self._read(self._shown, min(end, self._shown + (1 << 18)))
                if not data:
                    break
                self._shown += len(data)
                self._take(task, data)
            if self._rest and (to_the_end or len(self._rest) > _LONGEST_LINE or (self._waited and not grown)):
                rest, self._rest = self._rest, b""
                self._give(self, task, rest.split(b"\n"))
            self._waited = bool(self._rest)
            self._free(end)

    def clear(self) -> None:
        """Nobody needs what is on it any more."""
        with self._lock:
            if self.size():
                os.ftruncate(self.descriptor, 0)
            self._shown = self._freed = 0
            self._rest = b""

    def close(self) -> None:
        with suppress(OSError):
            self.size()
            os.close(self.descriptor)

    def _take(self, task: Any, data: bytes) -> None:
        data = _QUIET_TEXT.sub(b"", self._rest + data)
        unfinished = data.find(_QUIET)
        whole = data.rfind(b"\n", 0, unfinished if unfinished >= 0 else len(data)) + 1
        self._rest = data[whole:]
        if whole:
            self._give(self, task, data[: whole - 1].split(b"\n"))

    def _read(self, start: int, end: int) -> bytes:
        pieces = []
        while start < end and (piece := os.pread(self.descriptor, end - start, start)):
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def _free(self, end: int) -> None:
        """Give back the memory of what is not kept."""
        until = min(end - 2 * KEPT, self._shown) & ~0xFFFF
        if until - self._freed >= _FREE_FROM:
            _punch(self.descriptor, self._freed, until - self._freed)
            self._freed = until


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("luigi-warp")
    else:
        descriptor, name = tempfile.mkstemp(prefix="luigi-warp-")
        os.unlink(name)
    # Several descriptions of it write at the end, also after it was cleared.
    if fcntl is not None:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_APPEND)
    return descriptor


def _same(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _punch(descriptor: int, start: int, length: int) -> None:
    # Not on every system: there, a step that prints without end fills the disk, as its own log file would.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).fallocate64(descriptor, 3, ctypes.c_int64(start), ctypes.c_int64(length))

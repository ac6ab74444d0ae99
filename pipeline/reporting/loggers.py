"""What loggers, and prints, say while a run is shown.

Promises: on a terminal their lines stand above the display, not in it. Luigi's own report of a failed step is not shown beside ours; files
of log lines get everything as before. Afterwards all is as it was.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

from pipeline.reporting import console

_LUIGIS_FAILURE = "[pid %s] Worker %s failed"


@contextlib.contextmanager
def kept_apart(*, live: bool, quiet: bool) -> Iterator[None]:
    """While a run is shown. `live`: there is a display that must not be torn. `quiet`: what is no warning is not shown."""
    streams = {stream for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__) if stream is not None}
    with contextlib.ExitStack() as back:
        for handler in _handlers():
            stream = getattr(handler, "stream", None)
            if not isinstance(handler, logging.StreamHandler) or stream not in streams:
                continue
            shown = _Shown(logging.WARNING if quiet else logging.NOTSET)
            handler.addFilter(shown)
            back.callback(handler.removeFilter, shown)
            if live and console.is_terminal(stream):
                back.callback(handler.setStream, handler.setStream(Lines(stream)))
        if live:
            for name in ("stdout", "stderr"):
                stream = getattr(sys, name)
                if console.is_terminal(stream):
                    replaced = Lines(stream)
                    setattr(sys, name, replaced)
                    back.callback(_put_back, name, stream, replaced)
        yield


def _put_back(name: str, stream: Any, replaced: Lines) -> None:
    replaced.flush_rest()
    if getattr(sys, name) is replaced:
        setattr(sys, name, stream)


class _Shown(logging.Filter):
    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        # The summary says what the end of a run (which has its id) says, in more words.
        return record.levelno >= self._level and not str(record.msg).startswith(_LUIGIS_FAILURE) and not hasattr(record, "run")


def _handlers() -> list[logging.Handler]:
    found = dict.fromkeys(logging.getLogger().handlers)
    for logger in list(logging.Logger.manager.loggerDict.values()):
        found.update(dict.fromkeys(getattr(logger, "handlers", ())))
    return list(found)


class Lines:
    """In the place of a terminal's stream: whole lines go above the display. For the rest it is that stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._rest = ""
        self._process = os.getpid()

    def write(self, text: str) -> int:
        with console.lock:
            if self._process != os.getpid():
                # What the parent has not ended is the parent's.
                self._rest, self._process = "", os.getpid()
            whole, newline, self._rest = (self._rest + text).rpartition("\n")
            if newline:
                console.emit(whole)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        pass

    def flush_rest(self) -> None:
        """What was not ended by a newline."""
        with console.lock:
            rest, self._rest = self._rest, ""
            if rest:
                console.emit(rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

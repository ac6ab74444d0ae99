"""What a step prints, caught where it leaves the process: at the file descriptors 1 and 2, which its child processes and libraries share.

Promises: printing never waits for a reader, since what is printed goes into a file without a name; whoever holds the file reads it, also after
the writer was killed. A stream that somebody has put in the place of `sys.stdout` or `sys.stderr` still gets every word, at once. Two steps that
run at a time in two threads of one process are caught together. Where nothing can be caught (no descriptor is left, or a step has closed
ours) the step runs as ever, and what it prints goes wherever it goes.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from pipeline.tape import Tape
from targets import processes

#: Without those that the program was started without: their numbers may be any file by now.
_OUTPUTS = tuple((name, number) for name, number in (("stdout", 1), ("stderr", 2)) if getattr(sys, f"__{name}__") is not None)
_PERIOD = 0.1
#: Nobody looks any longer after so many periods without a step.
_PATIENCE = 20


def show_nothing(task: Any, lines: list[bytes], inner: bool) -> None:
    """What is called with the lines that a step has just printed; `inner`: a step of this process is waiting for that step."""


#: Shows lines of a step to a person; `pipeline.steplogs` puts something better here.
show: Callable[[Any, list[bytes], bool], None] = show_nothing


def give(tape: Tape, task: Any, lines: list[bytes]) -> None:
    """What a tape does with lines that are to be shown."""
    # What belongs to a build within a step is the step's, too.
    show(task, lines, tape is not _catcher.tape and bool(_catcher.sections))


class Section:
    """What one step prints, from `begin` to `end`."""

    __slots__ = ("_process", "_start", "cut", "data", "task")

    def __init__(self, task: Any, start: int) -> None:
        self.task = task
        self.data = b""
        #: How many bytes of it are left out, at its beginning.
        self.cut = 0
        self._start = start
        self._process = processes.current

    def end(self) -> bool:
        """The step is done: `data` and `cut` hold what it has printed. False in a process that the step has forked."""
        if self._process != processes.current:
            return False
        with _lock:
            _catcher.end(self, self._start)
        return True


class _Tee:
    """In the place of a stream that somebody has put in the place of `sys.stdout`: both get every word."""

    def __init__(self, name: str, stream: Any, tape: Tape) -> None:
        self.name = name
        self.stream = stream
        self.tape: Tape | None = tape

    def write(self, text: str) -> Any:
        written = self.stream.write(text)
        if self.tape is not None and isinstance(text, str):
            self.tape.note(text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class _Catcher:
    """Leads the descriptors of this process to a tape while a step runs; in a child of ours they always lead there."""

    def __init__(self) -> None:
        self.sections: list[Section] = []
        self.tape: Tape | None = None
        self._always = False
        #: What is to be undone: the number, where it led, and the stream that was not line buffered.
        self._before: list[tuple[int, int | None, Any]] = []
        self._tees: list[_Tee] = []
        self._kept: dict[int, int] = {}
        self._notes: logging.Handler | None = None
        self._watch: threading.Thread | None = None

    def always(self, tape: Tape) -> None:
        """In a child process: what its parent has made for it."""
        self.tape, self._always = tape, True
        for name, number in _OUTPUTS:
            stream = getattr(sys, name)
            os.dup2(tape.descriptor, number)
            if _leads_to(stream, number):
                stream.reconfigure(line_buffering=True)
            else:
                # Nobody in this process reads what its parent reads there: the parent shows it.
                raw = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
                setattr(sys, name, io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True))

    def begin(self, task: Any) -> Section | None:
        try:
            if self.tape is None:
                if self._always:
                    return None
                self.tape = Tape(give)
            if self.sections and not self._always:
                self.tape.show(self.sections[-1].task, to_the_end=True)
            if self._always:
                flush()
            elif not self._before:
                self._lead_away(self.tape)
            section = Section(task, self.tape.size())
        except OSError:  # no descriptor is left, or a step has closed ours
            if self._before:
                self._lead_back()
            return None
        except BaseException:  # a signal
            self._lead_back()
            raise
        if not self.sections and logging.root.handlers:
            # Where there are none, logging writes to standard error itself, and an app may still say which it wants.
            self._notes = _Notes(self.tape)
            logging.root.addHandler(self._notes)
        self.sections.append(section)
        if not self._always and self._watch is None:
            self._watch = threading.Thread(target=self._look, daemon=True, name="luigi-warp step output")
            self._watch.start()
        return section

    def end(self, section: Section, start: int) -> None:
        if section not in self.sections:
            return
        tape = self.tape
        assert tape is not None
        last = len(self.sections) == 1
        end, is_lost = start, False
        try:
            flush()
            end = tape.size()
        except OSError:  # a step has closed it
            is_lost = True
        finally:
            if last:
                if self._notes is not None:
                    logging.root.removeHandler(self._notes)
                    self._notes = None
                self._lead_back(lost=is_lost)
        if is_lost:
            self.tape = None
        elif end > start:
            section.data, section.cut = tape.text(start, end)
            if not self._always:
                tape.show(section.task, to_the_end=True)
                if last:
                    tape.clear()
        self.sections.remove(section)

    def unwind(self, depth: int) -> None:
        """An exception may come between any two instructions: whatever was not ended is."""
        while len(self.sections) > depth:
            self.sections[-1].end()
        if not self.sections and self._before:
            self._lead_back()

    def _lead_away(self, tape: Tape) -> None:
        for name, number in _OUTPUTS:
            stream = getattr(sys, name)
            unbuffered = None
            if _leads_to(stream, number):
                if not stream.line_buffering:
                    unbuffered = stream
                # Also writes what was printed before.
                stream.reconfigure(line_buffering=True)
            elif stream is not None:
                tee = _Tee(name, stream, tape)
                self._tees.append(tee)
                setattr(sys, name, tee)
            self._before.append((number, self._keep(number), unbuffered))
            os.dup2(tape.descriptor, number)

    def _keep(self, number: int) -> int | None:
        """Another descriptor of where this one leads; None where it is closed."""
        try:
            if number in self._kept:
                # Never closed, so that a thread that is writing there can never write into another file.
                return os.dup2(number, self._kept[number], inheritable=False)
            self._kept[number] = os.dup(number)
            return self._kept[number]
        except OSError:
            return None

    def _lead_back(self, *, lost: bool = False) -> None:
        """`lost`: a step has closed our descriptors; their numbers may be other files by now."""
        if lost:
            self._kept = {}
        for tee in self._tees:
            tee.tape = None
            if getattr(sys, tee.name) is tee:
                setattr(sys, tee.name, tee.stream)
        self._tees.clear()
        for number, before, unbuffered in self._before:
            if lost:
                continue
            if before is None:
                os.close(number)
            else:
                os.dup2(before, number)
            if unbuffered is not None:
                try:
                    unbuffered.reconfigure(line_buffering=False)
                except ValueError:  # a step has closed it
                    continue
        self._before.clear()

    def standard_error(self) -> Any:
        """See the function of this name."""
        stream = sys.stderr
        if isinstance(stream, _Tee):
            return stream.stream
        before = next((before for number, before, _ in list(self._before) if number == 2), None)
        return stream if before is None or not _leads_to(stream, 2) else _Unbuffered(before, stream)

    def _look(self) -> None:
        """Show what long steps print; ends when there was none for a while."""
        idle = 0
        while True:
            _pause.wait(_PERIOD)
            sections, tape = self.sections, self.tape
            try:
                task = sections[-1].task
            except IndexError:
                idle += 1
                if idle > _PATIENCE and _lock.acquire(blocking=False):
                    try:
                        if not sections:
                            self._watch = None
                            return
                    finally:
                        _lock.release()
                continue
            idle = 0
            if tape is not None:
                tape.show(task)


class _Unbuffered(io.TextIOBase):
    """Standard error as it was before a step."""

    def __init__(self, descriptor: int, stream: Any) -> None:
        self._descriptor = descriptor
        self._encoding = stream.encoding or "utf-8"

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        data = text.encode(self._encoding, "backslashreplace")
        while data:
            data = data[os.write(self._descriptor, data) :]
        return len(text)


class _Notes(logging.Handler):
    """Takes the log records that no handler prints to where they would be caught."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self._plain = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def emit(self, record: logging.LogRecord) -> None:
        formatter = self._plain
        chosen = False
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            for handler in logger.handlers:
                if handler is self or record.levelno < handler.level:
                    continue
                if _is_caught(handler):
                    return
                if not chosen and handler.formatter is not None:
                    formatter, chosen = handler.formatter, True
            logger = logger.parent if logger.propagate else None
        try:
            self.tape.note(formatter.format(record) + "\n")
        except Exception:
            self.handleError(record)


def _is_caught(handler: Any) -> bool:
    stream = getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)
    if isinstance(stream, _Tee):
        return stream.tape is not None
    try:
        return stream is not None and stream.fileno() in (1, 2)
    except (OSError, ValueError, AttributeError):
        return False


def _leads_to(stream: Any, number: int) -> bool:
    """Whether a stream is Python's own, on this descriptor."""
    if not isinstance(stream, io.TextIOWrapper):
        return False
    try:
        return stream.fileno() == number
    except (OSError, ValueError):
        return False


def flush() -> None:
    """What was printed leaves this process."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # closed, nobody reads it, or whatever a step has put there
            continue


_lock = threading.RLock()
_pause = threading.Event()
_catcher = _Catcher()


def _forked() -> None:
    # The descriptors of a process that a step forks go on leading to the tape of its parent.
    global _lock, _pause, _catcher
    notes = _catcher._notes
    if notes is not None:
        logging.root.handlers = [handler for handler in logging.root.handlers if handler is not notes]
    _lock, _pause, _catcher = threading.RLock(), threading.Event(), _Catcher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def begin(task: Any) -> Section | None:
    """From now on what is printed is this task's; None where it cannot be caught."""
    with _lock:
        return _catcher.begin(task)


def always(tape: Tape) -> None:
    """This process is a child of ours: everything that it prints goes to the tape that its parent has made for it."""
    _catcher.always(tape)


def depth() -> int:
    """How many steps of this process are being caught, one within the other."""
    return len(_catcher.sections)


def unwind(depth: int) -> None:
    """End whatever began since there were so many."""
    if len(_catcher.sections) > depth or (_catcher._before and not _catcher.sections):
        with _lock:
            _catcher.unwind(depth)


def current_task() -> Any:
    """The task whose output is being caught in this process, the innermost one; None where there is none."""
    sections = _catcher.sections
    return sections[-1].task if sections else None


def standard_error() -> Any:
    """The stream that standard error is, or was before a step began: whoever speaks to a person writes there."""
    return _catcher.standard_error()


def show_the_rest() -> None:
    """The process is about to end without leaving its steps."""
    tape, task = _catcher.tape, current_task()
    if tape is not None and task is not None and not _catcher._always:
        tape.show(task, to_the_end=True)

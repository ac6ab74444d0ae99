"""How a process ended, in words for whoever has to find out why: the signal, how much memory it had used, whether memory was short."""

from __future__ import annotations

import multiprocessing.context
import multiprocessing.popen_fork
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline import units

_HINT = "fewer workers, a smaller input or a machine with more memory would help"
_CGROUP = Path("/sys/fs/cgroup")


class _Popen(multiprocessing.popen_fork.Popen):
    """Asks the kernel what the process has used, which it tells only once, when the process is gone."""

    #: Most memory that it, or a process that it had waited for, ever held, in bytes.
    peak = 0

    def poll(self, flag: int = os.WNOHANG) -> int | None:
        if self.returncode is None:
            try:
                pid, status, used = os.wait4(self.pid, flag)
            except OSError:
                return None  # somebody else has waited for it
            if pid == self.pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self.peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.returncode  # type: ignore[no-any-return]


class ForkedProcess(multiprocessing.context.ForkProcess):
    """A forked process of which more is known when it has ended."""

    @staticmethod
    def _Popen(process: Any) -> _Popen:  # noqa: N802
        return _Popen(process)

    @property
    def peak(self) -> int:
        """The most memory that it has used, in bytes, once it has ended; 0 where nobody knows."""
        return getattr(getattr(self, "_popen", None), "peak", 0)


def in_words(code: int | None, peak: int, killed_before: int) -> str:
    """The end of a process in words, which begin like Luigi's. `killed_before`: what `kills_for_memory` said when it began."""
    if code is None:
        words = "for this run: it has closed the pipe that its result was to come by, and was stopped"
    elif code >= 0:
        words = f"with exit code {code} before it was done"
    else:
        words = f"with exit code {code} ({_name(-code)})"
    used = f"it had used at most {units.size(peak)} of memory" if peak else ""
    if code == -signal.SIGKILL:
        sure = kills_for_memory() > killed_before
        words += ": the system ran out of memory and has killed processes" if sure else ": perhaps the system ran out of memory"
        used = f"{used}; {_HINT}" if used else _HINT
    return f"{words} ({used})" if used else words


def explain(error: BaseException | None) -> None:
    """Add to a MemoryError of this process how much memory there was."""
    if not isinstance(error, MemoryError) or getattr(error, "__notes__", None):
        return
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    limited = f", and may have at most {units.size(limit)} (RLIMIT_AS)" if limit != resource.RLIM_INFINITY else ""
    error.add_note(f"out of memory: its process has used at most {units.size(peak)}{limited}; {_HINT}")


def kills_for_memory() -> int:
    """How many processes of this container, or of this machine, the kernel has killed for want of memory."""
    with suppress(OSError, ValueError):
        counted = [int(line.split()[1]) for path in _counters() for line in path.read_text().splitlines() if line.startswith("oom_kill ")]
        return max(counted, default=0)
    return 0


def _counters() -> Iterator[Path]:
    with suppress(OSError):
        mine = next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")), "/")
        for path in (_CGROUP / mine.lstrip("/") / "memory.events", Path("/proc/vmstat")):
            if path.exists():
                yield path


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""A folder of this machine for copies of what lies far away, and for what is on its way there.

Promises: one for a process and for all that it forks, and removed as that process ends, so that nothing is left of a child that was killed.
Where that process is killed itself, the next one removes it that needs such a folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from multiprocessing.util import Finalize

from targets import processes
from targets.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = "luigi-warp-"
#: Is locked as long as the process lives, and those that it has forked.
_ALIVE = "alive"
#: The process that has made it, and where it is.
_made: tuple[int, str] | None = None


def folder() -> str:
    """Where it is. `StoreError` where nothing can be written."""
    global _made
    if _made is None or not os.path.isdir(_made[1]):  # somebody has tidied up
        try:
            _remove_of_dead()
            _made = processes.current, tempfile.mkdtemp(prefix=f"{_PREFIX}{processes.current}-")
        except OSError as error:
            raise no_room(error) from error
        _lock(os.path.join(_made[1], _ALIVE), os.O_CREAT)
        # Unlike `atexit` it is heeded by processes of multiprocessing, too.
        Finalize(None, _remove, _made, exitpriority=-100)
    return _made[1]


def part() -> tempfile.TemporaryDirectory[str]:
    """A folder in it, which is removed when nobody needs it any more. `StoreError` where nothing can be written."""
    try:
        return tempfile.TemporaryDirectory(dir=folder())
    except OSError as error:
        raise no_room(error) from error


def no_room(error: OSError) -> StoreError:
    """Words for an error of the system's temporary folder."""
    return StoreError(f"there is no room for temporary files, which a store behind a URL needs: {error}. Set TMPDIR to a folder that can be written")


def remove() -> None:
    """This process is about to end."""
    if _made is not None:
        _remove(*_made)


def _remove(owner: int, path: str) -> None:
    if owner == processes.current:
        shutil.rmtree(path, ignore_errors=True)


def _remove_of_dead() -> None:
    """Remove folders of processes that were killed."""
    if fcntl is None:
        return  # nobody could tell whose process lives; and there a signal 0 is ctrl-C
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as found:
        for entry in found:
            if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
                continue
            # A step may have closed the file of one that lives; and in a container each process may have the number of one that was killed.
            number = entry.name.removeprefix(_PREFIX).partition("-")[0]
            if number.isdecimal() and not _is_another(int(number)) and (held := _lock(os.path.join(entry.path, _ALIVE), 0)) is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(held)


def _is_another(process: int) -> bool:
    """Whether there is such a process, and it is not this one."""
    if process == processes.current:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's; no number that a process could have
        return True
    return True


def _lock(path: str, flags: int) -> int | None:
    """The descriptor that holds the lock; None where somebody else has it, or nobody may."""
    if fcntl is None:
        return None
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            os.close(descriptor)
    return None

"""One writer at a time for a key, on a local disk.

Every key is one byte of one lock file, locked with the kernel's record locks: they die with their holder, forked children give them
up at once, and no file is left for each key. Threads of one process are kept apart here. Where the file system refuses locks,
`StoreError` says so. On Linux the locks belong to the open file (`F_OFD_SETLK`); elsewhere they belong to the process, which loses all of them
when anything in it opens and closes the lock file, as a step that copies its own store would.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from targets import processes
from targets.errors import StoreError
from targets.permissions import create, make_private

try:
    import fcntl
except ImportError:  # Windows: threads of one process are kept apart, processes are not (see docs).
    fcntl = None  # type: ignore[assignment]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.25
#: What locks for an open file, and its argument (`struct flock`) as 64-bit Linux lays it out.
_OF_A_FILE = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform == "linux" and struct.calcsize("P") == 8 else None
_FLOCK = struct.Struct("@hhqqi4x")


class Hold:
    """A lock that is held from `with` to its end. A thread that holds it already, further up, would wait for itself: it goes on."""

    __slots__ = ("_locks", "_place", "_taken", "_waiting")

    def __init__(self, locks: KeyLocks, place: int, waiting: Callable[[], None] | None) -> None:
        self._locks = locks
        self._place = place
        self._waiting = waiting
        self._taken = False

    def __enter__(self) -> None:
        self._taken = self._locks.take(self._place, self._waiting)

    def __exit__(self, *exception: object) -> None:
        if self._taken:
            self._locks.give_back(self._place)


class KeyLocks:
    """The locks of one store, by one descriptor for each process."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._of_a_file = _OF_A_FILE
        self._descriptor: int | None = None
        self._owner = 0
        #: Which thread of this process holds a place.
        self._held: dict[int, int] = {}
        #: How many threads wait for one.
        self._waiting = 0
        self._changed = threading.Condition()
        _all.add(self)

    def hold(self, key: str, waiting: Callable[[], None] | None = None) -> Hold:
        return Hold(self, int(key[:15], 16), waiting)

    @contextmanager
    def try_hold(self, key: str) -> Iterator[bool]:
        """Like `hold`, but yields False at once where somebody else has the lock."""
        place = int(key[:15], 16)
        self._forget_after_fork()
        with self._changed:
            free = place not in self._held
            if free:
                self._held[place] = threading.get_ident()
        try:
            locked = free and self._kernel_lock(place)
        except BaseException:
            self._drop(place)
            raise
        if free and not locked:
            self._drop(place)
            free = False
        try:
            yield free
        finally:
            if free:
                self.give_back(place)

    def is_held(self, key: str) -> bool:
        """Whether anybody holds it. A look makes no file: where there is none, nobody has held anything yet."""
        if not os.path.exists(self._path):
            return False
        try:
            with self.try_hold(key) as free:
                return not free
        except StoreError:
            if fcntl is None or self._descriptor is not None:
                raise
        return self._is_held_by_others(int(key[:15], 16))

    def _is_held_by_others(self, place: int) -> bool:
        """The same for who may not write there. Such a process holds nothing, which closing the file could drop."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            try:
                fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, place)
                return False
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN) and os.access(self._path, os.R_OK):
                return True
            raise StoreError(f"cannot look at the locks in {self._path}: {error}") from error

    def take(self, place: int, waiting: Callable[[], None] | None) -> bool:
        """Wait for a lock; False where this thread has it."""
        self._forget_after_fork()
        me = threading.get_ident()
        if self._held.get(place) == me:
            return False
        told = False
        # In one step, as dicts do it: of several threads one finds its own name.
        if self._held.setdefault(place, me) != me:
            with self._changed:
                self._waiting += 1
                try:
                    while self._held.setdefault(place, me) != me:
                        if waiting and not told:
                            waiting()
                            told = True
                        self._changed.wait()
                finally:
                    self._waiting -= 1
        pause = _FIRST_PAUSE
        try:
            # Polling, because a blocking wait cannot be told from a deadlock by the kernel when threads are involved.
            while not self._kernel_lock(place):
                if waiting and not told:
                    waiting()
                    told = True
                time.sleep(pause)
                pause = min(pause * 1.5, _LONGEST_PAUSE)
        except BaseException:
            self._drop(place)
            raise
        return True

    def give_back(self, place: int) -> None:
        try:
            if fcntl is not None and self._descriptor is not None and self._owner == processes.current:
                self._ask_kernel(self._descriptor, fcntl.F_UNLCK, place)
        except OSError as error:
            raise StoreError(f"cannot unlock in {self._path}: {error}; other processes wait until this one has ended") from error
        finally:
            self._drop(place)

    def _drop(self, place: int) -> None:
        self._held.pop(place, None)
        # Who begins to wait after this look finds the place free.
        if self._waiting:
            with self._changed:
                self._changed.notify_all()

    def _kernel_lock(self, place: int) -> bool:
        if fcntl is None:
            return True
        try:
            descriptor = self._descriptor
            self._ask_kernel(self._open() if descriptor is None else descriptor, fcntl.F_WRLCK, place)
            return True
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise StoreError(f"cannot lock in {self._path}: {error}; a store needs a file system with locks") from error

    def _ask_kernel(self, descriptor: int, kind: int, place: int) -> None:
        if self._of_a_file is not None:
            try:
                fcntl.fcntl(descriptor, self._of_a_file, _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))
                return
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                self._of_a_file = None  # a file system that knows only the other kind
        fcntl.lockf(descriptor, fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)

    def _open(self) -> int:
        with self._changed:
            if self._descriptor is None:
                try:
                    make_private(os.path.dirname(self._path))
                    self._descriptor = create(self._path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
                except OSError as error:
                    raise StoreError(f"the store {os.path.dirname(self._path)} cannot be written: {error}") from error
                self._owner = processes.current
            return self._descriptor

    def _forget_after_fork(self) -> None:
        # A forked child owns none of its parent's locks, and a condition may have been forked while held.
        if self._owner not in (0, processes.current):
            self._changed = threading.Condition()
            self._held = {}
            self._waiting = 0
            self._owner = processes.current

    def let_go(self) -> None:
        """This is a forked child: its parent's locks must not live on in it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # a step has closed it
                os.close(descriptor)


_all: weakref.WeakSet[KeyLocks] = weakref.WeakSet()


@contextmanager
def given_back() -> Iterator[None]:
    """What this thread takes meanwhile is free after the block, also where an exception came between two instructions of `take`."""
    before = _held_here()
    try:
        yield
    finally:
        for locks, place in _held_here() - before:
            locks.give_back(place)


def _held_here() -> set[tuple[KeyLocks, int]]:
    me = threading.get_ident()
    return {(locks, place) for locks in list(_all) for place, owner in list(locks._held.items()) if owner == me}


def _forked() -> None:
    for locks in list(_all):
        locks.let_go()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

"""What a run has committed may be lost when the power fails, until it is flushed at the end of the run. The next run finds that out.

A run leaves a mark in a store before it commits there for the first time, on the disk, and takes it away when all is on the disk. A mark that
is older than the last start of the machine, or that says that the disk refused, is that of a run that did not come so far: every output of that
run is verified as it is on the disk, and what is not what was written is set aside, so that it is made again. A run that is at work, perhaps
on another machine, holds a lock by which others know it. Where every commit goes to the disk at once (`durability = "task"`, object stores),
there is nothing to do. `StoreError` if the disk refuses: then the mark stays.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from targets import flushing, seal
from targets.errors import DamagedError, StoreError, TargetError
from targets.inventory import outputs
from targets.store import Store

log = logging.getLogger("pipeline")

FOLDER = ".luigi-warp/unflushed"
_REFUSED = b"the disk refused"


class Marks:
    """The marks of one run, in all stores that it writes to."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._marked: dict[str, Store] = {}
        self._locks = contextlib.ExitStack()

    def mark(self, store: Store) -> None:
        """This run is about to commit something in this store."""
        if store.url in self._marked or not store.is_volatile:
            return
        name = f"{FOLDER}/{self._run}"
        while store.size(name) is None:  # another process of this run may have left it
            # The lock first: a mark that nobody holds is one of the past, for a run that ends meanwhile.
            with contextlib.ExitStack() as held:
                try:
                    held.enter_context(store.lock(_lock_of(self._run), _is_held))
                except _Held:
                    time.sleep(0.001)  # whoever has it writes the mark now, and keeps the lock
                    continue
                store.write(name, _this_start().encode(), durable=True)
                self._locks.enter_context(held.pop_all())
        self._marked[store.url] = store

    def take_away(self, others: Iterable[Store] = ()) -> None:
        """All that was committed is on the disk when this returns. `others`: where processes of this run may have committed."""
        stores = {**{store.url: store for store in others if store.is_volatile}, **self._marked}
        name = f"{FOLDER}/{self._run}"
        with self._locks:
            for store in stores.values():
                if store.size(name) is not None:
                    _flush(store, name)
        self._marked.clear()

    def let_go(self) -> None:
        """The run is over, be it that it was broken off: its marks that are left are those of nobody who is at work."""
        self._locks.close()


class _Held(Exception):
    """Another process of this run is at it."""


def _is_held() -> None:
    raise _Held


def _flush(store: Store, mark: str) -> None:
    try:
        store.flush()
    except StoreError:
        # The system tells it once: the next flush would succeed without what this one has lost.
        store.write(mark, _REFUSED)
        raise
    try:
        store.delete(mark)
        forget_flushed(store)
    except StoreError as error:
        # Nothing is lost: at worst a later run looks at outputs that are in order.
        log.warning("a mark of this run stays: %s", error)


def recover(store: Store) -> int:
    """Verify what runs have committed that were not flushed for sure; returns how many outputs were set aside."""
    lost = set(cut_off(store))
    if not lost:
        return 0
    log.warning("%s: the machine went down, or the disk refused, during %d run(s); what they have written is verified", store.url, len(lost))
    set_aside = 0
    for target in outputs(store):
        try:
            found = target.find_record()
            if found is None or found[0].run not in lost or found[0].trimmed:
                continue
            for name in (*(part.file for part in found[0].parts if part.file), target.directory_name):
                flushing.forget_cached(store.path(name))
            target.verify_bytes(found[0])
        except DamagedError as error:
            log.warning("%s", error)
            set_aside += target.quarantine()
        except (TargetError, FileNotFoundError) as error:
            # Such an output is missing or damaged at first sight, for whoever asks for it.
            log.debug("%s: %s", target.place.stem, error)
    store.delete(*(f"{FOLDER}/{run}" for run in lost))
    return set_aside


def forget_flushed(store: Store) -> None:
    """After a flush: marks of runs that were killed since the machine was started speak of nothing any more but of what those have left."""
    killed = [run for run in _runs(store) if _start_of(store, run) == _this_start() and not store.is_locked(_lock_of(run))]
    if not killed:
        return
    for folder in store.folders():
        store.sweep(folder)
    store.delete(*(f"{FOLDER}/{run}" for run in killed))


def cut_off(store: Store) -> list[str]:
    """Runs that were at work in this store when the machine went down, or that the disk refused."""
    this = _this_start()
    return [run for run in _runs(store) if (not this or _start_of(store, run) != this) and not store.is_locked(_lock_of(run))]


def _runs(store: Store) -> list[str]:
    return [name for name in store.list(FOLDER) if not name.startswith(".")] if store.is_volatile else []


def _start_of(store: Store, run: str) -> str:
    try:
        return store.read(f"{FOLDER}/{run}", 64).decode(errors="replace")
    except FileNotFoundError:  # that run has just ended
        return _this_start()
    except (OSError, StoreError):  # whatever lies there, nobody can say that what that run wrote is on the disk
        return ""


@functools.cache
def _this_start() -> str:
    """Tells each start of a machine from all others; empty where the system does not say it, which makes nobody trust anything."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _lock_of(run: str) -> str:
    return seal.short_digest(f"run {run}".encode())

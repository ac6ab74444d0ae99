"""Keeping Python's garbage collector away from a graph that stays for the whole run.

Looking through a few hundred thousand objects again and again, none of which can be garbage, would cost more than planning them. What
steps create is collected as ever.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from targets import processes

#: Objects that are made between two collections of the young ones; Python's own 700 are a handful of tasks.
_YOUNG = 10_000

#: How many are set aside, one within the other or in several threads, and what was set before the first.
_graphs = 0
_before = gc.get_threshold()
_lock = processes.lock()


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No collection meanwhile."""
    collecting = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collecting:
            gc.enable()


def grow_old() -> None:
    """For use within `paused`: what there is by now stays, and to look it through as if it were young would find nothing."""
    if not gc.get_freeze_count():  # else somebody has set aside what is to stay there
        gc.freeze()
        gc.unfreeze()  # into the oldest generation


def set_aside_more() -> None:
    """For use within `graph_set_aside`: what was added since, once garbage is gone."""
    if gc.isenabled() and gc.get_freeze_count():
        gc.collect()
        gc.freeze()


@contextlib.contextmanager
def graph_set_aside() -> Iterator[None]:
    """What there is now is not looked through meanwhile, and young objects are less often: most of them stay as well."""
    global _graphs, _before
    with _lock:
        if not _graphs:
            _before = gc.get_threshold()
        _graphs += 1
        gc.freeze()
        young, middle, old = _before
        if young:
            gc.set_threshold(max(young, _YOUNG), middle, old)
    try:
        yield
    finally:
        with _lock:
            _graphs -= 1
            if not _graphs:
                gc.set_threshold(*_before)
            gc.unfreeze()

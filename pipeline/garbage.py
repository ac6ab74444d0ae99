"""Keeping Python's garbage collector away from a graph that stays for the whole run.

Looking through a few hundred thousand objects again and again, none of which can be garbage, would cost more than planning them. What
steps create is collected as ever.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

#: Objects that are made between two collections of the young ones; Python's own 700 are a handful of tasks.
_YOUNG = 10_000

#: How many times the graph is set aside now.
_set_aside = 0


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No collection meanwhile, and what there is at its end is old: to look it through as if it were young would find nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if _set_aside:
                gc.freeze()
            elif not gc.get_freeze_count():  # else somebody else has set aside what is to stay there
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()


def set_aside_more() -> None:
    """For use within `graph_set_aside`: what was added since, once garbage is gone."""
    if gc.isenabled() and gc.get_freeze_count():
        gc.collect()
        gc.freeze()


@contextlib.contextmanager
def graph_set_aside() -> Iterator[None]:
    """What there is now is not looked through meanwhile, and young objects are less often: most of them stay as well."""
    global _set_aside
    young, middle, old = gc.get_threshold()
    gc.freeze()
    _set_aside += 1
    if young:
        gc.set_threshold(max(young, _YOUNG), middle, old)
    try:
        yield
    finally:
        _set_aside -= 1
        gc.set_threshold(young, middle, old)
        gc.unfreeze()

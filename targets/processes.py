"""Which process this is, without asking the kernel (it is asked several times for every output), and locks that outlive a fork."""

from __future__ import annotations

import os
import threading

#: The id of this process; a forked child sets its own.
current = os.getpid()


def _forked() -> None:
    global current
    current = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def lock() -> threading.Lock:
    """One that no forked process finds held, whichever thread was at it: a fork waits for that."""
    made = threading.Lock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=made.acquire, after_in_parent=made.release, after_in_child=made.release)
    return made

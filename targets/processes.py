"""Which process this is, without asking the kernel: it is asked several times for every output."""

from __future__ import annotations

import os

#: The id of this process; a forked child sets its own.
current = os.getpid()


def _forked() -> None:
    global current
    current = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

"""Waiting for something that another process or thread does, without guessing how long that takes."""

import time

from .root_tools import PATIENCE


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)

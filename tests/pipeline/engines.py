"""A step that always ends well, and which processes there are, for the tests of engines."""

import os
import pathlib
import sys
import time

import pytest

import pipeline
from pipeline import Task

ROOT = pathlib.Path(pipeline.__file__).parent.parent
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


class Sibling(Task):
    def easy_run(self, inputs):
        return "made"


def children():
    """Our child processes, but for those that Python itself keeps."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            words = (process / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and "resource_tracker" not in words:
            found.append(int(process.name))
    return found


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds=10):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Every test here ends with the children that it began with."""
    before = set(children())
    yield
    assert set(children()) <= before

"""What the steps compute: the same for every tool. Each computation leaves a line in the file that `FAULTS_LOG` names."""

from __future__ import annotations

import array
import hashlib
import os
import random
import time

LARGE_MB = 200
WAITS = 12
OTHERS = 6


def large() -> list[bytes]:
    """200 MB that no compression makes smaller."""
    _say("Large")
    return _large()


def small() -> array.array:
    """512 numbers: 4 KB."""
    _say("Small")
    return _small()


def wait(at: int) -> int:
    """50 ms."""
    time.sleep(0.05)
    _say(f"Wait {at}")
    return at


def fail() -> None:
    raise ValueError("as it was told to")


def die() -> None:
    """What native code does that calls `exit`."""
    os._exit(0)


def look_at_large(given: object) -> str:
    return "right" if given == _large() else "wrong"


def look_at_small(given: object) -> str:
    return "right" if isinstance(given, array.array) and given == _small() else "wrong"


def look_at_waits(given: list[int]) -> str:
    return "right" if list(given) == list(range(WAITS)) else "wrong"


def _large() -> list[bytes]:
    data = hashlib.shake_256(b"large").digest(LARGE_MB * 10**6)
    return [data[at : at + 10**6] for at in range(0, len(data), 10**6)]


def _small() -> array.array:
    source = random.Random(0)
    return array.array("d", [source.gauss(0, 1) for _ in range(512)])


def _say(what: str) -> None:
    # One write to the end of a file: lines of several processes do not mix.
    descriptor = os.open(os.environ["FAULTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{what}\n".encode())
    os.close(descriptor)

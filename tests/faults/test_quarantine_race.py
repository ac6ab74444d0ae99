"""A reader finds damage at the very moment at which a writer commits anew: what was committed is never taken for the damage."""

import multiprocessing
import os
import pathlib
import random
import sys
import time
from contextlib import suppress

import pytest

from targets import BytesTarget, DamagedError, MissingOutputError
from targets.errors import RecordError

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
SIZE = 300_000
READERS = 2
fork = multiprocessing.get_context("fork")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are not kept apart there (see docs)")


class WithoutTheLock(BytesTarget):
    """What these tests are to catch: the writer may commit between the look and the move."""

    def quarantine(self):
        try:
            self.verify()
        except (DamagedError, RecordError, MissingOutputError, FileNotFoundError):
            self._each_file(self.store.quarantine)


class WithoutLookingAgain(BytesTarget):
    """What these tests are to catch: the writer may have committed while the lock was waited for."""

    def quarantine(self):
        with self.store.lock(self.place.key):
            self._each_file(self.store.quarantine)


def content(n):
    return n.to_bytes(4, "big") * (SIZE // 4)


def serve(pipe, work):
    """Do `work` for each number that comes, and say when it is done; a text is what went wrong."""
    while True:
        n = pipe.recv()
        try:
            work(n)
            pipe.send(None)
        except BaseException as error:
            pipe.send(f"{type(error).__name__}: {error}")


def race(kind, folder, rounds, until_lost=False):
    """How many commits were lost, how many rounds there were, and how often a reader found damage."""
    path = folder / "x.bin"
    target = kind(path)
    found = folder / "found"

    def read(n):
        """As a run does: load, and where that is damaged, put it away; until the fresh output is there, or gone."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with suppress(MissingOutputError):
                try:
                    if target.load() == content(n):
                        return
                except DamagedError:
                    descriptor = os.open(found, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                    os.write(descriptor, b"x")
                    os.close(descriptor)
                    target.quarantine()
            if (folder / f"committed-{n}").exists():
                with suppress(DamagedError, MissingOutputError):
                    target.load()
                return
        raise TimeoutError

    def write(n):
        chance = random.Random(n)
        time.sleep(chance.uniform(0, 0.002))
        with target.store.lock(target.place.key):
            target.dump(content(n))
        (folder / f"committed-{n}").touch()

    pipes = []
    processes = []
    for work in [write] + [read] * READERS:
        ours, theirs = fork.Pipe()
        processes.append(fork.Process(target=serve, args=(theirs, work), daemon=True))
        processes[-1].start()
        pipes.append(ours)
    lost = played = 0
    try:
        for n in range(1, rounds + 1):
            target.dump(content(0))
            with open(path, "r+b") as file:
                file.seek(SIZE - 1)
                file.write(b"?")
            for pipe in pipes:
                pipe.send(n)
            assert [pipe.recv() for pipe in pipes] == [None] * len(pipes)
            played += 1
            try:
                lost += target.load() != content(n)
            except (MissingOutputError, DamagedError):
                lost += 1
            if until_lost and lost:
                break
    finally:
        for process in processes:
            process.kill()
            process.join()
    return lost, played, found.stat().st_size if found.exists() else 0


@pytest.mark.parametrize("kind", [WithoutTheLock, WithoutLookingAgain])
def test_a_naive_quarantine_is_caught(kind, tmp_path):
    lost, _, _ = race(kind, tmp_path, 3000, until_lost=True)
    assert lost == 1


def test_a_fresh_commit_is_never_taken_for_the_damage(tmp_path):
    lost, played, found = race(BytesTarget, tmp_path, 1000 * HEAVY)
    assert (lost, played) == (0, 1000 * HEAVY)
    # The race was one: damage was found nearly every time, and much of it while the writer was about to commit.
    assert found > 500 * HEAVY
    kept = list(pathlib.Path(tmp_path, ".luigi-warp", "quarantine").glob("*x.bin"))
    assert kept
    # What was put away is what was damaged.
    assert all(path.read_bytes()[:4] == content(0)[:4] for path in kept)

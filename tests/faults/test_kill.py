"""A writer is killed at random moments: the next reader finds the old output, the new one or none, and nothing else."""

import os
import pathlib
import random
import signal
import time

import numpy as np
import pandas as pd
import pytest

from targets import CsvTarget, FeatherTarget, FileTarget, JsonTarget, MissingOutputError, NumpyTarget, ParquetTarget, PickleTarget, TextTarget
from targets.parts import PartsTarget
from targets.place import Place

from .naive import Naive

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
SIZE = 40_000


class Pace:
    """How long a write takes here and now, as seen from outside: machines are slow at times."""

    def __init__(self, write):
        self.seconds = 0.0
        killed_while(write, lambda: 0.0, self, finished=1)


def killed_while(write, seconds, pace=None, finished=0):
    """Fork a writer that writes again and again, and kill it some time after it has finished so many writes."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"x")
            for n in range(1_000_000):
                write(n)
                if n < finished:
                    os.write(writing, b"x")
        finally:
            os._exit(1)
    os.close(writing)
    os.read(reading, 1)
    begun = time.monotonic()
    for _ in range(finished):
        assert os.read(reading, 1), "the writer has failed"
        pace.seconds, begun = time.monotonic() - begun, time.monotonic()
    os.close(reading)
    time.sleep(seconds())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def leftovers(folder):
    return [path.name for path in pathlib.Path(folder).rglob("*") if path.name.startswith(".") and path.name.endswith((".tmp", ".aside"))]


def locked_dump(target, value, directory=False):
    """As a step writes: under the key's lock, with side files where asked for."""
    with target.store.lock(target.place.key), target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name) if directory else None
        if folder is not None:
            (folder / "side").write_text(str(value)[:50])
        return target.dump(value, draft=draft, directory=folder)


def kills(times, target, write, right, seed=0):
    """`right(value)`: whether a value is one that was written whole. How often an output was there is returned."""
    chance = random.Random(seed)
    pace = Pace(write)
    there = 0
    for _ in range(times):
        # During the first write, which finds what the last kill has left, or the one after it.
        killed_while(write, lambda: chance.uniform(0, 1.2 * pace.seconds), pace, finished=chance.choice((0, 1)))
        try:
            value = target.load()
        except MissingOutputError:
            continue
        assert right(value)
        target.verify()
        there += 1
    write(0)
    assert right(target.load())
    target.store.sweep(target.place.stem.rpartition("/")[0])
    assert leftovers(target.store.url) == []
    return there


def all_the_same(value):
    return len(value) == SIZE and len(set(value)) == 1


def test_a_naive_target_is_caught(tmp_path):
    """What these tests would say of `pickle.dump` to the final path."""
    naive = Naive(tmp_path / "x.pkl")
    chance = random.Random(0)
    wrong = 0
    for _ in range(100):
        killed_while(lambda n: naive.dump([n] * SIZE), lambda: chance.uniform(0, 0.004))
        try:
            wrong += naive.exists() and not all_the_same(naive.load())
        except Exception:
            wrong += 1
    assert wrong > 5


def test_a_file(tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    assert kills(400 * HEAVY, target, lambda n: locked_dump(target, [n] * SIZE), all_the_same) > 50


def test_a_file_with_side_files(tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")

    def write(n):
        locked_dump(target, [n] * SIZE, directory=True)
        # The old output is put aside while a step writes side files: without a pause there would hardly ever be one.
        for _ in range(10):
            target.load()

    assert kills(300 * HEAVY, target, write, all_the_same) > 10


def test_several_outputs(tmp_path):
    place = Place(JsonTarget(tmp_path / "x.json").store, "x")
    target = PartsTarget(place, {"one": PickleTarget, "two": JsonTarget})

    def right(value):
        return all_the_same(value["one"]) and value["two"] == value["one"][:1]

    assert kills(300 * HEAVY, target, lambda n: locked_dump(target, {"one": [n] * SIZE, "two": [n]}), right) > 30


FRAME = pd.DataFrame({"a": np.arange(2000), "b": np.arange(2000) / 7})
FORMATS = {
    "json": (JsonTarget, lambda n: [n] * 5000, lambda value: len(set(value)) == 1 and len(value) == 5000),
    "text": (TextTarget, lambda n: f"{n % 10}" * SIZE, lambda value: len(value) == SIZE and len(set(value)) == 1),
    "numpy": (NumpyTarget, lambda n: np.full(SIZE, n), lambda value: len(value) == SIZE and (value == value[0]).all()),
    "csv": (CsvTarget, lambda n: FRAME + n, lambda value: ((value - FRAME).nunique() == 1).all() or np.allclose((value - FRAME).std(), 0)),
    "parquet": (ParquetTarget, lambda n: FRAME + n, lambda value: np.allclose((value - FRAME).std(), 0)),
    "feather": (FeatherTarget, lambda n: FRAME + n, lambda value: np.allclose((value - FRAME).std(), 0)),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name, tmp_path):
    kind, make, right = FORMATS[name]
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump(make(0))  # imports are not what is to be interrupted
    kills(20 * HEAVY, target, lambda n: locked_dump(target, make(n)), right)


def test_a_file_that_is_moved_in(tmp_path):
    target = FileTarget(tmp_path / "store" / "x.file")

    def write(n):
        source = tmp_path / f"made-{os.getpid()}"
        source.write_text(f"{n % 10}" * SIZE)
        locked_dump(target, source)

    kills(20 * HEAVY, target, write, lambda path: len(text := path.read_text()) == SIZE and len(set(text)) == 1)

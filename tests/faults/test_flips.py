"""Stored bytes that are not those that were written: none is ever loaded, and a run makes them again and says so.

Every bit and every length of small outputs and their records, random ones of large outputs. A file is changed in place and put right
again, so that a hundred thousand cases take seconds.
"""

import contextlib
import os
import pathlib
import random

import luigi
import numpy as np
import pandas as pd
import pytest

import pipeline
from targets import (
    BytesTarget,
    CsvTarget,
    DamagedError,
    FeatherTarget,
    FileTarget,
    JsonTarget,
    NumpyTarget,
    ParquetTarget,
    PickleTarget,
    TextTarget,
    known,
)
from targets.errors import RecordError
from targets.parts import PartsTarget
from targets.place import Place
from targets.target import Target

from .naive import Naive

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})


class InPlace:
    """A file whose bytes are changed where they are."""

    def __init__(self, path):
        self.whole = pathlib.Path(path).read_bytes()
        self._descriptor = os.open(path, os.O_RDWR)

    def flip(self, bit):
        at = bit // 8
        os.pwrite(self._descriptor, bytes([self.whole[at] ^ 1 << bit % 8]), at)

    def cut(self, length):
        os.ftruncate(self._descriptor, length)

    def append(self):
        os.pwrite(self._descriptor, b"\0", len(self.whole))

    def mend(self, at=0, count=None):
        os.pwrite(self._descriptor, self.whole[at : None if count is None else at + count], at)
        os.ftruncate(self._descriptor, len(self.whole))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        os.close(self._descriptor)


def accepts(target):
    """Whether the target hands anything out. Anything but its own words for damage is a failure of the test."""
    # A record is parsed once for each stamp, and a clock may not move between two changes of one file.
    known.forget_all()
    try:
        target.load()
        return True
    except (DamagedError, RecordError):
        return False


def accepted(target, path):
    """Try every bit and every length of a file: how many cases there were, and which of them were accepted."""
    wrong = []
    with InPlace(path) as file:
        assert 0 < len(file.whole) <= 4096
        for bit in range(len(file.whole) * 8):
            file.flip(bit)
            if accepts(target):
                wrong.append(f"bit {bit}")
            file.mend(bit // 8, 1)
        for length in range(len(file.whole)):
            file.cut(length)
            if accepts(target):
                wrong.append(f"length {length}")
            file.mend()
        file.append()
        if accepts(target):
            wrong.append("a byte more")
        file.mend()
        assert accepts(target), "it is not damaged any more"
        return len(file.whole) * 9 + 1, wrong


def test_a_naive_target_is_caught(tmp_path):
    naive = Naive(tmp_path / "x.pkl")
    naive.dump(list(range(100)))
    wrong = 0
    with InPlace(naive.path) as file:
        for bit in range(len(file.whole) * 8):
            file.flip(bit)
            with contextlib.suppress(Exception):
                wrong += naive.load() != list(range(100))
            file.mend()

    assert wrong > 100


SMALL = {
    "pickle": (PickleTarget, {"a": [1.5, None], "b": "text"}),
    "json": (JsonTarget, {"a": [1.5, None], "b": "text"}),
    "text": (TextTarget, "a text\nof two lines\n"),
    "bytes": (BytesTarget, bytes(range(256))),
    "numpy": (NumpyTarget, np.arange(20.0)),
    "csv": (CsvTarget, FRAME),
    "parquet": (ParquetTarget, FRAME),
    "feather": (FeatherTarget, FRAME),
}


@pytest.mark.parametrize("name", SMALL)
def test_every_bit_and_every_length_of_the_data_and_of_the_record(name, tmp_path):
    kind, value = SMALL[name]
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump(value)

    for path in (target.path, tmp_path / "x.record.json"):
        cases, wrong = accepted(target, path)
        assert wrong == []
        assert cases > 100


def test_every_bit_of_a_file_that_was_moved_in(tmp_path):
    (tmp_path / "made.dat").write_text("some content")
    target = FileTarget(tmp_path / "store" / "x.file")
    target.dump(tmp_path / "made.dat")

    for path in (target.path, tmp_path / "store" / "x.record.json"):
        assert accepted(target, path)[1] == []


def test_every_bit_of_each_of_several_outputs(tmp_path):
    place = Place(JsonTarget(tmp_path / "x.json").store, "x")
    target = PartsTarget(place, {"one": PickleTarget, "two": JsonTarget, "three": CsvTarget})
    target.dump({"one": [1, 2], "two": {"a": 1}, "three": FRAME})

    for name in ("x.one.pkl", "x.two.json", "x.three.csv", "x.record.json"):
        assert accepted(target, tmp_path / name)[1] == []


def test_a_side_file_is_verified_with_the_output(tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    with target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name)
        (folder / "side").write_text("beside it")
        target.dump(1, draft=draft, directory=folder)

    with InPlace(tmp_path / "x.files" / "side") as file:
        for bit in range(len(file.whole) * 8):
            file.flip(bit)
            with pytest.raises(DamagedError):
                target.verify()
            file.mend()
        for length in range(len(file.whole)):
            file.cut(length)
            with pytest.raises(DamagedError):
                target.verify()
            file.mend()
    target.verify()


class Raw(Target):
    """Reads a large file in small portions, so that it is verified piece by piece."""

    extension = "raw"

    def write(self, value, file):
        file.write(value)

    def read(self, file, **options):
        return b"".join(iter(lambda: file.read(70_000), b""))


NOISE = random.Random(1).randbytes(1 << 20)
# With how many cases of each: together 10,000.
LARGE = {
    "pickle": (PickleTarget, NOISE[:1_000_000], 4000),
    "pickle of two pieces": (PickleTarget, NOISE + NOISE[:1000], 2500),
    "numpy": (NumpyTarget, np.frombuffer(NOISE[:1_000_000], dtype=np.uint8), 2000),
    "parquet": (ParquetTarget, pd.DataFrame({"a": np.frombuffer(NOISE[:1_000_000], dtype=np.int64)}), 500),
    "in portions": (Raw, NOISE * 2, 1000),
}


@pytest.mark.parametrize("name", LARGE)
def test_random_bits_and_lengths_of_a_megabyte(name, tmp_path):
    kind, value, cases = LARGE[name]
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump(value)
    chance = random.Random(name)
    wrong = []
    with InPlace(target.path) as file:
        size = len(file.whole)
        assert size >= 1_000_000
        for _ in range(cases * HEAVY):
            if chance.random() < 0.9:
                bit = chance.randrange(size * 8)
                file.flip(bit)
                if accepts(target):
                    wrong.append(bit)
                file.mend(bit // 8, 1)
            else:
                length = chance.randrange(size)
                file.cut(length)
                if accepts(target):
                    wrong.append(-length)
                file.mend(length)
        assert accepts(target)
    assert wrong == []


class Leaf(pipeline.Task):
    task_namespace = "faults.flips"
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        (self.task_directory / "side").write_text("beside it" * 10)
        return [self.n] * 50


class Pair(pipeline.Task):
    task_namespace = "faults.flips"
    outputs = {"small": JsonTarget, "large": PickleTarget}

    def requires(self):
        return Leaf(n=3)

    def easy_run(self, inputs):
        return {"small": len(inputs), "large": inputs * 10}


class Root(pipeline.Task):
    task_namespace = "faults.flips"
    target_type = JsonTarget

    def requires(self):
        return [Leaf(n=1), Leaf(n=2), Pair()]

    def easy_run(self, inputs):
        return sum(inputs[0]) + sum(inputs[1]) + inputs[2]["small"] + sum(inputs[2]["large"])


RIGHT = 50 + 100 + 50 + 1500


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_a_run_makes_again_what_is_damaged_and_names_it(engine):
    """Each time one file below the last step is damaged, and the last step has to run."""
    chance = random.Random(engine)
    assert pipeline.build([Root()], engine=engine).ok
    damageable = [
        (task, path)
        for task in Root().requires()
        for path in [task.target.store.where(part.file) for part in task.target.record.parts]
        + [task.target.store.where(task.target.place.record_name)]
    ]
    for turn in range((60 if engine == "inline" else 15) * HEAVY):
        task, path = damageable[turn % len(damageable)]
        with InPlace(path) as file:
            bit = chance.randrange(len(file.whole) * 8)
            if turn % 3 == 2:
                file.cut(bit // 8)
            else:
                file.flip(bit)
        Root().remove()

        run = pipeline.build([Root()], engine=engine)

        assert run.ok, run
        assert set(run.ran) == {task, Root()}, path
        assert run.damaged == [task]
        assert f"{task!r} was DAMAGED: " in str(run)
        assert str(run.outcomes[task].verdict).startswith("DAMAGED: ")
        assert Root().load() == RIGHT
        task.target.verify()
        assert pipeline.build([Root()]).ran == []


def test_a_damaged_last_output_is_noticed_by_who_loads_it_and_made_again():
    assert pipeline.build([Root()]).ok
    with InPlace(Root().target.path) as file:
        file.flip(3)

    with pytest.raises(DamagedError, match="it will be made again"):
        Root().load()

    run = pipeline.build([Root()])
    assert run.ran == [Root()]
    assert Root().load() == RIGHT


def test_a_damaged_part_is_noticed_by_who_loads_it_and_made_again():
    assert pipeline.build([Pair()]).ok
    with InPlace(Pair()["large"].output().path) as file:
        file.flip(30)

    assert Pair()["small"].load() == 50
    with pytest.raises(DamagedError, match="it will be made again"):
        Pair()["large"].load()

    assert pipeline.build([Pair()]).ran == [Pair()]
    assert Pair()["large"].load() == [3] * 500

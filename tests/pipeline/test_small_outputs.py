"""A small output that several steps of a run load is read once, and nothing can be seen of that."""

import os
import pathlib
import sys

import luigi
import pytest

import pipeline
from pipeline import Task
from targets import FeatherTarget, JsonTarget
from targets.small import SmallOutputs, read_small

OPENED: list[str] = []
SEEN: list[object] = []
MADE: list[int] = []
BETWEEN: list[object] = []


class SmallSource(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        MADE.append(self.n)
        return [self.n]


class SmallReader(Task):
    """Reads in turn: each one requires the one before."""

    at = luigi.IntParameter()

    def requires(self):
        return {"source": SmallSource(n=7), "before": SmallReader(at=self.at - 1) if self.at else []}

    def easy_run(self, inputs):
        SEEN.append(inputs["source"])
        inputs["source"].append("changed by a step")
        if BETWEEN and self.at == 1:
            BETWEEN.pop()(pathlib.Path(SmallSource(n=7).target.path))
        return inputs["source"][0]


@pytest.fixture(autouse=True)
def nothing_seen():
    for told in (OPENED, SEEN, MADE, BETWEEN):
        told.clear()


@pytest.fixture(scope="module")
def opened():
    """The files that were opened meanwhile."""

    def hear(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            OPENED.append(arguments[0])

    sys.addaudithook(hear)  # for as long as the process lives
    return OPENED


def _times_opened(opened):
    return opened.count(SmallSource(n=7).target.path)


def test_it_is_opened_once_in_a_run_and_each_step_has_an_object_of_its_own(opened):
    assert pipeline.build(SmallReader(at=5)).ok
    assert SEEN == [[7, "changed by a step"]] * 6
    assert len({id(value) for value in SEEN}) == 6
    assert _times_opened(opened) == 1


def test_outside_of_a_run_it_is_read_each_time(opened):
    assert pipeline.build(SmallSource(n=7)).ok
    opened.clear()
    assert [SmallSource(n=7).load() for _ in range(3)] == [[7]] * 3
    assert _times_opened(opened) == 3


def test_the_next_run_reads_it_again(opened):
    pipeline.build(SmallReader(at=1))
    opened.clear()
    assert pipeline.build(SmallReader(at=3)).ok
    assert _times_opened(opened) == 1


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    # Whatever the clock of the file system can tell apart.
    os.utime(path, ns=(1, 1))


def _shorten(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "harm", [_flip, _shorten, pathlib.Path.unlink, lambda path: (path.unlink(), path.mkdir())], ids="flipped shorter gone folder".split()
)
def test_what_was_harmed_meanwhile_is_made_again(harm):
    BETWEEN.append(harm)
    assert pipeline.build(SmallReader(at=4)).ok
    assert [value[0] for value in SEEN] == [7] * 5
    assert MADE == [7, 7]
    assert SmallSource(n=7).load() == [7]


def _small(task):
    found = task.target.find_record()
    return read_small(task.target, found[1])


class LargeSource(Task):
    def easy_run(self, inputs):
        return "x" * 100_000


class ColumnsSource(Task):
    target_type = FeatherTarget

    def easy_run(self, inputs):
        import pandas as pd

        return pd.DataFrame({"a": [1]})


class SeveralSource(Task):
    outputs = {"one": JsonTarget, "two": JsonTarget}

    def easy_run(self, inputs):
        return {"one": 1, "two": 2}


class OwnTarget(JsonTarget):
    def load(self, **options):
        return "in a way of its own"


class OwnSource(Task):
    target_type = OwnTarget

    def easy_run(self, inputs):
        return 1


@pytest.mark.parametrize("source", [LargeSource, ColumnsSource, SeveralSource, OwnSource])
def test_what_is_large_or_loaded_in_a_way_of_its_own_is_not_kept(source):
    pipeline.build(source())
    assert _small(source()) is None


def test_what_is_not_in_order_is_left_to_those_who_can_say_what_is_wrong():
    pipeline.build(SmallSource(n=7))
    assert _small(SmallSource(n=7)).decode() == [7]
    _flip(pathlib.Path(SmallSource(n=7).target.path))
    assert _small(SmallSource(n=7)) is None
    pathlib.Path(SmallSource(n=7).target.path).unlink()
    assert _small(SmallSource(n=7)) is None


def test_no_more_than_some_megabytes_are_kept():
    pipeline.build(SmallSource(n=7))
    small, known = _small(SmallSource(n=7)), SmallOutputs()
    small.data = small.data.ljust(10_000)
    for at in range(2_000):
        known.keep(str(at), small, small)
    assert sum(len(one.data) for _, one in known._known.values()) < 5_000_000
    assert known.find("1999", small) is small


def test_another_finding_about_the_same_task_finds_nothing():
    pipeline.build(SmallSource(n=7))
    small, known = _small(SmallSource(n=7)), SmallOutputs()
    first, second = object(), object()
    known.keep("one", first, small)
    assert known.find("one", first) is small
    assert known.find("one", second) is None

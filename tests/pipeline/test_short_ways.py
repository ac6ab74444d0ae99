"""An ordinary run takes the short ways through the scheduler: a Luigi whose worker says more of a task than ours knows would be slow, not wrong."""

from collections import Counter

import luigi
import luigi.scheduler
import pytest

import pipeline
from pipeline import Task

CALLS: Counter[str] = Counter()


class ShortLeaf(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return self.n


class ShortRoot(Task):
    def requires(self):
        return [ShortLeaf(n=n) for n in range(50)]

    def easy_run(self, inputs):
        return sum(inputs)


@pytest.fixture(autouse=True)
def calls(monkeypatch):
    """How often Luigi's own methods are called."""
    CALLS.clear()
    for name in ("add_task", "get_work"):
        monkeypatch.setattr(luigi.scheduler.Scheduler, name, _counted(name, getattr(luigi.scheduler.Scheduler, name)))
    return CALLS


def _counted(name, method):
    def call(*args, **kwargs):
        CALLS[name] += 1
        return method(*args, **kwargs)

    return call


@pytest.mark.parametrize("workers", [1, 2])
def test_luigis_long_ways_are_hardly_gone(workers):
    run = pipeline.build(ShortRoot(), workers=workers)
    assert len(run.ran) == 51
    assert CALLS["add_task"] + CALLS["get_work"] <= 3


def test_they_are_gone_where_there_is_more_to_a_task():
    class ShortAsker(Task):
        def easy_run(self, inputs):
            return sum((yield [ShortLeaf(n=n) for n in range(5)]))

    assert pipeline.build(ShortAsker()).ok
    assert CALLS["add_task"] > 1

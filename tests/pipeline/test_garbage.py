"""The garbage collector is kept away from a graph while it is planned and run, and is afterwards as it was."""

import gc
import weakref

import luigi
import pytest

import pipeline
from pipeline import Task, garbage


class KeptLeaf(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return self.n


class KeptRoot(Task):
    def requires(self):
        return [KeptLeaf(n=n) for n in range(300)]

    def easy_run(self, inputs):
        return sum(inputs)


class Knot:
    """It knows itself: garbage that only a collection finds."""

    def __init__(self):
        self.other = self


@pytest.fixture
def collections():
    """The generations that were looked through meanwhile."""
    found = []

    def hear(phase, told):
        if phase == "start":
            found.append(told["generation"])

    gc.callbacks.append(hear)
    yield found
    gc.callbacks.remove(hear)


@pytest.fixture(autouse=True)
def as_it_was():
    before = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    yield
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_a_graph_with_nothing_to_do_is_not_looked_through(collections):
    pipeline.build(KeptRoot())
    gc.collect()
    collections.clear()
    assert not pipeline.build(KeptRoot()).ran
    assert collections == []


def test_what_has_grown_old_is_collected_later():
    with garbage.paused():
        knot = Knot()
        garbage.grow_old()
    gone = weakref.ref(knot)
    del knot
    gc.collect(1)
    assert gone() is not None  # it is old
    gc.collect()
    assert gone() is None


def test_what_a_program_has_set_aside_stays_there():
    gc.collect()
    kept = Knot()
    gc.freeze()
    try:
        with garbage.paused():
            knot = Knot()
            garbage.grow_old()
        # Not by their number: what was set aside may still be let go of by whoever held it, in a thread that ends, say.
        assert gc.get_freeze_count()
        assert not any(found is kept for found in gc.get_objects())
        gone = weakref.ref(knot)
        del knot
        gc.collect()
        assert gone() is None
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_pause_leaves_the_collector_as_it_was(enabled):
    (gc.enable if enabled else gc.disable)()
    try:
        with garbage.paused():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        gc.enable()


def test_two_graphs_at_the_same_time_leave_it_as_it_was():
    before = gc.get_threshold()
    one, other = garbage.graph_set_aside(), garbage.graph_set_aside()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert gc.get_threshold() != before
    other.__exit__(None, None, None)
    assert gc.get_threshold() == before

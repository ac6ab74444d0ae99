"""An observer is told of every task that begins and ends, in whatever process it runs."""

import os

import luigi
import pytest

import pipeline
from pipeline import Task, inherit_list
from targets import JsonTarget


class Recorder:
    def __init__(self):
        self.told = []
        self.where = {}

    def planned(self, plan, workers, recorded):
        self.told.append(("planned", len(plan.order), workers))

    def began(self, task, pid):
        self.told.append(("began", type(task).__name__))
        self.where[type(task).__name__] = pid

    def ended(self, task, state, duration, error):
        self.told.append((state, type(task).__name__, type(error).__name__ if error else ""))

    def finished(self, run):
        self.told.append(("finished", run.exit_code))

    def abandoned(self, error):
        self.told.append(("abandoned", type(error).__name__))


class Source(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return os.getpid()


@inherit_list(Source)
class Middle(Task):
    target_type = JsonTarget
    fails = luigi.BoolParameter(default=False)

    def easy_run(self, inputs):
        if self.fails:
            raise ValueError("as it was told")
        return 1


class Asks(Task):
    def easy_run(self, inputs):
        return (yield Middle())


@pytest.mark.parametrize("workers", [1, 2])
def test_each_task_begins_and_ends_once(workers):
    seen = Recorder()
    assert pipeline.build(Middle(), workers=workers, progress=seen).ok
    began, ended = [("began", "Source"), ("ran", "Source", "")], [("began", "Middle"), ("ran", "Middle", "")]
    assert seen.told == [("planned", 2, workers), *began, *ended, ("finished", 0)]
    assert seen.where["Source"] == Source().load()
    assert (Source().load() == os.getpid()) == (workers == 1)


def test_where_all_is_current_the_plan_and_the_end_are_told():
    pipeline.build(Middle())
    seen = Recorder()
    pipeline.build(Middle(), progress=seen)
    assert seen.told == [("planned", 2, 1), ("finished", 0)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_comes_with_its_error(workers):
    seen = Recorder()
    pipeline.build(Middle(fails=True), workers=workers, progress=seen)
    kind = "ValueError" if workers == 1 else "StepError"
    assert seen.told[-3:] == [("began", "Middle"), ("failed", "Middle", kind), ("finished", 1)]


def test_who_asks_for_something_waits_and_begins_again():
    seen = Recorder()
    pipeline.build(Asks(), progress=seen)
    of_it = [told for told in seen.told if told[1] == "Asks"]
    assert of_it == [("began", "Asks"), ("waiting", "Asks", ""), ("began", "Asks"), ("ran", "Asks", "")]


def test_an_interrupted_build_is_abandoned():
    class Interrupts(Task):
        def easy_run(self, inputs):
            raise KeyboardInterrupt

    seen = Recorder()
    with pytest.raises(KeyboardInterrupt):
        pipeline.build(Interrupts(), progress=seen)
    assert seen.told[-1] == ("abandoned", "KeyboardInterrupt")

"""A child is given its next job while it stores the output of the one before, if that takes a moment only."""

import multiprocessing
import os
import time
import types

import luigi
import pytest
from engines import no_process_is_left

import pipeline
from pipeline import Task, steplogs
from pipeline.engines import child
from pipeline.engines.engine import NEARLY, Result
from targets import PickleTarget

__all__ = ["no_process_is_left"]


class Told:
    """What an observer is told of, in order."""

    def __init__(self):
        self.events = []

    def planned(self, plan, workers, recorded):
        pass

    def began(self, task, pid):
        self.events.append(("began", task))

    def ended(self, task, state, duration, error):
        self.events.append(("ended", task))

    def finished(self, run):
        pass

    def abandoned(self, error):
        pass

    @property
    def most_at_once(self):
        at_once = most = 0
        for event, _ in self.events:
            at_once += 1 if event == "began" else -1
            most = max(most, at_once)
        return most


class Works(Task):
    """Long enough to be worth telling that it is nearly done."""

    at = luigi.IntParameter()

    def easy_run(self, inputs):
        busy(0.01)
        return os.getpid()


def busy(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def build(tasks, workers=1, **options):
    told = Told()
    return pipeline.build(tasks, workers=workers, engine="processes", progress=told, **options), told


@pytest.mark.parametrize("workers", [1, 2])
def test_the_next_one_is_handed_over_before_the_last_one_has_ended(workers):
    tasks = [Works(at=at) for at in range(20)]
    run, told = build(tasks, workers)

    assert set(run.ran) == set(tasks)
    assert told.most_at_once > workers
    assert len({task.load() for task in tasks}) == workers


class After(Works):
    def requires(self):
        return [Works(at=self.at)] if self.at == 0 else [After(at=self.at - 1)]


def test_what_requires_the_last_one_waits_for_it():
    run, told = build([After(at=8)])

    assert run.ok
    assert len(run.ran) == 10
    assert told.most_at_once == 1


class Alone(Works):
    max_parallel = 1


def test_not_more_run_at_a_time_than_may():
    run, told = build([Alone(at=at) for at in range(8)])

    assert run.ok
    assert len(run.ran) == 8
    assert told.most_at_once == 1


class Slow(PickleTarget):
    def write(self, value, file):
        time.sleep(0.02)
        super().write(value, file)


class StoredSlowly(Works):
    target_type = Slow


def test_nothing_is_handed_over_behind_what_takes_long_to_store():
    run, told = build([StoredSlowly(at=at) for at in range(5)])

    assert run.ok
    assert len(run.ran) == 5
    assert told.most_at_once == 1


class Falls(PickleTarget):
    def write(self, value, file):
        if self.task.at == 3:
            os._exit(7)
        super().write(value, file)


class FallsWhileStored(Works):
    target_type = Falls


def test_what_was_handed_over_to_a_child_that_died_is_run_by_another():
    tasks = [FallsWhileStored(at=at) for at in range(6)]
    run, told = build(tasks)

    assert run.failed == [tasks[3]]
    assert "exit code 7" in str(run.outcomes[tasks[3]].error)
    assert set(run.ran) == {*tasks[:3], *tasks[4:]}
    assert told.most_at_once == 2
    assert tasks[2].load() != tasks[4].load()


class Hangs(PickleTarget):
    def write(self, value, file):
        if self.task.at == 3:
            time.sleep(60)
        super().write(value, file)


class HangsWhileStored(Works):
    target_type = Hangs
    timeout = 2


class Hurries(Works):
    timeout = 1


def test_one_that_waits_behind_another_has_its_own_time():
    tasks = [*(HangsWhileStored(at=at) for at in range(4)), Hurries(at=4), Hurries(at=5)]
    run, told = build(tasks)

    assert run.failed == [tasks[3]]
    assert "timed out" in str(run.outcomes[tasks[3]].error)
    assert set(run.ran) == {*tasks[:3], *tasks[4:]}
    assert told.most_at_once == 2


class Fails(PickleTarget):
    def write(self, value, file):
        if self.task.at == 3:
            raise OSError("no room")
        super().write(value, file)


class FailsWhileStored(Works):
    target_type = Fails


def test_one_that_cannot_be_stored_fails_alone():
    tasks = [FailsWhileStored(at=at) for at in range(6)]
    run, _ = build(tasks)

    assert run.failed == [tasks[3]]
    assert "no room" in str(run.outcomes[tasks[3]].error)
    assert set(run.ran) == {*tasks[:3], *tasks[4:]}


class Says(Works):
    def easy_run(self, inputs):
        if self.at % 3 == 0:
            print(f"this is {self.at}")
        return super().easy_run(inputs)


def test_what_each_has_printed_is_its_own(capfd):
    tasks = [Says(at=at) for at in range(12)]
    run = pipeline.build(tasks, workers=2, progress=True)

    assert run.ok
    for task in tasks:
        log = steplogs.read(task)
        assert (log.text if log is not None else "") == (f"this is {task.at}\n" if task.at % 3 == 0 else "")
    shown = capfd.readouterr()
    lines = [line for line in (shown.out + shown.err).splitlines() if "this is" in line]
    assert sorted(lines) == sorted(f"Says(at={at}) | this is {at}" for at in range(0, 12, 3))


class Asked(Works):
    pass


class Asks(Works):
    def easy_run(self, inputs):
        return (yield Asked(at=self.at))


def test_one_that_asks_for_more_goes_on_when_that_is_made():
    run, _ = build([Asks(at=at) for at in range(6)], workers=2)

    assert run.ok
    assert len(run.ran) == 12


def test_a_run_that_gives_up_begins_nothing_more():
    tasks = [FailsWhileStored(at=at) for at in range(30)]
    run, _ = build(tasks, keep_going=False)

    assert run.failed == [tasks[3]]
    assert len(run.ran) < 6


def test_what_is_made_on_the_way_is_not_the_end_of_it():
    """What lies in another process's memory is made again where it is loaded, in the midst of another job."""
    heard, told = multiprocessing.Pipe()
    job = types.SimpleNamespace(task=Works(at=1))
    child._tell_nearly(told, job, Works(at=2))
    assert not heard.poll()
    child._tell_nearly(told, job, Works(at=1))
    assert heard.recv() == Result(Works(at=1).task_id, NEARLY)

"""`fresh_for`: how long an output is fresh, and what looking again costs."""

import dataclasses
import datetime
import os

import luigi
import pytest

import pipeline
from pipeline import Task, inherit_list, verdict
from pipeline.scope import Scope
from targets import JsonTarget


class Fetch(Task):
    target_type = JsonTarget
    fresh_for = datetime.timedelta(0)

    def easy_run(self, inputs):
        return os.environ.get("FETCHED", "same")


@inherit_list(Fetch)
class Learn(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return inputs[0].upper()


def test_a_step_that_must_look_every_time_runs_nothing_below_if_it_finds_the_same(ran, monkeypatch):
    assert ran(Learn()) == ["Fetch", "Learn"]
    assert ran(Learn()) == ["Fetch"]
    monkeypatch.setenv("FETCHED", "other")
    assert ran(Learn()) == ["Fetch", "Learn"]


def test_it_may_be_a_parameter(ran):
    class Fetch(Task):
        fresh_for = luigi.TimeDeltaParameter()

        def easy_run(self, inputs):
            return 1

    soon, late = Fetch(fresh_for=datetime.timedelta(0)), Fetch(fresh_for=datetime.timedelta(days=1))
    assert sorted(ran(soon, late)) == ["Fetch", "Fetch"]
    assert pipeline.build([soon, late]).ran == [soon]


def test_what_is_no_time_is_refused():
    with pytest.raises(pipeline.TaskDefinitionError, match=r"Step.fresh_for is 3600: it must be a datetime.timedelta"):
        type("Step", (Task,), {"fresh_for": 3600})

    class Counts(Task):
        fresh_for = luigi.IntParameter(default=3600)

        def easy_run(self, inputs):
            return 1

    pipeline.build(Counts())
    with pytest.raises(pipeline.TaskDefinitionError, match=r"Counts.* fresh_for is 3600"):
        pipeline.plan(Counts())


def test_outside_of_build_a_process_looks_once():
    luigi.build([Learn()], local_scheduler=True, log_level="ERROR")
    assert Learn().complete()
    first = Fetch().target.record.run
    luigi.build([Learn()], local_scheduler=True, log_level="ERROR")
    assert Fetch().target.record.run == first


def test_an_old_output_is_expired_with_its_age(ran, monkeypatch):
    class Daily(Task):
        fresh_for = datetime.timedelta(hours=2)

        def easy_run(self, inputs):
            return 1

    ran(Daily())
    assert ran(Daily()) == []
    target = Daily().target
    target.rewrite(dataclasses.replace(target.record, started=target.record.started - 3 * 3600))
    assert str(pipeline.plan(Daily()).verdicts[Daily()]) == "EXPIRED: made 3 hours ago, fresh for 2 hours"
    assert ran(Daily()) == ["Daily"]


def test_an_output_from_the_future_is_not_fresh(ran):
    class Yearly(Task):
        fresh_for = datetime.timedelta(days=400)

        def easy_run(self, inputs):
            return 1

    ran(Yearly())
    made = Yearly().target.record
    Yearly().target.rewrite(dataclasses.replace(made, started=made.started + 30))  # another machine's clock
    assert ran(Yearly()) == []
    Yearly().target.rewrite(dataclasses.replace(made, started=made.started + 366 * 86400))
    assert str(pipeline.plan(Yearly()).verdicts[Yearly()]).startswith("EXPIRED: made in the future, 36")
    assert ran(Yearly()) == ["Yearly"]
    assert ran(Yearly()) == []


def test_what_another_run_made_long_after_this_one_has_begun_is_fresh(ran):
    class Daily(Task):
        fresh_for = datetime.timedelta(days=1)

        def easy_run(self, inputs):
            return 1

    ran(Daily())
    scope = Scope(inside_run=True, is_build=True)
    scope.started -= 3600
    assert verdict.too_old(Daily(), scope, Daily().target.record) is None

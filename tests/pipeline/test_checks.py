"""`check_output` and `check_input`: what a step gives and what it is given, looked at before it counts."""

import os

import luigi
import numpy as np
import pandas as pd
import pytest
from chain import Base

import pipeline
from pipeline import Task
from targets import ParquetTarget


class Checked(Task):
    target_type = ParquetTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return pd.DataFrame({"x": [int(os.environ.get("CHECKED", "1"))]})

    def check_output(self, frame):
        if (frame["x"] < 0).any():
            raise ValueError("x must not be negative")


def test_a_failed_check_stops_the_step_and_keeps_the_previous_output(ran, monkeypatch):
    ran(Checked())
    monkeypatch.setenv("CHECKED", "-1")
    run = pipeline.build(Checked(), force="Checked")
    assert run.failed == [Checked()]
    with pytest.raises(pipeline.CheckError, match=r"Checked\(n=1\): check_output found: ValueError: x must not be negative"):
        raise run.outcomes[Checked()].error
    assert list(Checked().load()["x"]) == [1]


class Positive:
    """What a pandera schema looks like to us."""

    @staticmethod
    def validate(value):
        if value[0] < 0:
            raise ValueError("negative")


@pytest.mark.parametrize("check", [Positive, staticmethod(lambda inputs: inputs[0] >= 0), lambda self, inputs: inputs[0] >= 0])
def test_inputs_are_checked_before_the_step_runs(check, ran):
    class Use(Task):
        check_input = check
        n = luigi.IntParameter()

        def requires(self):
            return [Base(n=self.n)]

        def easy_run(self, inputs):
            return inputs[0]

    ran(Use(n=1))
    run = pipeline.build(Use(n=-1))
    assert run.failed == [Use(n=-1)]
    assert isinstance(run.outcomes[Use(n=-1)].error, pipeline.CheckError)


def test_a_pandera_schema_is_a_check(ran):
    pandera = pytest.importorskip("pandera.pandas")

    class Step(Task):
        target_type = ParquetTarget
        lowest = luigi.IntParameter()
        check_output = pandera.DataFrameSchema({"x": pandera.Column(int, pandera.Check.ge(0))})

        def easy_run(self, inputs):
            return pd.DataFrame({"x": [self.lowest, 5]})

    assert ran(Step(lowest=0)) == ["Step"]
    run = pipeline.build(Step(lowest=-1))
    with pytest.raises(pipeline.CheckError, match=r"check_output found: SchemaError"):
        raise run.outcomes[Step(lowest=-1)].error


@pytest.mark.parametrize("no", [False, np.False_, (pd.Series([1]) > 1).all()], ids=["ours", "numpy's", "pandas'"])
@pytest.mark.parametrize("name", ["check_output", "check_input"])
def test_every_kind_of_false_is_a_no(name, no):
    body = {"easy_run": lambda self, inputs: 1, name: lambda self, value: no}
    run = pipeline.build(type("Checked", (Task,), body)())
    assert not run.ok
    assert f"{name} said no" in run.summary_text

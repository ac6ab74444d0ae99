"""What a plan says of a step: why it would run, what has changed, how long it may take."""

import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys
import textwrap

import luigi
import pandas as pd
import pytest
from chain import Base, Middle

import pipeline
from pipeline import ExternalFile, Task
from pipeline.explaining import rows, summary
from targets import MemoryTarget, ParquetTarget


def test_what_is_in_no_memory_any_more_is_planned_where_something_needs_it(ran):
    class InMemory(Task):
        target_type = MemoryTarget

        def easy_run(self, inputs):
            return 1

    class Use(Task):
        def requires(self):
            return InMemory()

        def easy_run(self, inputs):
            return inputs

    ran(Use())
    assert "0 would run; 2 kept" in summary(rows(pipeline.plan(Use())))
    Use().remove()
    InMemory().remove()
    plan = pipeline.plan(Use())
    assert [type(task).__name__ for task in plan.must_run] == ["InMemory", "Use"]
    assert ran(Use()) == ["InMemory", "Use"]


def test_data_that_were_trimmed_are_planned_where_something_needs_them(ran):
    ran(Middle())
    pipeline.trim([Base()])
    assert pipeline.plan(Middle()).must_run == []
    Middle().remove()
    plan = pipeline.plan(Middle())
    assert str(plan.verdicts[Base()]) == f"MISSING: {Middle()!r} needs it"
    assert ran(Middle()) == ["Base", "Middle"]


def test_other_columns_are_told_with_the_input_that_changed(ran, monkeypatch):
    class Frame(Task):
        target_type = ParquetTarget

        def easy_run(self, inputs):
            return pd.DataFrame({name: [1.5] for name in os.environ.get("COLUMNS_OF_FRAME", "a,b").split(",")})

    class Use(Task):
        def requires(self):
            return Frame()

        def easy_run(self, inputs):
            return list(inputs)

    ran(Use())
    monkeypatch.setenv("COLUMNS_OF_FRAME", "a,c")
    ran(Frame(), force=Frame)
    assert dict(Frame().target.record.parts[0].columns) == {"a": "float64", "c": "float64"}
    assert str(pipeline.plan(Use()).verdicts[Use()]) == "INPUT: Frame() has another content (- b (float64); + c (float64))"


def test_the_plan_names_the_helper_and_shows_how_it_changed(app):
    (app / "helpers.py").write_text("SCALE = 10\ndef score(x):\n    return x * SCALE\n")
    (app / "steps.py").write_text(
        textwrap.dedent(
            """
            import helpers
            from pipeline import ExternalFile, Task
            class Score(Task):
                def easy_run(self, inputs):
                    return helpers.score(4)
            class After(Task):
                def requires(self):
                    return Score()
                def easy_run(self, inputs):
                    return inputs
            """
        )
    )
    (app / "run.py").write_text(
        "import sys, pipeline, steps\n\ndef get_tasks():\n    return [steps.After()]\n\n"
        "if __name__ == '__main__':\n    sys.exit(pipeline.main(get_tasks))\n"
    )
    environment = {**os.environ, "PIPELINE_TARGET_DIR": str(app / "out"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(*arguments):
        return subprocess.run([sys.executable, "run.py", *arguments], cwd=app, env=environment, capture_output=True, text=True)

    assert run().returncode == 0
    (app / "helpers.py").write_text("SCALE = 20\ndef score(x):\n    return x * SCALE\n")
    before = sorted(path for path in (app / "out").rglob("*"))
    told = run("plan").stdout
    assert "CODE         Score()" in told
    assert "helpers.SCALE changed" in told
    assert "-SCALE = 10" in told
    assert "+SCALE = 20" in told
    assert "UPSTREAM     After()" in told
    assert "2 would run (1 of them only if what they need comes out differently), about" in told
    machine = json.loads(run("plan", "--json").stdout)
    assert [(row["family"], row["rule"], row["kind"]) for row in machine] == [("Score", "CODE", "step"), ("After", "UPSTREAM", "step")]
    assert all(row["expected_seconds"] >= 0 for row in machine)
    assert sorted(path for path in (app / "out").rglob("*")) == before, "a plan writes nothing"
    assert "1 would be accepted" in run("accept", "Score").stdout
    assert "1 accepted" in run("accept", "Score", "--yes").stdout
    assert "0 ran, 2 kept" in run().stdout
    assert "2 ran, 0 kept" in run("--force", "Score").stdout  # it comes out differently, so what is below runs as well
    assert run("--force", "Scor").returncode == 2
    assert "2 audited, 0 different" in run("audit").stdout
    assert "1 trimmed" in run("trim", "Score", "--yes").stdout
    assert "0 ran, 2 kept" in run().stdout


def test_expected_durations_come_from_earlier_runs(ran):
    for n in (1, 2, 3):
        ran(Base(n=n))
        Base(n=n).target.rewrite(dataclasses.replace(Base(n=n).target.record, duration=60.0 * n))
    found = rows(pipeline.plan([Base(n=9), Base(n=1)]))
    assert [row.expected for row in found] == [120.0, None]
    assert summary(found) == "1 would run, about 2 minutes; 1 kept"


def test_what_a_step_asks_for_while_it_runs_is_told(ran, monkeypatch):
    class Asks(Task):
        def easy_run(self, inputs):
            return sum((yield [Base(n=n) for n in (1, 2, 3)]))

    ran(Asks())
    assert [row.asked_for for row in rows(pipeline.plan(Asks()))] == [0, 0, 0, 0]
    monkeypatch.setattr(Asks, "version", "2", raising=False)
    found = rows(pipeline.plan([Asks(), Base(n=1)]))
    assert [row.asked_for for row in found] == [2, 0]
    assert json.loads(json.dumps(found[0].to_json()))["asked_for"] == 2
    assert summary(found).startswith("1 would run, about")
    assert summary(found).endswith(", and what these ask for while they run; 1 kept")


class Brittle(Task):
    cache_failures = True

    def requires(self):
        return Base(n=1)

    def easy_run(self, inputs):
        raise ValueError(f"{inputs} is too little")


class NeedsBrittle(Task):
    def requires(self):
        return Brittle()

    def easy_run(self, inputs):
        return 1


def test_a_step_that_would_fail_as_before_is_told(monkeypatch):
    assert [row.failed_before for row in rows(pipeline.plan(NeedsBrittle()))] == [""] * 3
    assert not pipeline.build(NeedsBrittle()).ok
    found = rows(pipeline.plan([NeedsBrittle(), Base(n=2)]))
    words = found[1].to_json()["failed_before"]
    assert words.startswith("failed at 2")
    assert words.endswith(" with the same code, parameters and inputs: ValueError: 1 is too little")
    assert [row.waits_for for row in found] == [None, None, Brittle(), None]
    assert summary(found).startswith("1 would run, about")
    assert summary(found).endswith("; 1 would fail as before (--retry-failed tries again); 1 cannot, since what they need is not there; 1 kept")
    Base(n=1).target.rewrite(dataclasses.replace(Base(n=1).target.record, digest="of others"))
    assert [row.failed_before for row in rows(pipeline.plan(NeedsBrittle()))] == [""] * 3, "another input may mend it"
    monkeypatch.setattr(Brittle, "easy_run", lambda self, inputs: inputs + 1)
    assert [row.failed_before for row in rows(pipeline.plan(NeedsBrittle()))] == [""] * 3, "and so may other code"


class Remembers(Task):
    target_type = MemoryTarget

    def easy_run(self, inputs):
        return 1


class BrittleOfMemory(Brittle):
    def requires(self):
        return Remembers()


def test_a_kept_failure_of_what_is_in_no_memory_any_more_is_planned():
    assert not pipeline.build(BrittleOfMemory()).ok
    MemoryTarget._kept.clear()
    assert [str(row.verdict.rule) for row in rows(pipeline.plan(BrittleOfMemory()))] == ["MISSING", "MISSING"]


class Delivered(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("delivered.csv")


class Raw(Task):
    def requires(self):
        return [Base(n=1), ExternalFile("missing.csv")]

    def easy_run(self, inputs):
        return 1


class Plain(luigi.Task):
    def requires(self):
        return Delivered()

    def output(self):
        return luigi.LocalTarget("plain.csv")


class Above(Task):
    needs = luigi.ChoiceParameter(choices=["raw", "plain"])

    def requires(self):
        return {"raw": Raw, "plain": Plain}[self.needs]()

    def easy_run(self, inputs):
        return 2


def test_what_cannot_run_names_the_file_that_is_not_there(ran, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = rows(pipeline.plan([Above(needs="raw"), Above(needs="plain")]))
    assert {repr(row.task): row.to_json()["waits_for"] for row in found} == {
        repr(Base(n=1)): "",
        repr(ExternalFile("missing.csv")): "",
        repr(Raw()): repr(ExternalFile("missing.csv")),
        repr(Above(needs="raw")): repr(ExternalFile("missing.csv")),
        repr(Delivered()): "",
        repr(Plain()): "Delivered()",
        repr(Above(needs="plain")): "Delivered()",
    }
    assert summary(found) == "1 would run; 4 cannot, since what they need is not there; 0 kept"


def test_what_is_kept_waits_for_nothing(ran, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "missing.csv").write_text("1")
    ran(Above(needs="raw"))
    assert [row.waits_for for row in rows(pipeline.plan(Above(needs="raw")))] == [None] * 4
    assert summary(rows(pipeline.plan(Above(needs="raw")))) == "0 would run; 3 kept"


def test_a_task_that_was_never_made_names_the_parameter_in_which_it_differs(ran):
    ran(Base(n=1))
    (row,) = rows(pipeline.plan(Base(n=9)))
    assert row.nearest == "n=1"
    assert row.verdict.rule == "MISSING"


class OnDay(Task):
    day = luigi.DateParameter()

    def easy_run(self, inputs):
        return 1


def test_a_date_in_which_it_differs_is_shown_as_one():
    pipeline.build(OnDay(day=datetime.date(2026, 1, 1)))
    (row,) = rows(pipeline.plan(OnDay(day=datetime.date(2026, 1, 2))))
    assert row.nearest == "day=2026-01-01"


def test_another_requirement_is_named_as_it_was_and_as_it_is(ran, monkeypatch):
    class Use(Task):
        wanted = 1

        def requires(self):
            return {"base": Base(n=self.wanted)}

        def easy_run(self, inputs):
            return inputs["base"]

    monkeypatch.setattr(Use, "on_code_change", "ignore")
    ran(Use())
    monkeypatch.setattr(Use, "wanted", 2)
    assert str(pipeline.plan(Use()).verdicts[Use()]) == "REQUIREMENTS: inputs['base'] is another task than Base(n=1): Base(n=2)"


def test_files_that_a_step_reads_count(app, ran):
    (app / "query.sql").write_text("select 1")
    (app / "reading.py").write_text(
        "import pathlib\nfrom pipeline import Task\n\nclass Query(Task):\n    reads = ('query.sql',)\n    def easy_run(self, inputs):\n"
        "        return pathlib.Path(__file__).with_name('query.sql').read_text()\n"
    )
    import reading

    ran(reading.Query())
    (app / "query.sql").write_text("select 2")
    assert str(pipeline.plan(reading.Query()).verdicts[reading.Query()]) == "CODE: reads query.sql changed"
    assert ran(reading.Query()) == ["Query"]
    pathlib.Path("query.sql").unlink()
    with pytest.raises(pipeline.ConfigurationError, match=r"Query reads 'query.sql', which is neither in"):
        pipeline.plan(reading.Query())

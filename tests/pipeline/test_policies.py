"""What a user can say about when a step runs: policies, freshness, forcing, accepting, trimming, checks."""

import dataclasses
import datetime
import json
import logging
import os
import pathlib
import subprocess
import sys
import textwrap

import luigi
import pandas as pd
import pytest

import pipeline
from pipeline import Task, inherit_list, verdict
from pipeline.explaining import rows, summary
from pipeline.scope import Scope
from targets import JsonTarget, ParquetTarget


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


class Base(Task):
    target_type = JsonTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return self.n


@inherit_list(Base)
class Middle(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return inputs[0]


@inherit_list(Middle)
class Top(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return inputs[0]


@pytest.mark.parametrize(
    ("force", "expected"),
    [
        ("Middle", ["Middle"]),
        ("Middle+", ["Middle", "Top"]),
        ("Base+", ["Base", "Middle", "Top"]),
        (["Base", "Top"], ["Base", "Top"]),
        ("all", ["Base", "Middle", "Top"]),
        (Middle, ["Middle"]),
        (lambda: Middle(), ["Middle"]),
        (lambda: Base().key[:12], ["Base"]),
        (lambda: [Base().key[:12] + "+"], ["Base", "Middle", "Top"]),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_forced_runs_once(force, expected, workers, ran):
    ran(Top())
    chosen = force() if callable(force) and not isinstance(force, type) else force
    assert ran(Top(), force=chosen, workers=workers) == expected
    assert ran(Top()) == []


def test_forcing_a_name_that_is_not_there_is_refused():
    with pytest.raises(pipeline.PlanningError, match=r"named 'Middel'.*did you mean 'Middle'"):
        pipeline.build(Top(), force="Middel")


def edited(kind, result):
    """The class with another body, as after an edit of its file."""

    class Edited(kind):
        def easy_run(self, inputs):
            return result

    Edited.__name__ = Edited.__qualname__ = kind.__name__
    Edited.__module__ = kind.__module__
    return Edited


@pytest.mark.parametrize(("policy", "runs"), [("rerun", True), ("warn", False), ("ignore", False)])
def test_what_a_code_change_means_is_a_policy(policy, runs, ran, monkeypatch, caplog):
    ran(Base())
    monkeypatch.setattr(Base, "on_code_change", policy)
    monkeypatch.setattr(Base, "easy_run", lambda self, inputs: 5)
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        assert ran(Base()) == (["Base"] if runs else [])
    assert ("its outputs are kept" in caplog.text) == (policy == "warn")


def test_the_policy_of_the_configuration_holds_where_the_class_says_nothing(ran, monkeypatch):
    ran(Base())
    luigi.configuration.get_config().set("pipeline", "on_code_change", "ignore")
    monkeypatch.setattr(Base, "easy_run", lambda self, inputs: 5)
    assert ran(Base()) == []


def test_a_wrong_policy_is_refused(ran, monkeypatch):
    ran(Base())
    monkeypatch.setattr(Base, "on_code_change", "sometimes")
    with pytest.raises(pipeline.ConfigurationError, match="on_code_change of Base is 'sometimes'"):
        pipeline.build(Base())


def test_any_plain_version_is_a_part_of_the_step(ran, monkeypatch):
    for version in [(1, "a"), (1, "b"), {"a": [1, None]}, {"a": [2, None]}, None, True, 1, 1.0, "1"]:
        monkeypatch.setattr(Base, "version", version)
        assert ran(Base()) == ["Base"]
        assert ran(Base()) == []
    monkeypatch.setattr(Base, "version", object())
    with pytest.raises(pipeline.TaskDefinitionError, match="Base.version is"):
        pipeline.plan(Base())


def test_the_version_is_a_part_of_the_step(ran, monkeypatch):
    ran(Base())
    monkeypatch.setattr(Base, "version", "2")
    assert str(pipeline.plan(Base()).verdicts[Base()]) == "CODE: version is now used"
    assert ran(Base()) == ["Base"]


def with_older_library(task):
    record = task.target.record
    assert record.libraries
    task.target.rewrite(dataclasses.replace(record, libraries=dict.fromkeys(record.libraries, "0.0.1")))


@pytest.mark.parametrize(("policy", "runs"), [("rerun", True), ("warn", False), ("ignore", False), (None, False)])
def test_what_another_library_version_means_is_a_policy(policy, runs, ran, monkeypatch):
    class Frame(Task):
        on_library_change = policy
        target_type = ParquetTarget

        def easy_run(self, inputs):
            return pd.DataFrame({"x": [1]})

    ran(Frame())
    with_older_library(Frame())
    plan = pipeline.plan(Frame())
    notes = [note for row in rows(plan) for note in row.notes]
    assert plan.verdicts[Frame()].rule == ("LIBRARY" if runs else "CURRENT")
    assert bool(notes) == (policy in ("warn", None))
    assert ran(Frame()) == (["Frame"] if runs else [])


def test_accepted_code_runs_nothing_and_is_remembered(ran, monkeypatch):
    ran(Top())
    before = Middle().target.record.fingerprint
    monkeypatch.setattr(Middle, "easy_run", lambda self, inputs: inputs[0] + 0)
    assert [row.task for row in pipeline.accept(Top())] == [Middle()]
    assert pipeline.plan(Top()).verdicts[Middle()].rule == "CODE"  # a dry run changes nothing
    pipeline.accept(Top(), ["Middle"], dry_run=False)
    assert ran(Top()) == []
    record = Middle().target.record
    assert record.accepted["from"] == before
    assert record.accepted["at"] > 0
    assert record.fingerprint != before


def test_a_trimmed_intermediate_keeps_everything_below_current(ran, store):
    ran(Top())
    assert pipeline.trim([Middle()]) == [Middle()]
    assert list((store / "Middle").glob("*[!d].json")) == []
    assert Middle().complete()
    assert ran(Top()) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("plain", [False, True])
def test_a_trimmed_intermediate_is_made_again_if_it_is_needed(workers, plain, ran, monkeypatch):
    ran(Top())
    pipeline.trim([Middle()])
    Top().remove()
    if plain:
        assert luigi.build([Top()], local_scheduler=True, workers=workers, log_level="ERROR")
    else:
        assert ran(Top(), workers=workers) == ["Middle", "Top"]
    assert Top().load() == 1
    assert Middle().load() == 1
    assert ran(Top()) == []


def test_loading_what_was_trimmed_says_so(ran):
    ran(Middle())
    pipeline.trim([Middle()])
    with pytest.raises(pipeline.PipelineError, match="were trimmed"):
        Middle().load()


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


def test_a_step_can_say_what_its_consumers_depend_on(ran, monkeypatch):
    class Noisy(Task):
        target_type = JsonTarget

        def easy_run(self, inputs):
            return {"score": 1, "noise": os.environ.get("NOISE", "")}

        def identity(self, output):
            return output["score"]

    class Use(Task):
        def requires(self):
            return Noisy()

        def easy_run(self, inputs):
            return inputs["score"]

    ran(Use())
    monkeypatch.setenv("NOISE", "other")
    assert ran(Use(), force="Noisy") == ["Noisy"]


def test_the_plan_names_the_helper_and_shows_how_it_changed(app):
    (app / "helpers.py").write_text("SCALE = 10\ndef score(x):\n    return x * SCALE\n")
    (app / "steps.py").write_text(
        textwrap.dedent(
            """
            import helpers
            from pipeline import Task
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
    assert [(row["family"], row["rule"], row["kind"]) for row in machine] == [("Score", "CODE", "task"), ("After", "UPSTREAM", "task")]
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


def test_the_audit_names_steps_that_give_other_bytes(ran):
    class Random(Task):
        target_type = JsonTarget

        def easy_run(self, inputs):
            import random

            return random.random()

    class Fixed(Task):
        def easy_run(self, inputs):
            return 1

    ran(Random(), Fixed())
    stored = Random().load()
    found = {row.task: row for row in pipeline.audit([Random(), Fixed()])}
    assert found[Fixed()].same
    assert not found[Random()].same
    assert "random generator" in found[Random()].reason
    assert Random().load() == stored
    assert len(pipeline.audit([Random(), Fixed()], sample=1)) == 1


def test_expected_durations_come_from_earlier_runs(ran):
    for n in (1, 2, 3):
        ran(Base(n=n))
        Base(n=n).target.rewrite(dataclasses.replace(Base(n=n).target.record, duration=60.0 * n))
    found = rows(pipeline.plan([Base(n=9), Base(n=1)]))
    assert [row.expected for row in found] == [120.0, None]
    assert summary(found) == "1 would run, about 2 minutes; 1 kept"


def test_a_task_that_was_never_made_names_the_parameter_in_which_it_differs(ran):
    ran(Base(n=1))
    (row,) = rows(pipeline.plan(Base(n=9)))
    assert row.nearest == "n=1"
    assert row.verdict.rule == "MISSING"


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

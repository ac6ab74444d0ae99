"""What a user can say about when a step runs: forcing, policies, versions, accepting, trimming, auditing."""

import dataclasses
import logging
import os

import luigi
import pandas as pd
import pytest
from chain import Base, Middle, Top

import pipeline
import targets
from pipeline import Task, WrapperTask
from pipeline.explaining import rows
from targets import JsonTarget, ParquetTarget
from targets.local_store import LocalStore


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


class Doubling:
    def predict(self, x):
        return x * 2


class Train(Task):
    outputs = {"model": targets.PickleTarget, "scores": JsonTarget}

    def easy_run(self, inputs):
        return {"model": Doubling(), "scores": [1]}


class Trained(WrapperTask):
    def requires(self):
        return {"model": Train()["model"], "base": Base()}


class UsesPart(Task):
    def requires(self):
        return Train()["model"]

    def easy_run(self, inputs):
        return inputs.predict(1)


class UsesWrapper(Task):
    def requires(self):
        return [Trained()]

    def easy_run(self, inputs):
        return inputs[0]["model"].predict(1)


class Asks(Task):
    def easy_run(self, inputs):
        scores = yield Train()["scores"]
        model = yield {"model": Train()["model"]}
        return model["model"].predict(scores[0])


@pytest.mark.parametrize(
    ("use", "required"),
    [(UsesPart, "Train()['model']"), (UsesWrapper, "Trained()"), (Asks, "Train()['model'], required while running,")],
)
def test_what_a_pickle_means_is_accepted_wherever_it_is_used(use, required, ran, monkeypatch):
    ran(use())
    monkeypatch.setattr(Doubling, "predict", lambda self, x: x + x)
    pipeline.accept([Train(), use()], ["Train"], dry_run=False)
    reason = f"INPUT: {required} has another meaning: {__name__}.Doubling in its pickle changed"
    assert str(pipeline.plan(use()).verdicts[use()]) == reason
    assert [(row.task, row.reason) for row in pipeline.accept(use(), dry_run=False)] == [(use(), reason)]
    assert ran(use()) == []


@pytest.mark.parametrize("use", [UsesPart, UsesWrapper, Asks])
def test_another_content_cannot_be_accepted(use, ran, monkeypatch):
    ran(use())
    monkeypatch.setattr(Train, "easy_run", lambda self, inputs: {"model": Doubling(), "scores": [3]} | {"model": [Doubling()]})
    pipeline.build(Train())
    assert pipeline.plan(use()).verdicts[use()].reason.endswith("has another content")
    assert pipeline.accept(use(), dry_run=False) == []
    assert pipeline.plan(use()).verdicts[use()].rule == "INPUT"


def test_of_a_wrapper_for_many_nobody_looks_for_what_differs(ran, monkeypatch):
    class One(Task):
        n = luigi.IntParameter()

        def easy_run(self, inputs):
            return self.n

    class Many(WrapperTask):
        def requires(self):
            return [One(n) for n in range(101)]

    class UsesMany(Task):
        def requires(self):
            return Many()

        def easy_run(self, inputs):
            return sum(inputs)

    ran(UsesMany())
    monkeypatch.setattr(One, "easy_run", lambda self, inputs: self.n + 1)
    ran(Many())
    assert str(pipeline.plan(UsesMany()).verdicts[UsesMany()]) == "INPUT: Many() has another content or meaning"


@pytest.fixture
def made_by_others(monkeypatch):
    """Between a judgement and the lock another process, with other code, makes Middle anew."""
    lock = LocalStore.lock

    def later(store, key, waiting=None):
        if key == Middle().key:
            target = Middle().target
            with lock(store, key):
                target.rewrite(dataclasses.replace(target.record, fingerprint="of others"))
        return lock(store, key, waiting)

    return lambda: monkeypatch.setattr(LocalStore, "lock", later)


def test_what_others_made_meanwhile_is_not_accepted(ran, monkeypatch, made_by_others, caplog):
    ran(Top())
    monkeypatch.setattr(Middle, "easy_run", lambda self, inputs: inputs[0] + 0)
    made_by_others()
    assert pipeline.accept(Top(), ["Middle"], dry_run=False) == []
    assert Middle().target.record.fingerprint == "of others"
    assert f"{Middle()!r} has changed meanwhile, and is left as it is" in caplog.text


def test_what_others_made_meanwhile_is_not_trimmed(ran, made_by_others):
    ran(Top())
    made_by_others()
    assert pipeline.trim([Middle()]) == []
    assert Middle().target.exists()


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


def test_an_audit_leaves_out_what_has_no_data_to_run_on(ran, caplog):
    ran(Top())
    pipeline.trim([Base()])
    assert {type(row.task).__name__ for row in pipeline.audit(Top())} == {"Top"}
    assert f"{Middle()!r} is left out of the audit: the data of {Base()!r} are not at hand" in caplog.text


def test_an_audit_says_what_failed_and_goes_on(ran, tmp_path):
    class Moody(Task):
        def easy_run(self, inputs):
            if os.path.exists(tmp_path / "mood"):
                raise ValueError("not today")
            return 1

    ran(Moody(), Top())
    (tmp_path / "mood").touch()
    found = {row.task: row for row in pipeline.audit([Moody(), Top()])}
    assert (found[Moody()].same, found[Moody()].reason) == (False, "it failed: ValueError: not today")
    assert found[Top()].same


@pytest.mark.parametrize("name", ["on_code_change", "on_library_change"])
def test_a_policy_that_is_none_is_refused_where_the_class_is_defined(name):
    with pytest.raises(pipeline.PipelineError, match=f"Wrong.{name} is 're-run': it must be one of rerun, warn, ignore"):
        type("Wrong", (Task,), {"easy_run": lambda self, inputs: 1, name: "re-run"})


def test_removing_many_outputs_leaves_nothing_of_them_and_all_of_others(ran, store):
    class Talks(Task):
        n = luigi.IntParameter()
        target_type = JsonTarget

        def easy_run(self, inputs):
            print("hello")
            return self.n

    ran(*map(Talks, range(12)))
    assert pipeline.remove([Talks(n) for n in range(1, 12)]) == 11
    assert sorted(path.name.partition(".")[2] for path in (store / "Talks").iterdir()) == ["json", "log", "record.json"]
    assert ran(*map(Talks, range(12))) == ["Talks"] * 11

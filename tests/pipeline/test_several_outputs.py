"""Several outputs of one step: one record, and each of them a requirement of its own."""

import pytest

import pipeline
from pipeline import Task
from targets import JsonTarget, PickleTarget


class Parts(Task):
    outputs = {"model": PickleTarget, "scores": JsonTarget}

    def easy_run(self, inputs):
        return {"model": {"weights": [1, 2]}, "scores": {"auc": 0.9}}


def test_several_outputs_have_one_record(ran, store):
    ran(Parts())
    assert Parts().load() == {"model": {"weights": [1, 2]}, "scores": {"auc": 0.9}}
    assert len(list(store.rglob("*.record.json"))) == 1
    assert {part.name for part in Parts().output().record.parts} == {"model", "scores"}


def test_a_part_is_a_requirement_that_loads_it_alone(ran):
    class Use(Task):
        def requires(self):
            return {"scores": Parts()["scores"], "all": Parts()}

        def easy_run(self, inputs):
            return [inputs["scores"], sorted(inputs["all"])]

    assert ran(Use()) == ["Parts", "Use"]
    assert Use().load() == [{"auc": 0.9}, ["model", "scores"]]
    assert Parts()["scores"].load() == {"auc": 0.9}


def test_only_who_uses_a_changed_part_runs(ran, monkeypatch):
    class UseModel(Task):
        def requires(self):
            return Parts()["model"]

        def easy_run(self, inputs):
            return inputs

    class UseScores(Task):
        def requires(self):
            return Parts()["scores"]

        def easy_run(self, inputs):
            return inputs

    ran(UseModel(), UseScores())
    Parts().remove()
    monkeypatch.setattr(Parts, "easy_run", lambda self, inputs: {"model": {"weights": [1, 2]}, "scores": {"auc": 0.8}})
    assert ran(UseModel(), UseScores()) == ["Parts", "UseScores"]


def test_one_missing_part_makes_the_step_again(ran, store):
    ran(Parts())
    next(store.rglob("*.scores.json")).unlink()
    assert ran(Parts()) == ["Parts"]


def test_an_unknown_part_is_refused():
    with pytest.raises(pipeline.ParameterError, match="has no output 'nothing': it has model, scores"):
        Parts()["nothing"]

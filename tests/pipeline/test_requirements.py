"""Requirements in every shape, static and asked for while running."""

import os
import subprocess
import sys
from typing import NamedTuple

import luigi
import pandas as pd
import pytest

import pipeline
from pipeline import Task, inherit_dict, inherit_list
from targets import DummyTarget, JsonTarget, ParquetTarget, PickleTarget


class Leaf(Task):
    n = luigi.IntParameter()
    target_type = JsonTarget

    def easy_run(self, inputs):
        if os.environ.get("BROKEN_LEAF") == str(self.n):
            raise ValueError("broken leaf")
        return self.n * int(os.environ.get("LEAF_FACTOR", "1"))


class Pair(NamedTuple):
    left: object
    right: object


SHAPES = [
    (lambda: Leaf(n=1), 1),
    (list, []),
    (lambda: None, []),
    (lambda: [Leaf(n=1), Leaf(n=2)], [1, 2]),
    (lambda: (Leaf(n=1), Leaf(n=2)), (1, 2)),
    (lambda: {"a": Leaf(n=1), 2: Leaf(n=2)}, {"a": 1, 2: 2}),
    (lambda: {"grid": [[Leaf(n=1)], [Leaf(n=2), Leaf(n=3)]], "t": (Leaf(n=4), {"x": Leaf(n=5)}), "none": []},
     {"grid": [[1], [2, 3]], "t": (4, {"x": 5}), "none": []}),
    (lambda: (Leaf(n=n) for n in (1, 2)), [1, 2]),
    (lambda: Pair(Leaf(n=1), [Leaf(n=2)]), Pair(1, [2])),
    (lambda: [Leaf(n=1), Leaf(n=1)], [1, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "expected"), SHAPES)
def test_inputs_have_the_shape_of_what_is_required(shape, expected, ran):
    seen = []

    class Step(Task):
        def requires(self):
            return shape()

        def easy_run(self, inputs):
            seen.append(inputs)
            return 1

    ran(Step())
    assert seen == [expected]
    assert type(seen[0]) is type(expected)
    assert ran(Step()) == []


def test_a_plain_luigi_target_is_handed_over_unloaded(ran, tmp_path):
    class Plain(luigi.Task):
        def output(self):
            return luigi.LocalTarget(str(tmp_path / "plain.txt"))

        def run(self):
            with self.output().open("w") as file:
                file.write("hello")

    class Step(Task):
        def requires(self):
            return [Plain()]

        def easy_run(self, inputs):
            return inputs[0].open().read()

    assert ran(Step()) == ["Plain", "Step"]
    assert Step().load() == "hello"
    assert ran(Step()) == []
    (tmp_path / "plain.txt").write_text("changed")
    assert ran(Step()) == ["Step"]
    (tmp_path / "plain.txt").unlink()
    assert ran(Step()) == ["Plain", "Step"]


def test_options_of_a_requirement_are_those_of_its_format(ran):
    class Frame(Task):
        target_type = ParquetTarget

        def easy_run(self, inputs):
            return pd.DataFrame({"x": [1, 2], "y": [3, 4]})

    @inherit_dict(frame=Frame, again=Frame)
    class ByName(Task):
        load_options = {"frame": {"columns": ["x"]}}

        def easy_run(self, inputs):
            return [list(inputs["frame"]), list(inputs["again"])]

    @inherit_list(Frame)
    class ByHook(Task):
        def load_input_params(self, target):
            return {"columns": ["y"]} if isinstance(target, ParquetTarget) and isinstance(target.task, Frame) else {}

        def easy_run(self, inputs):
            return list(inputs[0])

    ran(ByName(), ByHook())
    assert ByName().load() == [["x"], ["x", "y"]]
    assert ByHook().load() == ["y"]
    assert list(Frame().load(columns=["y"])) == ["y"]

    class OfAllInAList(Task):
        load_options = {"frames": {"columns": ["x"]}}

        def requires(self):
            return {"frames": [Frame(), Frame()]}

        def easy_run(self, inputs):
            return [list(one) for one in inputs["frames"]]

    class Single(Task):
        load_options = {0: {"columns": ["y"]}}

        def requires(self):
            return Frame()

        def easy_run(self, inputs):
            return list(inputs)

    ran(OfAllInAList(), Single())
    assert OfAllInAList().load() == [["x"], ["x"]]
    assert Single().load() == ["y"]


def test_options_for_what_is_not_required_are_told(ran, caplog):
    @inherit_dict(leaf=Leaf)
    class Misspelt(Task):
        load_options = {"laef": {"columns": ["x"]}}

        def easy_run(self, inputs):
            return 1

    class Below(Misspelt):
        inherited_requirements = ()

        def requires(self):
            return []

    class Frame(Task):
        target_type = ParquetTarget

        def easy_run(self, inputs):
            return pd.DataFrame({"x": [1, 2], "y": [3, 4]})

    class Yields(Task):
        load_options = {0: {"columns": ["x"]}}

        def easy_run(self, inputs):
            return list((yield [Frame()])[0])

    ran(Below(n=1), Yields())
    assert Yields().load() == ["x"]
    assert "no effect" not in caplog.text
    ran(Misspelt(n=1))
    assert "load_options names 'laef', which is none of its requirements: it has no effect" in caplog.text


class Sum(Task):
    upto = luigi.IntParameter()
    target_type = JsonTarget

    def easy_run(self, inputs):
        total = 0
        for n in range(1, self.upto + 1):
            total += yield Leaf(n=n)
        return total


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_yielded_comes_back_loaded(workers, ran):
    class Step(Task):
        def easy_run(self, inputs):
            one = yield Leaf(n=1)
            some = yield [Leaf(n=2), Leaf(n=3)]
            named = yield {"x": Leaf(n=4), "more": (Leaf(n=5),)}
            return [one, some, named]

    run = pipeline.build(Step(), workers=workers)
    assert sorted(task.task_family for task in run.ran) == ["Leaf"] * 5 + ["Step"]
    assert {str(run.outcomes[task].verdict) for task in run.ran} == {"MISSING: it was never made, or was removed"}
    assert Step().load() == [1, [2, 3], {"x": 4, "more": (5,)}]
    assert ran(Step(), workers=workers) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_removed_requirement_of_the_past_is_made_again_alone(workers, ran):
    ran(Sum(upto=3), workers=workers)
    Leaf(n=2).remove()
    assert ran(Sum(upto=3), workers=workers) == ["Leaf"]


def test_a_requirement_of_the_past_that_changed_runs_the_step_again(ran, monkeypatch):
    ran(Sum(upto=3))
    Leaf(n=2).remove()
    monkeypatch.setenv("LEAF_FACTOR", "10")
    assert ran(Sum(upto=3)) == ["Leaf", "Sum"]
    assert Sum(upto=3).load() == 1 + 20 + 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_requirement_of_the_past_that_fails_does_not_fail_the_step(workers, ran, monkeypatch):
    class Fickle(Task):
        def easy_run(self, inputs):
            return (yield Leaf(n=int(os.environ["WANTED_LEAF"])))

    monkeypatch.setenv("WANTED_LEAF", "1")
    ran(Fickle(), workers=workers)
    Leaf(n=1).remove()
    monkeypatch.setenv("WANTED_LEAF", "2")
    monkeypatch.setenv("BROKEN_LEAF", "1")
    assert ran(Fickle(), workers=workers) == ["Fickle", "Leaf"]
    assert Fickle().load() == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_yielded_task_that_fails_skips_the_step(workers, monkeypatch):
    monkeypatch.setenv("BROKEN_LEAF", "2")
    run = pipeline.build(Sum(upto=3), workers=workers)
    assert run.failed == [Leaf(n=2)]
    assert run.skipped == [Sum(upto=3)]


class Mid(Task):
    def requires(self):
        return Leaf(n=1)

    def easy_run(self, inputs):
        return inputs


class AsksForBoth(Task):
    timeout = luigi.IntParameter(default=0, significant=False)

    def easy_run(self, inputs):
        one, mid = yield [Leaf(n=2), Mid()]
        return one + mid


# A step with a timeout has a process of its own also where there is one worker.
@pytest.mark.parametrize("way", [{}, {"workers": 2}, {"engine": "processes"}, {"timeout": 60}])
def test_what_is_yielded_and_was_trimmed_is_made_again(way, ran):
    way = dict(way)
    step = AsksForBoth(timeout=way.pop("timeout", 0))
    ran(step)
    pipeline.trim([Leaf(n=2), Mid()])
    step.remove()
    assert ran(step, **way) == ["AsksForBoth", "Leaf", "Mid"]
    assert step.load() == 3


def test_what_is_yielded_and_was_trimmed_is_made_again_under_luigi(ran):
    ran(Sum(upto=2))
    pipeline.trim([Leaf(n=2)])
    Sum(upto=2).remove()
    assert luigi.build([Sum(upto=2)], local_scheduler=True, workers=2)
    assert Sum(upto=2).load() == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_yielded_and_was_damaged_is_made_again_and_counted(workers, ran, capsys):
    ran(Sum(upto=2))
    path = Leaf(n=2).target.path
    with open(path, "r+b") as file:
        file.write(b"9")
    Sum(upto=2).remove()
    run = pipeline.build(Sum(upto=2), workers=workers, progress=True)
    assert run.ran == [Sum(upto=2), Leaf(n=2)]
    assert run.damaged == [Leaf(n=2)]
    assert Sum(upto=2).load() == 3
    told = capsys.readouterr()
    assert "2 ran" in told.out + told.err
    assert "DAMAGED" in told.out + told.err


def test_dynamic_requirements_of_luigi_are_understood(ran):
    class Step(Task):
        def easy_run(self, inputs):
            return (yield luigi.DynamicRequirements([Leaf(n=1), Leaf(n=2)]))

    ran(Step())
    assert Step().load() == [1, 2]


def test_a_function_can_be_the_step(ran):
    def add(one, two, *, factor=1):
        return (one + two) * factor

    class Add(Task):
        factor = luigi.IntParameter(default=2)
        task_function = add

        def requires(self):
            return [Leaf(n=1), Leaf(n=2)]

    class AddNamed(Task):
        task_function = staticmethod(lambda a, b, **params: [a, b, params])
        extra = luigi.IntParameter(default=5)

        def requires(self):
            return {"a": Leaf(n=1), "b": Leaf(n=2)}

    ran(Add(), AddNamed())
    assert Add().load() == 6
    assert AddNamed().load() == [1, 2, {"extra": 5}]


def test_a_step_run_for_its_effect_stores_nothing_but_its_record(ran, store):
    class Notify(Task):
        target_type = DummyTarget

        def requires(self):
            return Leaf(n=1)

        def easy_run(self, inputs):
            return object()

    assert ran(Notify()) == ["Leaf", "Notify"]
    assert ran(Notify()) == []
    assert Notify().load() is None
    assert [path.name.endswith(".record.json") for path in (store / "Notify").iterdir()] == [True]


def test_changing_the_format_makes_the_output_again(ran, monkeypatch, store):
    ran(Leaf(n=1))
    monkeypatch.setattr(Leaf, "target_type", PickleTarget)
    assert "stored as json" in str(pipeline.plan(Leaf(n=1)).verdicts[Leaf(n=1)])
    assert ran(Leaf(n=1)) == ["Leaf"]
    assert sorted(path.suffix for path in (store / "Leaf").iterdir()) == [".json", ".pkl"]  # record and pickle


class LossyFetch(Task):
    x = luigi.Parameter()

    def easy_run(self, inputs):
        return self.x


class AsksForLossy(Task):
    def easy_run(self, inputs):
        return (yield LossyFetch(x=5))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_asked_for_and_is_another_one_as_text_ends_in_words(workers):
    """Luigi makes what was yielded anew from its parameters as text: without an end it would be asked for again and again."""
    for _ in ("it is made", "it is there"):
        run = pipeline.build(AsksForLossy(), workers=workers)
        assert run.failed == [AsksForLossy()]
        assert "LossyFetch(x='5'), which it asked for, was made and is another one" in str(run.outcomes[AsksForLossy()].error)


@pytest.mark.parametrize(("value", "called"), [([0, 1], [[0, 1]]), ({"a": 1}, [{"a": 1}])])
def test_a_function_gets_what_a_single_requirement_gave_as_it_is(value, called):
    class Gives(Task):
        def easy_run(self, inputs):
            return value

    class Counts(Task):
        task_function = lambda *given: list(given)  # noqa: E731

        def requires(self):
            return Gives()

    assert pipeline.build(Counts()).ok
    assert Counts().load() == called


def test_a_store_that_a_class_names_stays_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Moves(Task):
        TARGET_DIR = "kept"

        def easy_run(self, inputs):
            (tmp_path / "elsewhere").mkdir()
            os.chdir(tmp_path / "elsewhere")
            return 1

    assert pipeline.build(Moves()).ok
    os.chdir(tmp_path)
    assert Moves().complete()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_store_may_lie_in_ones_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    class AtHome(Task):
        TARGET_DIR = "~/kept"

        def easy_run(self, inputs):
            return 1

    assert pipeline.build(AtHome()).ok
    assert (tmp_path / "kept").is_dir()


def test_a_set_has_the_same_places_in_every_process(app):
    (app / "flow.py").write_text(
        "import luigi\nfrom pipeline import Task\nclass One(Task):\n    name = luigi.Parameter()\n    def easy_run(self, inputs):\n"
        "        return self.name\nclass All(Task):\n    def requires(self):\n        return {One(name=name) for name in 'abcdef'}\n"
        "    def easy_run(self, inputs):\n        return sorted(inputs)\n"
    )
    told = "import pipeline, flow; print(len(pipeline.build(flow.All()).ran))"
    ran = []
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        ran.append(subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True).stdout.strip())
    assert ran == ["7", "0", "0"]

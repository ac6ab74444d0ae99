"""Tests of an app's steps, as the app's author writes them with `pipeline.testing`."""

import contextlib
import os
import pathlib
import subprocess
import sys

import luigi
import pandas as pd
import pytest

import pipeline
from pipeline import ExternalFile, Task, WrapperTask, inherit_dict, inherit_list
from pipeline.testing import assert_reruns, mock_outputs, run_step, temporary_store
from targets import JsonTarget, ParquetTarget

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    target_type = ParquetTarget

    def easy_run(self, inputs):
        return pd.DataFrame({"x": range(self.rows), "y": [2.0 * x for x in range(self.rows)]})


def slope(frame):
    return float((frame["x"] * frame["y"]).sum() / (frame["x"] ** 2).sum())


@inherit_list(Ingest)
class Train(Task):
    l2 = luigi.FloatParameter(default=0.0)
    target_type = JsonTarget

    def easy_run(self, inputs):
        return slope(inputs[0]) - self.l2


@inherit_dict(data=Ingest, model=Train)
class Evaluate(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return float((inputs["data"]["y"] - inputs["model"] * inputs["data"]["x"]).abs().max())


class Parts(Task):
    outputs = {"model": JsonTarget, "plot": JsonTarget}
    forgets = luigi.BoolParameter(default=False)

    def easy_run(self, inputs):
        return {"model": 1} if self.forgets else {"model": 1, "plot": 2}


class UsesPart(Task):
    def requires(self):
        return Parts()["model"]

    def easy_run(self, inputs):
        return inputs + 10


class Chooses(Task):
    def easy_run(self, inputs):
        rows = len((yield Ingest(rows=5)))
        both = yield {"few": Ingest(rows=1), "model": Train(rows=rows)}
        return rows, len(both["few"]), both["model"]


FRAME = pd.DataFrame({"x": [1, 2], "y": [3.0, 6.0]})


@pytest.fixture
def untouched(store):
    """The store that the app's own settings name: nothing may be written to it."""
    yield store
    assert not store.exists()


# run_step


def test_a_step_runs_on_given_inputs_without_a_store(untouched):
    assert run_step(Train, inputs=[FRAME], l2=0.5) == 2.5
    assert run_step(Train(l2=1.0), inputs=[FRAME]) == 2.0
    assert run_step(Evaluate, inputs={"data": FRAME, "model": 3.0}) == 0.0
    assert len(run_step(Ingest, rows=7)) == 7


def test_a_generator_gets_the_given_answers_by_task_and_by_class(untouched):
    answers = {Ingest(rows=1): FRAME[:1], Ingest: FRAME, Train: 9.0}
    assert run_step(Chooses, answers=answers) == (2, 1, 9.0)


def test_a_generator_gets_the_given_answers_in_order(untouched):
    assert run_step(Chooses, answers=[FRAME, FRAME[:1], 9.0]) == (2, 1, 9.0)


def test_what_is_yielded_without_an_answer_is_named(untouched):
    with pytest.raises(pipeline.errors.StepInputsError, match=r"Chooses\(\) yielded Train\(rows=2, l2=0.0\).*answers=\{Train: ...\}"):
        run_step(Chooses, answers={Ingest: FRAME})


def test_inputs_of_another_shape_are_refused(untouched):
    with pytest.raises(pipeline.errors.StepInputsError, match=r"inputs has 'data', 'modle', and it requires a dict with 'data', 'model'"):
        run_step(Evaluate, inputs={"data": FRAME, "modle": 3.0})
    with pytest.raises(pipeline.errors.StepInputsError, match=r"inputs has 2 values, and it requires a list of 1"):
        run_step(Train, inputs=[FRAME, FRAME])
    with pytest.raises(pipeline.errors.StepInputsError, match=r"inputs is a DataFrame, and it requires a list of 1"):
        run_step(Train, inputs=FRAME)
    with pytest.raises(pipeline.errors.StepInputsError, match=r"needs inputs: inputs\[0\] for Ingest"):
        run_step(Train)


def test_a_misspelt_parameter_is_refused(untouched):
    with pytest.raises(pipeline.UnknownParameterError, match="did you mean 'l2'"):
        run_step(Train, inputs=[FRAME], l22=0.5)


def test_the_checks_of_a_step_are_asked(untouched):
    class Checked(Task):
        wrong = luigi.BoolParameter(default=False)

        def requires(self):
            return Ingest()

        def check_input(self, inputs):
            return len(inputs) > 1

        def check_output(self, value):
            return value >= 0

        def easy_run(self, inputs):
            return -1 if self.wrong else len(inputs)

    assert run_step(Checked, inputs=FRAME) == 2
    with pytest.raises(pipeline.CheckError, match="check_input said no"):
        run_step(Checked, inputs=FRAME[:1])
    with pytest.raises(pipeline.CheckError, match="check_output said no"):
        run_step(Checked, inputs=FRAME, wrong=True)


def test_several_outputs_are_insisted_on(untouched):
    assert run_step(Parts) == {"model": 1, "plot": 2}
    with pytest.raises(pipeline.PipelineError, match=r"has the outputs \['model', 'plot'\], and easy_run returned \['model'\]"):
        run_step(Parts, forgets=True)


def test_side_files_are_where_the_test_wants_them(untouched, tmp_path):
    class Plots(Task):
        def easy_run(self, inputs):
            (self.task_directory / "plot.svg").write_text("<svg/>")
            return self.task_directory

    run_step(Plots, directory=tmp_path)
    assert (tmp_path / "plot.svg").read_text() == "<svg/>"
    assert (run_step(Plots) / "plot.svg").read_text() == "<svg/>"


def test_a_step_that_asks_for_its_store_gets_another(untouched):
    class Asks(Task):
        def easy_run(self, inputs):
            return self.store.url

    assert run_step(Asks) != Asks().store.url


def test_an_error_of_the_step_comes_as_it_is(untouched):
    with pytest.raises(KeyError, match="y"):
        run_step(Train, inputs=[FRAME[["x"]]])


# A store for a test


def test_the_temporary_store_wins_over_what_code_says(tmp_path):
    real = tmp_path / "real"

    class Stubborn(Task):
        TARGET_DIR = str(real)

        def easy_run(self, inputs):
            return 1

    with temporary_store() as folder:
        assert pipeline.build(Stubborn()).ok
        assert pipeline.stored(Stubborn) == [Stubborn()]
        assert list(folder.rglob("*.record.json"))
        assert os.environ["PIPELINE_TARGET_DIR"] == str(folder)
    assert not real.exists()
    assert not folder.exists()
    assert not Stubborn().complete()


TEST_OF_AN_APP = """
import pipeline
from flow import Ingest

def test_one(store):
    assert pipeline.build(Ingest()).ok
    assert list(store.rglob("*.record.json"))

def test_another_begins_with_nothing(store):
    assert not Ingest().complete()
"""

FLOW = """
import pipeline
class Ingest(pipeline.Task):
    TARGET_DIR = "real"
    def easy_run(self, inputs):
        return 1
"""


@pytest.mark.parametrize("conftest", ["from pipeline.testing import store", 'pytest_plugins = ["pipeline.testing.fixtures"]'])
def test_the_fixture_works_from_a_conftest(tmp_path, conftest):
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "test_flow.py").write_text(TEST_OF_AN_APP)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=120)
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "real").exists()


def test_pytest_is_not_needed_to_run_a_step():
    code = "import sys; sys.modules['pytest'] = None; from pipeline.testing import run_step, mock_outputs, assert_reruns"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


# mock_outputs


@pytest.mark.parametrize("workers", [1, 2])
def test_given_outputs_are_neither_made_nor_stored(untouched, workers):
    with mock_outputs({Ingest: FRAME}):
        run = pipeline.build(Evaluate(), workers=workers)
        assert run.ok, run
        assert sorted(type(task).__name__ for task in run.ran) == ["Evaluate", "Train"]
        assert Train().load() == 3.0
        assert Ingest().complete()
        assert Ingest().load().equals(FRAME)
    assert not Ingest().complete()
    assert not Train().complete()


def test_a_task_goes_before_its_class(untouched):
    with mock_outputs({Ingest: FRAME, Ingest(rows=9): FRAME * 2}):
        assert Ingest(rows=9).load()["x"].tolist() == [2, 4]
        assert Ingest(rows=8).load()["x"].tolist() == [1, 2]


def test_what_a_given_output_requires_is_not_looked_at(untouched):
    with mock_outputs({Train: 2.0, Ingest(): FRAME}):
        run = pipeline.build([Train(rows=100), Evaluate()])
        assert run.ok, run
        assert [type(task).__name__ for task in run.ran] == ["Evaluate"]
        assert run.skipped == []


def test_plain_luigi_believes_it_too(untouched):
    with mock_outputs({Ingest: FRAME}):
        assert luigi.build([Train()], local_scheduler=True, log_level="ERROR")
        assert Train().load() == 3.0


def test_each_reader_gets_a_copy(untouched):
    with mock_outputs({Ingest: FRAME}):
        mine = Ingest().load()
        mine["x"] = 0
        assert Ingest().load()["x"].tolist() == FRAME["x"].tolist() == [1, 2]


def test_another_value_is_another_input(untouched):
    with temporary_store():
        for value, ran in ((FRAME, ["Train"]), (FRAME.copy(), []), (FRAME * 2, ["Train"])):
            with mock_outputs({Ingest: value}):
                assert [type(task).__name__ for task in pipeline.build(Train()).ran] == ran


def test_one_of_several_outputs_is_given_with_the_others(untouched):
    with mock_outputs({Parts: {"model": 5, "plot": None}}):
        assert pipeline.build(UsesPart()).ok
        assert UsesPart().load() == 15


def test_a_file_is_given_by_another_path(untouched, tmp_path):
    class Reads(Task):
        def requires(self):
            return ExternalFile(path="/nowhere/at/all.txt")

        def easy_run(self, inputs):
            return inputs.read_text()

    (tmp_path / "here.txt").write_text("words")
    with mock_outputs({ExternalFile: tmp_path / "here.txt"}):
        assert pipeline.build(Reads()).ok
        assert Reads().load() == "words"


def test_what_has_no_output_cannot_be_given(untouched):
    class All(WrapperTask):
        pass

    for whose, words in (
        (All, "give those of what it requires"),
        (luigi.Task, "neither a task"),
        ("Ingest", "neither a task"),
        (Parts()["model"], "one of several"),
    ):
        with pytest.raises(pipeline.errors.MockError, match=words), mock_outputs({whose: 1}):
            pass


# assert_reruns


def test_a_changed_parameter_reruns_what_depends_on_it(untouched):
    params = {"rows": 5}
    with assert_reruns(lambda: [Evaluate(**params)], "Train", Evaluate):
        params["l2"] = 0.5


def test_changed_code_reruns_what_reaches_it_and_no_more(untouched, monkeypatch):
    def other_slope(frame):
        return float((frame["y"] / frame["x"].clip(1)).max())

    with assert_reruns(Evaluate(), "Train") as rerun:  # the slope comes out as it was
        monkeypatch.setattr(sys.modules[__name__], "slope", other_slope)
    assert str(rerun.after.verdicts[Train()]).startswith("CODE")


def test_no_names_mean_that_nothing_runs(untouched):
    with assert_reruns(Evaluate()):
        pass


def test_given_inputs_may_be_what_changes(untouched):

    with contextlib.ExitStack() as given:
        given.enter_context(mock_outputs({Ingest: FRAME}))
        with assert_reruns([Train(), Parts()], Train):
            given.enter_context(mock_outputs({Ingest: FRAME.assign(y=1.0)}))


def test_what_ran_and_should_not_have_is_named_with_the_reason(untouched):
    params = {}
    with pytest.raises(AssertionError) as told, assert_reruns(lambda: [Evaluate(**params)], "Trian"):
        params["l2"] = 0.5
    words = str(told.value)
    assert "ran, and was not expected to: Train(rows=3, l2=0.5) (MISSING: " in words
    assert "is no step of this run: Trian; did you mean 'Train'?" in words


def test_what_did_not_run_is_named(untouched):
    with pytest.raises(AssertionError, match="did not run: Train"), assert_reruns(Evaluate(), "Train"):
        pass


def test_a_build_that_fails_says_so(untouched):
    class Breaks(Task):
        def easy_run(self, inputs):
            raise ValueError("as it was told")

    with pytest.raises(AssertionError, match="before the change the build failed: .*\n.*as it was told"), assert_reruns(Breaks()):
        raise NotImplementedError("never reached")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="asks /proc")
def test_a_store_for_a_test_leaves_no_file_open():
    class Step(Task):
        def easy_run(self, inputs):
            return 1

    def opened():
        for _ in range(5):
            with temporary_store():
                assert pipeline.build(Step()).ran
        return len(os.listdir("/proc/self/fd"))

    assert opened() == opened()

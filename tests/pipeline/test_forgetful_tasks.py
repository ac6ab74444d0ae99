"""Plain Luigi tasks in a build: one that runs and does not make its output has failed, and nobody asks for it for ever."""

import luigi
import pytest
from luigi.parameter import ParameterVisibility

import pipeline
from pipeline import Task
from targets import JsonTarget


class Forgets(luigi.Task):
    def output(self):
        return luigi.LocalTarget("never")

    def run(self):
        pass


class NoOutput(luigi.Task):
    def run(self):
        pass


class Hidden(luigi.Task):
    """Its place hangs on what its id does not tell."""

    place = luigi.Parameter(default="here", significant=False, visibility=ParameterVisibility.PRIVATE)

    def output(self):
        return luigi.LocalTarget(f"hidden-{self.place}")

    def run(self):
        with self.output().open("w") as file:
            file.write("made")


class Forgetting(pipeline.WrapperTask):
    def requires(self):
        return Forgets()


class WithoutOutput(pipeline.WrapperTask):
    def requires(self):
        return NoOutput()


class Step(Task):
    target_type = JsonTarget
    below = luigi.TaskParameter()

    def requires(self):
        return self.below()

    def easy_run(self, inputs):
        return 1


class Asks(Task):
    target_type = JsonTarget
    below = luigi.TaskParameter()

    def easy_run(self, inputs):
        yield self.below()
        return 1


class AsksForHidden(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        yield Hidden(place="there")
        return 1


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plain_task_that_does_not_make_its_output_has_failed(workers):
    run = pipeline.build(Forgets(), workers=workers)
    assert (run.failed, run.ran, run.exit_code) == ([Forgets()], [], 1)
    assert "it ran, and its output never is not there" in run.summary_text


def test_one_without_any_output_counts_as_run():
    run = pipeline.build(NoOutput())
    assert (run.ran, run.exit_code) == ([NoOutput()], 0)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("step", [Step, Asks])
@pytest.mark.parametrize("below", [Forgets, Forgetting])
def test_what_needs_it_is_skipped(below, step, workers):
    run = pipeline.build(step(below=below), workers=workers)
    assert (run.failed, run.exit_code) == ([Forgets()], 1), run.summary_text
    assert step(below=below) in run.skipped
    assert "it ran, and its output never is not there" in run.summary_text


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("step", [Step, Asks])
@pytest.mark.parametrize("below", [NoOutput, WithoutOutput])
def test_what_needs_one_that_is_never_complete_has_failed(below, step, workers):
    run = pipeline.build(step(below=below), workers=workers)
    assert (run.failed, run.exit_code) == ([step(below=below)], 1), run.summary_text
    assert "NoOutput(), which it needs, ran, and it has no output()" in run.summary_text


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_is_given_another_one_than_it_asked_for_has_failed(workers):
    run = pipeline.build(AsksForHidden(), workers=workers)
    assert (run.failed, run.exit_code) == ([AsksForHidden()], 1)
    assert "Hidden(), which it asked for, was made and is another one: a private parameter is not told" in run.summary_text

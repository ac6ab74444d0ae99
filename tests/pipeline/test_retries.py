"""retries, retry_delay, timeout, cache_failures."""

import os
import pathlib
import time

import luigi
import pytest

import pipeline
from pipeline import Task
from pipeline.errors import FailedBeforeError, TaskDefinitionError
from pipeline.reporting.watching import watch


class Counting(Task):
    """Fails until it was begun so often; notes when it begins."""

    succeeds_at = luigi.IntParameter(default=1)
    notes = luigi.Parameter(significant=False)

    def easy_run(self, inputs):
        with open(self.notes, "a") as file:
            file.write(f"{time.monotonic()}\n")
        tries = len(moments(self.notes))
        if tries < self.succeeds_at:
            raise ValueError(f"try {tries}")
        return tries


class Stubborn(Counting):
    retries = 2


class Patient(Counting):
    retries = 2
    retry_delay = 0.1


class Below(Task):
    notes = luigi.Parameter(significant=False)

    def requires(self):
        return [Stubborn(succeeds_at=2, notes=self.notes)]

    def easy_run(self, inputs):
        return inputs[0] + 1


def moments(notes):
    return [float(line) for line in pathlib.Path(notes).read_text().split()]


@pytest.fixture
def notes(tmp_path):
    return str(tmp_path / "notes")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_step_is_tried_again(notes, workers):
    task = Stubborn(succeeds_at=3, notes=notes)
    run = pipeline.build(task, workers=workers)

    assert run.ok
    assert run.ran == [task]
    assert task.load() == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_often_than_it_says(notes, workers):
    run = pipeline.build(Stubborn(succeeds_at=99, notes=notes), workers=workers)

    assert len(moments(notes)) == 3
    assert run.exit_code == 1
    assert "try 3" in str(next(iter(run.outcomes.values())).error)


def test_what_needs_it_runs_once_it_has_succeeded(notes):
    assert pipeline.build(Below(notes=notes)).ok
    assert Below(notes=notes).load() == 3


def test_each_pause_is_twice_as_long(notes):
    assert pipeline.build(Patient(succeeds_at=3, notes=notes)).ok
    first, second, third = moments(notes)
    assert second - first >= 0.1
    assert third - second >= 0.2


def test_fail_fast_waits_for_the_last_try(notes):
    assert pipeline.build(Stubborn(succeeds_at=2, notes=notes), keep_going=False).ok


def test_luigi_is_told_in_its_own_words():
    class Told(Task):
        retries = 4
        timeout = 7.5

    assert (Told().retry_count, Told().worker_timeout) == (5, 7.5)
    assert (Counting(notes="").retry_count, Counting(notes="").worker_timeout) == (None, None)


def test_they_may_be_parameters(notes):
    class Chosen(Counting):
        retries = luigi.IntParameter(default=0, significant=False)

    assert not pipeline.build(Chosen(succeeds_at=2, notes=notes)).ok
    assert pipeline.build(Chosen(succeeds_at=3, notes=notes, retries=1)).ok


@pytest.mark.parametrize(("name", "value"), [("retries", -1), ("retry_delay", "soon"), ("timeout", -0.1)])
def test_nonsense_is_refused(name, value):
    with pytest.raises(TaskDefinitionError, match=f"{name} is"):
        type("Nonsense", (Task,), {name: value})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_takes_too_long_is_stopped(workers):
    class Endless(Task):
        timeout = 0.5

        def easy_run(self, inputs):
            while True:
                time.sleep(1)

    class Other(Task):
        def easy_run(self, inputs):
            return 1

    run = pipeline.build([Endless(), Other()], workers=workers)
    assert run.failed == [Endless()]
    assert "timed out after 0.5 seconds and was terminated." in str(run.outcomes[Endless()].error)
    assert run.outcomes[Other()].state == "ran"


# cache_failures


class Doomed(Counting):
    cache_failures = True
    version = "1"


def test_a_failure_is_not_repeated(notes):
    task = Doomed(succeeds_at=2, notes=notes)
    assert not pipeline.build(task).ok
    run = pipeline.build(task)

    assert len(moments(notes)) == 1
    assert isinstance(run.outcomes[task].error, FailedBeforeError)
    assert "ValueError: try 1" in str(run.outcomes[task].error)
    assert run.exit_code == 1


def test_until_it_is_asked_for(notes):
    task = Doomed(succeeds_at=2, notes=notes)
    assert not pipeline.build(task).ok
    assert pipeline.build(task, retry_failed=True).ok
    assert pipeline.build(task, force=["all"]).ok


def test_or_the_code_changes(notes, monkeypatch):
    task = Doomed(succeeds_at=2, notes=notes)
    assert not pipeline.build(task).ok
    monkeypatch.setattr(Doomed, "version", "2")
    assert pipeline.build(task).ok


def test_or_its_inputs_change(notes, tmp_path):
    (tmp_path / "data").write_text("bad")

    class Reads(Task):
        cache_failures = True

        def requires(self):
            return [pipeline.ExternalFile(path=str(tmp_path / "data"))]

        def easy_run(self, inputs):
            return {"good": 1}[inputs[0].read_text()]

    assert not pipeline.build(Reads()).ok
    assert isinstance(pipeline.build(Reads()).outcomes[Reads()].error, FailedBeforeError)
    (tmp_path / "data").write_text("good")
    assert pipeline.build(Reads()).ok


def test_what_may_be_the_machines_fault_is_tried_again(notes):
    class Flaky(Counting):
        cache_failures = True

        def easy_run(self, inputs):
            try:
                return super().easy_run(inputs)
            except ValueError:
                raise ConnectionError("no network") from None

    assert not pipeline.build(Flaky(succeeds_at=2, notes=notes)).ok
    assert pipeline.build(Flaky(succeeds_at=2, notes=notes)).ok


def test_a_kept_failure_that_is_cut_off_counts_as_none(notes):
    task = Doomed(succeeds_at=2, notes=notes)
    assert not pipeline.build(task).ok
    path = task.store.path(f"{task._stem}.last-failure.json")
    os.truncate(path, 10)
    assert pipeline.build(task).ok
    assert not path.exists()


class Both(Doomed):
    retries = 2


@pytest.mark.parametrize("workers", [1, 2])
def test_retries_do_not_repeat_a_kept_failure(notes, workers):
    assert not pipeline.build([Both(succeeds_at=9, notes=notes), Counting(notes=notes + "2")], workers=workers).ok
    assert len(moments(notes)) == 1


def test_asking_for_more_is_no_failure(notes):
    class AsksFirst(Task):
        cache_failures = True

        def easy_run(self, inputs):
            return (yield Counting(notes=notes))

    assert pipeline.build(AsksFirst()).ok
    assert not list(pathlib.Path(AsksFirst().store.url).rglob("*last-failure*"))


def test_a_check_that_fails_is_the_steps_own_failure(notes):
    class Checked(Counting):
        cache_failures = True
        check_output = staticmethod(lambda value: value > 1)

    assert not pipeline.build(Checked(notes=notes)).ok
    assert not pipeline.build(Checked(notes=notes)).ok
    assert len(moments(notes)) == 1


class NoText(ValueError):
    def __str__(self):
        return "real " + self.args[0]


class Leaves(ValueError):
    def __str__(self):
        raise SystemExit(9)


class Unsayable(Task):
    cache_failures = True
    retries = 1
    leaves = luigi.BoolParameter()
    notes = luigi.Parameter(significant=False)

    def easy_run(self, inputs):
        with open(self.notes, "a") as file:
            file.write("0\n")
        raise (Leaves if self.leaves else NoText)(5)


@pytest.mark.parametrize("engine", ["inline", "processes"])
@pytest.mark.parametrize("leaves", [False, True])
def test_a_failure_whose_message_raises_is_shown_and_kept(leaves, engine, notes, capfd):
    task = Unsayable(leaves=leaves, notes=notes)
    words = f"{'Leaves' if leaves else 'NoText'}: its message cannot be shown"
    run = pipeline.build(task, engine=engine, progress=watch())
    assert run.failed == [task]
    assert words in run.summary_text
    assert words in capfd.readouterr().out
    run = pipeline.build(task, engine=engine)
    assert words in str(run.outcomes[task].error)
    assert moments(notes) == [0]

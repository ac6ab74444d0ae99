"""Plain Luigi tasks among ours: whatever their attributes are called, they mean to us only what Luigi says that they mean."""

import datetime

import luigi
import luigi.mock
import pytest

import pipeline
from pipeline import Task, explaining
from pipeline.planning import plan
from targets import JsonTarget, MemoryTarget


class Write(luigi.Task):
    """Writes a number to a file of its own."""

    folder = luigi.Parameter(significant=False)
    n = luigi.IntParameter(default=0)

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/{self.task_id}.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(str(self.n))


class Get(Write):
    key = luigi.Parameter(default="a")


class GetAnother(Get):
    pass


class GetDay(Write):
    key = luigi.DateParameter(default=datetime.date(2026, 1, 2))


class GetByMethod(Write):
    def key(self):
        return "a"


class Limited(Write):
    max_parallel = luigi.IntParameter(default=2)
    retries = 3
    retry_delay = None
    share_inputs = True
    outputs = timeout = fresh_for = version = reads = store = "something of its own"


class Fails(Write):
    retries = 1

    def run(self):
        raise ValueError("no luck")


class Aimed(Write):
    target = luigi.Parameter(default="somewhere")


class Made(Task):
    def easy_run(self, inputs):
        return 1


class Silent(Write):
    """Cannot say whether it is complete."""

    def requires(self):
        return Made()

    def complete(self):
        raise KeyError("compl")


class SilentOutside(luigi.ExternalTask):
    def complete(self):
        raise KeyError("compl")


class OfParameter(Task):
    source = pipeline.TaskParameter()

    def easy_run(self, inputs):
        return inputs["source"].open().read()


class OfSeveral(Task):
    sources = pipeline.ListTaskParameter()

    def easy_run(self, inputs):
        return [target.open().read() for target in inputs["sources"]]


class Shown(Task):
    """Chooses by day what it requires, and does not have it in its key."""

    what = luigi.Parameter(significant=False, positional=False)
    folder = luigi.Parameter(significant=False)

    def requires(self):
        return {"get": Get, "another": GetAnother}[self.what](folder=self.folder)

    def easy_run(self, inputs):
        return inputs.open().read()


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path)


def test_plain_tasks_with_a_parameter_called_key_stay_apart_as_parameters(folder):
    sources = [Get(n=1, folder=folder), Get(n=2, folder=folder), GetAnother(n=2, folder=folder)]
    steps = [OfParameter(source=source) for source in sources]
    assert len({step.key for step in steps}) == 3
    assert pipeline.build(steps).ok
    assert [step.load() for step in steps] == ["1", "2", "2"]
    assert len({OfSeveral(sources=[source]).key for source in sources}) == 3


@pytest.mark.parametrize("kind", [Get, GetDay, GetByMethod])
def test_a_requirement_may_have_a_key_of_its_own(kind, folder, ran):
    source = kind(n=3, folder=folder)
    step = OfParameter(source=source)
    assert ran(step) == sorted([kind.__name__, "OfParameter"])
    assert ran(step, force=[step]) == ["OfParameter"]
    assert [row.to_json()["key"] for row in explaining.rows(plan(step))] == [source.task_id, step.key]
    assert ran(step) == []


def test_plain_families_with_one_key_are_two_requirements(folder, ran):
    ran(Shown(what="get", folder=folder))
    assert ran(Shown(what="another", folder=folder)) == ["GetAnother", "Shown"]


@pytest.mark.parametrize("workers", [1, 2])
def test_names_that_mean_something_on_a_step_mean_nothing_on_a_plain_task(workers, folder, ran):
    assert ran(OfParameter(source=Limited(folder=folder)), workers=workers) == ["Limited", "OfParameter"]
    assert ran(OfParameter(source=Limited(folder=folder)), workers=workers) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plain_task_with_retries_of_its_own_fails_once(workers, folder, capsys):
    run = pipeline.build(OfParameter(source=Fails(folder=folder)), workers=workers, progress=True)
    assert run.failed == [Fails(folder=folder)]
    assert "no luck" in str(run.outcomes[Fails(folder=folder)].error)
    assert "try 1" not in capsys.readouterr().err


def test_a_plain_task_may_have_a_target_of_its_own(folder, ran):
    step, source = OfParameter(source=Aimed(folder=folder)), Aimed(folder=folder)
    ran(step)
    with open(source.output().path, "w") as file:
        file.write("other")
    assert "has another content" in plan(step).verdicts[step].reason
    assert ran(step) == ["OfParameter"]
    assert step.load() == "other"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_plain_task_whose_complete_fails_has_failed_and_others_run(workers, folder):
    silent, missing = Silent(folder=folder), []
    handler = Silent.event_handler(luigi.Event.DEPENDENCY_MISSING)(missing.append)
    try:
        run = pipeline.build([OfParameter(source=silent), OfParameter(source=Write(folder=folder))], workers=workers)
    finally:
        Silent.remove_event_handler(luigi.Event.DEPENDENCY_MISSING, handler)
    assert missing == [silent]
    assert run.failed == [silent]
    assert str(run.outcomes[silent].error).startswith("its complete() failed with KeyError: 'compl'")
    assert run.skipped == [OfParameter(source=silent)]
    assert set(run.ran) == {Write(folder=folder), OfParameter(source=Write(folder=folder))}


def test_an_external_task_whose_complete_fails_says_so():
    run = pipeline.build(OfParameter(source=SilentOutside()))
    assert run.failed == [SilentOutside()]
    assert str(run.outcomes[SilentOutside()].error).startswith("its complete() failed with KeyError: 'compl'")


class OwnRun(Task):
    """Written as for Luigi."""

    def output(self):
        return luigi.LocalTarget("own.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write("made")


class Timed(Task):
    """Does something around what a step does."""

    def run(self):
        yield from super().run()

    def easy_run(self, inputs):
        return 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_with_a_run_of_its_own_that_stores_nothing_has_failed_and_says_why(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pipeline.build([OwnRun(), Timed()], workers=workers)
    assert run.ran == [Timed()]
    assert run.failed == [OwnRun()]
    assert "write easy_run(self, inputs)" in str(run.outcomes[OwnRun()].error)


class InMemory(Task):
    target_type = MemoryTarget

    def easy_run(self, inputs):
        return [1]


class Trimmed(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return [1]


class Takes(Write):
    kind = luigi.Parameter()

    def requires(self):
        return InMemory() if self.kind == "in memory" else Trimmed()

    def run(self):
        assert self.input().load() == [1]
        super().run()


@pytest.mark.parametrize("kind", ["in memory", "trimmed"])
def test_data_that_are_absent_are_made_for_a_plain_task_that_needs_them(kind, tmp_path):
    assert pipeline.build(Trimmed()).ok
    pipeline.trim([Trimmed()])
    task = Takes(folder=str(tmp_path), kind=kind)
    assert len(pipeline.build(task).ran) == 2
    assert pipeline.build(task).ran == []


class Mocked(luigi.Task):
    n = luigi.IntParameter()

    def output(self):
        return luigi.mock.MockTarget(f"mocked-{self.n}")

    def run(self):
        with self.output().open("w") as file:
            file.write("x")


def test_a_plain_task_whose_complete_forks_takes_nothing_back(tmp_path):
    """The first question to a MockTarget begins a server process."""

    class Sum(Task):
        def requires(self):
            return [Write(folder=str(tmp_path)), Mocked(n=1), Mocked(n=2)]

        def easy_run(self, inputs):
            return len(inputs)

    luigi.mock.MockTarget.fs._data = None
    assert pipeline.build(Sum()).ok
    assert Sum().load() == 3

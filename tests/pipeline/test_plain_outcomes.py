"""Plain Luigi tasks in a build: what one has made is seen at once, a batch speaks for its members, and what appears meanwhile is kept."""

import os

import luigi
import pytest

import pipeline
from pipeline import Task, explaining
from targets import JsonTarget


class Plain(luigi.Task):
    name = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(f"plain-{self.name}")

    def run(self):
        with self.output().open("w") as file:
            file.write("made")


class OverPlain(pipeline.WrapperTask):
    def requires(self):
        return [Plain("a"), Plain("b")]


class OverWrapper(pipeline.WrapperTask):
    def requires(self):
        return OverPlain()


class RequiresWrapper(Plain):
    name = luigi.Parameter(default="below")

    def requires(self):
        return OverPlain()


class YieldsWrapper(Plain):
    name = luigi.Parameter(default="yields")

    def run(self):
        yield OverPlain()
        super().run()


@pytest.mark.parametrize("root", [OverWrapper, RequiresWrapper, YieldsWrapper])
@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_plain_task_has_made_is_seen_at_once(root, workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert luigi.build([root()], local_scheduler=True, workers=workers, log_level="ERROR")
    for name in os.listdir("."):
        if name.startswith("plain-"):
            os.remove(name)
    run = pipeline.build(root(), workers=workers)
    assert run.exit_code == 0, run.summary_text
    assert root().complete()


class UpTo(luigi.Task):
    """Complete where it, or one with a higher number, has run."""

    number = luigi.IntParameter(batch_method=max)
    kind = luigi.Parameter(default="a")
    max_batch_size = 3

    def complete(self):
        return any(name.startswith(f"{self.kind}-") and int(name[2:]) >= self.number for name in os.listdir("done"))

    def run(self):
        if self.kind == "fails":
            raise ValueError("no luck")
        open(f"done/{self.kind}-{self.number}", "w").close()


@pytest.mark.parametrize("workers", [1, 2])
def test_members_of_a_batch_are_kept(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("done")
    run = pipeline.build([*(UpTo(n) for n in range(7)), UpTo(3, "b")], workers=workers)
    assert (len(run.ran), len(run.kept), run.exit_code) == (4, 4, 0), run.summary_text


@pytest.mark.parametrize("workers", [1, 2])
def test_members_of_a_batch_fail_with_it(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("done")
    run = pipeline.build([UpTo(n, "fails") for n in range(4)], workers=workers)
    assert (len(run.failed), len(run.skipped)) == (4, 0), run.summary_text
    assert all("no luck" in str(run.outcomes[task].error) for task in run.failed)


class Appears(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("appears")


class Puts(Plain):
    name = luigi.Parameter(default="puts")
    priority = 1  # else Luigi would try what is not there again and again, since it need not wait in between

    def run(self):
        open("appears", "w").close()
        super().run()


class WaitsForBoth(Task):
    target_type = JsonTarget

    def requires(self):
        return [Puts(), Appears()]

    def easy_run(self, inputs):
        return 1


@pytest.mark.parametrize("workers", [1, 2])
def test_an_external_task_that_appears_meanwhile_is_kept(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = luigi.configuration.get_config()
    settings.set("worker", "retry_external_tasks", "true")
    settings.set("scheduler", "retry_delay", "0")
    run = pipeline.build(WaitsForBoth(), workers=workers)
    assert (set(run.ran), run.kept, run.exit_code) == ({Puts(), WaitsForBoth()}, [Appears()], 0), run.summary_text


class Fails(Task):
    def easy_run(self, inputs):
        with open("begun", "a") as file:
            file.write("x")
        raise ValueError("not today")


class Absent(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("absent")


class Typed(Task):
    text = luigi.Parameter()
    secret = luigi.Parameter(default="", visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    def easy_run(self, inputs):
        return self.text


class Yields(Plain):
    """Begun for the hundredth time it gives up, so that a test which fails ends."""

    wanted = {"fails": Fails, "absent": Absent, "no text": lambda: Typed(text=5), "private": lambda: Typed(text="5", secret="x")}

    def run(self):
        with open("asked", "a") as file:
            file.write("x")
        assert os.path.getsize("asked") < 100
        yield self.wanted[self.name]()
        yield from super().run() or ()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["fails", "absent"])
def test_a_plain_task_that_asks_for_what_fails_asks_once(name, workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pipeline.build(Yields(name), workers=workers)
    assert (run.exit_code, run.ran, os.path.getsize("asked")) == (1, [], 1), run.summary_text
    assert run.skipped == [Yields(name)]
    assert name == "absent" or os.path.getsize("begun") == 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["no text", "private"])
def test_a_plain_task_that_asks_for_what_no_text_says_is_told(name, workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = pipeline.build(Yields(name), workers=workers)
    assert (run.exit_code, os.path.getsize("asked")) == (1, 1), run.summary_text
    assert "is another task when it is written as text" in str(run.outcomes[Yields(name)].error)


class Together(luigi.WrapperTask):
    def requires(self):
        return [Plain("c")]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrapper_of_luigis_never_ran(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert explaining.summary(explaining.rows(pipeline.plan(Together()))) == "1 would run; 0 kept"
    run = pipeline.build(Together(), workers=workers)
    assert (run.ran, run.kept, run.counts()) == ([Plain("c")], [Together()], {"ran": 1, "kept": 0, "failed": 0, "skipped": 0})


class Big(Task):
    resources = {"gpu": 5}

    def easy_run(self, inputs):
        return 1


class AsksForBig(Task):
    def easy_run(self, inputs):
        yield Big()


@pytest.mark.parametrize("asks", [AsksForBig, lambda: Yields("big")], ids=["a step", "a plain task"])
def test_what_was_asked_for_and_never_run_is_not_kept(asks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Yields.wanted, "big", Big)
    run = pipeline.build(asks())
    assert (run.kept, set(run.skipped)) == ([], {asks(), Big()})
    assert "Big() needs 5 gpu, there is 1" in str(run.outcomes[Big()].error)
    assert run.outcomes[Big()].verdict.rule == "MISSING"

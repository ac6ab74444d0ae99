"""It stays Luigi: plain luigi.build, the luigi command, events, resources, external tasks, several workers."""

import datetime
import os
import signal
import subprocess
import sys
import textwrap
import threading

import luigi
import pytest
from luigi.tools.range import RangeDaily, RangeHourly

import pipeline
from pipeline import Task, inherit_list
from targets import JsonTarget


class Ingest(Task):
    target_type = JsonTarget
    ok = luigi.BoolParameter(default=True)

    def easy_run(self, inputs):
        if not self.ok:
            raise ValueError("no luck")
        return [1, 2]


@inherit_list(Ingest)
class Train(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return sum(inputs[0])


def flip(path):
    with open(path, "r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))


@pytest.mark.parametrize("workers", [1, 2])
def test_plain_luigi_builds_and_sees_the_same_truth(workers):
    assert luigi.build([Train()], local_scheduler=True, workers=workers, log_level="ERROR")
    assert Train().complete()
    assert Train().load() == 3
    Ingest().remove()
    assert not Train().complete()
    assert luigi.build([Train()], local_scheduler=True, workers=workers, log_level="ERROR")
    assert Train().complete()


@pytest.mark.parametrize("workers", [1, 2])
def test_plain_luigi_repairs_a_damaged_input(workers):
    luigi.build([Train()], local_scheduler=True, log_level="ERROR")
    flip(Ingest().target.path)
    Train().remove()
    result = luigi.build([Train()], local_scheduler=True, workers=workers, detailed_summary=True, log_level="ERROR")
    assert result.status is luigi.LuigiStatusCode.SUCCESS
    assert Train().load() == 3
    Ingest().target.verify()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_input_that_cannot_be_made_again_fails_and_the_rest_is_skipped(workers, monkeypatch):
    pipeline.build(Train())
    flip(Ingest().target.path)
    Train().remove()

    def broken(self, inputs):
        raise ValueError("cannot be made again")

    monkeypatch.setattr(Ingest, "easy_run", broken)
    run = pipeline.build(Train(), workers=workers)
    assert run.failed == [Ingest()]
    assert run.skipped == [Train()]
    assert "cannot be made again" in str(run.outcomes[Ingest()].error)


def test_a_chain_is_judged_once_a_luigi_build(monkeypatch):
    class Link(Task):
        n = luigi.IntParameter()

        def requires(self):
            return Link(n=self.n - 1) if self.n else []

        def easy_run(self, inputs):
            return 1

    pipeline.build(Link(n=60))
    Link(n=0).remove()
    looks = []
    look = Link._first_look
    monkeypatch.setattr(Link, "_first_look", lambda self, scope: looks.append(self) or look(self, scope))
    luigi.build([Link(n=60)], local_scheduler=True, log_level="ERROR")
    assert len(looks) < 61 * 5, "complete() of each link looks at all links below it"


def test_the_luigi_command_works(app):
    (app / "steps.py").write_text(
        textwrap.dedent(
            """
            import luigi
            from pipeline import Task
            class Answer(Task):
                n = luigi.IntParameter(default=1)
                def easy_run(self, inputs):
                    return self.n
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": f"{app}{os.pathsep}{os.environ.get('PYTHONPATH', '')}", "PIPELINE_TARGET_DIR": str(app / "out")}
    command = [sys.executable, "-m", "luigi", "--module", "steps", "Answer", "--n", "42", "--local-scheduler"]
    done = subprocess.run(command, env=environment, cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((app / "out").rglob("n-42-*.pkl"))) == 1


@pytest.mark.parametrize("event", ["START", "SUCCESS", "PROCESSING_TIME"])
def test_events_reach_their_handlers(event):
    told = []
    handler = Ingest.event_handler(getattr(luigi.Event, event))(lambda *arguments: told.append(arguments[0]))
    try:
        pipeline.build(Ingest())
    finally:
        Ingest.remove_event_handler(getattr(luigi.Event, event), handler)
    assert told == [Ingest()]


def test_the_failure_event_gets_the_exception():
    told = []
    handler = Ingest.event_handler(luigi.Event.FAILURE)(lambda task, error: told.append(str(error)))
    try:
        pipeline.build(Ingest(ok=False))
    finally:
        Ingest.remove_event_handler(luigi.Event.FAILURE, handler)
    assert told == ["no luck"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_says_the_same_in_one_process_and_in_several(workers):
    run = pipeline.build(Train(ok=False), workers=workers)
    assert run.failed == [Ingest(ok=False)]
    assert run.skipped == [Train(ok=False)]
    assert "no luck" in str(run.outcomes[Ingest(ok=False)].error)


def test_a_killed_worker_fails_its_step_and_spares_the_others():
    class Dies(Task):
        def easy_run(self, inputs):
            os.kill(os.getpid(), 9)

    run = pipeline.build([Dies(), Train()], workers=2)
    assert run.failed == [Dies()]
    assert "exit code -9" in str(run.outcomes[Dies()].error)
    assert set(run.ran) == {Train(), Ingest()}


def test_resources_limit_how_many_run(tmp_path):
    class Heavy(Task):
        n = luigi.IntParameter()
        resources = {"memory": 1}

        def easy_run(self, inputs):
            mine = tmp_path / "running"
            mine.touch(exist_ok=False)  # fails if another one is running
            mine.unlink()
            return self.n

    assert pipeline.build([Heavy(n=n) for n in range(6)], workers=3).ok


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_needs_more_than_there_is_says_so(workers, capsys):
    class Net(Task):
        resources = {"gpu": 2}

        def easy_run(self, inputs):
            return 1

    class Use(Task):
        def requires(self):
            return Net()

        def easy_run(self, inputs):
            return 1

    run = pipeline.build(Use(), workers=workers, progress=True)
    assert set(run.skipped) == {Net(), Use()}
    words = "Net() needs 2 gpu, there is 1"
    assert words in capsys.readouterr().out
    assert words in run.summary_text
    assert words in str(run.outcomes[Net()].error)
    assert run.outcomes[Use()].error is None
    luigi.configuration.get_config().set("resources", "gpu", "2")
    assert pipeline.build(Use(), workers=workers).ok


def test_an_external_luigi_task_that_is_not_there_is_failed(tmp_path):
    class Outside(luigi.ExternalTask):
        def output(self):
            return luigi.LocalTarget(str(tmp_path / "nothing"))

    class Use(Task):
        def requires(self):
            return Outside()

        def easy_run(self, inputs):
            return 1

    run = pipeline.build(Use())
    assert run.failed == [Outside()]
    assert run.skipped == [Use()]
    (tmp_path / "nothing").write_text("now it is")
    assert pipeline.build(Use()).ran == [Use()]


def test_our_tasks_below_plain_ones_and_plain_ones_below_ours(tmp_path, ran):
    class Plain(luigi.Task):
        def requires(self):
            return Ingest()

        def output(self):
            return luigi.LocalTarget(str(tmp_path / "plain"))

        def run(self):
            with self.output().open("w") as file:
                file.write(str(Ingest().load()))

    class Top(Task):
        def requires(self):
            return Plain()

        def easy_run(self, inputs):
            return inputs.open().read()

    assert ran(Top()) == ["Ingest", "Plain", "Top"]
    Ingest().remove()
    assert ran(Top()) == []  # a plain task that is complete hides what is above it
    assert Top().load() == "[1, 2]"


def test_a_remote_scheduler_can_be_used(tmp_path, unused_port):
    server = subprocess.Popen(
        [sys.executable, "-c", f"import luigi.server; luigi.server.run(api_port={unused_port}, address='127.0.0.1')"],
        cwd=tmp_path,
        env={**os.environ, "LUIGI_CONFIG_PATH": str(tmp_path / "none.cfg")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    luigi.configuration.get_config().set("core", "rpc-retry-wait", "1")
    luigi.configuration.get_config().set("core", "rpc-retry-attempts", "30")
    try:
        remote = luigi.rpc.RemoteScheduler(f"http://127.0.0.1:{unused_port}", connect_timeout=20)
        run = pipeline.build(Train(), scheduler=remote)
        assert run.ok, run
        assert set(run.ran) == {Train(), Ingest()}
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daily(Task):
    day = luigi.DateParameter()
    scale = luigi.IntParameter(default=1)
    target_type = JsonTarget

    def easy_run(self, inputs):
        return self.day.day * self.scale


class Hourly(Task):
    hour = luigi.DateHourParameter()

    def requires(self):
        return Daily(day=self.hour.date())

    def easy_run(self, inputs):
        return inputs + self.hour.hour


def test_a_range_of_days_or_hours_makes_what_is_missing(ran):
    # A range looks a hundred days back from now, whenever that is.
    now = int(datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC).timestamp())
    first, last = datetime.date(2026, 3, 1), datetime.date(2026, 3, 4)
    ran(Daily(day=datetime.date(2026, 3, 2), scale=10))
    days = RangeDaily(of=Daily, of_params={"scale": 10}, start=first, stop=last, now=now)
    assert ran(days) == ["Daily", "Daily", "RangeDaily"]
    assert days.complete()
    assert Daily(day=datetime.date(2026, 3, 3), scale=10).load() == 30
    start, stop = datetime.datetime(2026, 3, 5), datetime.datetime(2026, 3, 5, 2)
    hours = RangeHourly(of=Hourly, start=start, stop=stop, now=now)
    assert luigi.build([hours], local_scheduler=True, log_level="ERROR")
    assert Hourly(hour=datetime.datetime(2026, 3, 5, 1)).load() == 6
    Daily(day=start.date()).remove()
    # Another object: a range remembers what it lacked.
    assert ran(RangeHourly(of=Hourly, start=start, stop=stop, now=now, task_limit=7)) == ["Daily", "RangeHourly"]


def test_what_is_complete_of_many_is_told_by_their_parameters(ran):
    day = datetime.date(2026, 3, 2)
    ran(Daily(day=day), Daily(day=day, scale=3))
    other = datetime.date(2026, 3, 3)
    assert Daily.bulk_complete([day, other]) == [day]
    assert Daily.bulk_complete((one, 3) for one in (other, day)) == [(day, 3)]
    assert Daily.bulk_complete([{"day": day, "scale": 3}, {"day": day, "scale": 4}]) == [{"day": day, "scale": 3}]


class Winding(Task):
    """Tells the build to phase out, and ends well."""

    build = luigi.IntParameter(significant=False)

    def easy_run(self, inputs):
        os.kill(self.build, signal.SIGUSR1)
        return 1


class Later(Task):
    build = luigi.IntParameter(significant=False)

    def requires(self):
        return Winding(build=self.build)

    def easy_run(self, inputs):
        return 2


@pytest.fixture
def usr1():
    """What came as SIGUSR1 to a handler of somebody else's."""
    came = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: came.append(number))
    yield came
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigusr1_lets_what_runs_end_and_begins_nothing_more(workers, usr1, ran):
    handler = signal.getsignal(signal.SIGUSR1)
    first, later = Winding(build=os.getpid()), Later(build=os.getpid())
    run = pipeline.build(later, workers=workers)
    assert (run.ran, run.skipped, run.failed) == ([first], [later], [])
    assert usr1 == []
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert ran(later) == ["Later"]


def test_sigusr1_is_left_to_others_where_luigi_is_told_so(usr1, ran):
    luigi.configuration.get_config().set("worker", "no_install_shutdown_handler", "true")
    assert ran(Later(build=os.getpid())) == ["Later", "Winding"]
    assert usr1 == [signal.SIGUSR1]


def test_a_build_in_another_thread_handles_no_signals(usr1):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(pipeline.build(Later(build=os.getpid()))))
    thread.start()
    thread.join()
    assert len(runs[0].ran) == 2
    assert usr1 == [signal.SIGUSR1]


def test_intervals_of_the_worker_are_as_luigi_is_told():
    def intervals():
        worker = pipeline.build(Ingest(), force=["all"]).worker
        return worker._config.wait_interval, worker._config.wait_jitter

    assert intervals() == (0.05, 0.05)
    luigi.configuration.get_config().set("worker", "wait_interval", "0.2")
    assert intervals() == (0.2, 0.05)
    luigi.configuration.get_config().set("worker", "wait_jitter", "0")
    assert intervals() == (0.2, 0)


def test_two_runs_at_once_compute_each_step_once(tmp_path, app):
    (app / "go.py").write_text(
        textwrap.dedent(
            """
            import os, sys, luigi, pipeline
            from pipeline import Task
            Task.TARGET_DIR = "store"
            class Step(Task):
                n = luigi.IntParameter()
                def easy_run(self, inputs):
                    with open("made", "a") as file:
                        file.write(f"{self.n}\\n")
                    return self.n
            sys.stdin.readline()
            assert pipeline.build([Step(n=n) for n in range(30)]).ok
            """
        )
    )
    runs = [subprocess.Popen([sys.executable, "go.py"], cwd=app, stdin=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    assert [run.wait() for run in runs] == [0, 0, 0]
    assert sorted(map(int, (app / "made").read_text().split())) == list(range(30))


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


def test_what_the_limit_of_tasks_leaves_out_says_so():
    luigi.configuration.get_config().set("worker", "task_limit", "1")
    run = pipeline.build([Ingest(), Train()])
    assert run.failed == [Train()]
    assert "the limit of 1 tasks was reached" in run.summary_text

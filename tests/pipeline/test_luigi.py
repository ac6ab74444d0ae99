"""It stays Luigi: plain luigi.build, the luigi command, events, resources, external tasks, several workers."""

import os
import subprocess
import sys
import textwrap

import luigi
import pytest

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


def test_what_the_limit_of_tasks_leaves_out_says_so():
    luigi.configuration.get_config().set("worker", "task_limit", "1")
    run = pipeline.build([Ingest(), Train()])
    assert run.failed == [Train()]
    assert "the limit of 1 tasks was reached" in run.summary_text

"""Where bodies execute: children that die, hang, are many, or would outlive their parent."""

import ctypes
import multiprocessing
import os
import pathlib
import random
import signal
import subprocess
import sys
import textwrap
import time

import luigi
import pytest

import pipeline
from pipeline import Task, entries, steplogs
from pipeline.scheduler import Scheduler
from pipeline.worker import Worker

ROOT = pathlib.Path(pipeline.__file__).parent.parent


class Sibling(Task):
    def easy_run(self, inputs):
        return "made"


class UnpicklableError(Exception):
    def __init__(self, held, message):
        super().__init__(message)
        self.held = held

    def __str__(self):
        return "it holds a lock"


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


WAYS = {
    "SIGKILL": (lambda: os.kill(os.getpid(), signal.SIGKILL), "exit code -9 (SIGKILL): perhaps the system ran out of memory"),
    "segfault": (lambda: ctypes.string_at(0), "exit code -11 (SIGSEGV)"),
    "exit 0": (lambda: os._exit(0), "exit code 0 before it was done"),
    "exit 3": (lambda: os._exit(3), "exit code 3 before it was done"),
    "sys.exit": (lambda: sys.exit(4), "SystemExit: 4"),
    "ctrl-C of its own": (lambda: _raise(KeyboardInterrupt()), "KeyboardInterrupt"),
    "closed pipe": (lambda: (os.closerange(3, 4096), time.sleep(60)), "it has closed the pipe"),
    "unpicklable exception": (lambda: _raise(UnpicklableError(multiprocessing.Lock(), "x")), "UnpicklableError: it holds a lock"),
    "exception without words": (lambda: _raise(UnspeakableError()), "UnspeakableError: its message cannot be shown"),
}


def _raise(error):
    raise error


class Falls(Task):
    way = luigi.Parameter()

    def easy_run(self, inputs):
        WAYS[self.way][0]()


class Unpicklable(Task):
    def easy_run(self, inputs):
        return [multiprocessing.Lock()]


class ReadsSibling(Task):
    def requires(self):
        return Sibling()

    def easy_run(self, inputs):
        return inputs * 2


def children():
    """Our child processes, but for those that Python itself keeps."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            words = (process / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and "resource_tracker" not in words:
            found.append(int(process.name))
    return found


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds, seconds=10):
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@pytest.fixture(autouse=True)
def no_process_is_left():
    """Every test here ends with the children that it began with."""
    before = set(children())
    yield
    assert set(children()) <= before


@pytest.mark.parametrize("way", WAYS)
def test_a_child_that_falls_fails_its_step_and_no_other(way):
    begun = time.monotonic()
    run = pipeline.build([Falls(way=way), ReadsSibling()], workers=2)
    assert run.failed == [Falls(way=way)]
    assert WAYS[way][1] in str(run.outcomes[Falls(way=way)].error)
    assert set(run.ran) == {Sibling(), ReadsSibling()}
    assert time.monotonic() - begun < 30


def test_an_interrupt_that_a_step_raises_itself_is_a_failure_of_that_step(capfd):
    class Plain(luigi.Task):
        def run(self):
            raise KeyboardInterrupt("no answer")

    falls = Falls(way="ctrl-C of its own")
    run = pipeline.build([falls, Plain(), Sibling()], engine="processes", progress=True)
    assert set(run.failed) == {falls, Plain()}
    assert run.ran == [Sibling()]
    assert str(run.outcomes[Plain()].error) == "KeyboardInterrupt: no answer"
    assert steplogs.read(falls).state == "failed"
    shown = capfd.readouterr()
    assert "Traceback" not in shown.out + shown.err
    assert "multiprocessing" not in shown.out + shown.err


@pytest.mark.parametrize("workers", [1, 2])
def test_an_output_that_cannot_be_pickled_is_a_failure_that_says_so(workers):
    run = pipeline.build([Unpicklable(), Sibling()], workers=workers)
    assert run.failed == [Unpicklable()]
    assert "PickleTarget cannot store" in str(run.outcomes[Unpicklable()].error)
    assert run.ran == [Sibling()]


def test_what_luigi_is_told_and_cannot_be_pickled_is_a_failure_that_says_so():
    class Tells(luigi.Task):
        def on_success(self):
            return lambda: "a lambda"

    run = pipeline.build([Tells()], engine="processes")
    assert "cannot be pickled" in str(run.outcomes[Tells()].error)


def test_all_children_may_die_one_after_the_other():
    ways = ["SIGKILL", "exit 0", "exit 3", "segfault"]
    run = pipeline.build([*(Falls(way=way) for way in ways), ReadsSibling()], workers=2)
    assert len(run.failed) == len(ways)
    assert set(run.ran) == {Sibling(), ReadsSibling()}


def test_the_process_failure_event_is_told_in_the_parent():
    told = []
    handler = Falls.event_handler(luigi.Event.PROCESS_FAILURE)(lambda task, words: told.append((task, words, os.getpid())))
    try:
        pipeline.build(Falls(way="exit 0"), workers=2)
    finally:
        Falls.remove_event_handler(luigi.Event.PROCESS_FAILURE, handler)
    (task, words, pid) = told[0]
    assert (task, pid) == (Falls(way="exit 0"), os.getpid())
    assert "died unexpectedly with exit code 0" in words
    assert len(told) == 1


class Says(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return [os.getpid(), random.random()]


def test_children_are_as_many_as_workers_and_draw_other_numbers():
    tasks = [Says(n=n) for n in range(50)]
    assert pipeline.build(tasks, workers=2).ok
    said = [task.load() for task in tasks]
    assert len({pid for pid, _ in said}) == 2
    assert os.getpid() not in {pid for pid, _ in said}
    assert len({number for _, number in said}) == 50


def test_a_step_of_one_worker_runs_in_the_calling_process():
    assert pipeline.build(Says(n=1)).ok
    assert Says(n=1).load()[0] == os.getpid()


class Hangs(Task):
    worker_timeout = 1

    def easy_run(self, inputs):
        started = subprocess.Popen(["sleep", "60"])
        pathlib.Path("started").write_text(str(started.pid))
        time.sleep(60)


@linux
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_hangs_is_stopped_with_all_that_it_started(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = []
    handler = Hangs.event_handler(luigi.Event.TIMEOUT)(lambda task, words: told.append(words))
    begun = time.monotonic()
    try:
        run = pipeline.build([Hangs(), Sibling()], workers=workers)
    finally:
        Hangs.remove_event_handler(luigi.Event.TIMEOUT, handler)
    assert time.monotonic() - begun < 20
    assert run.failed == [Hangs()]
    assert run.ran == [Sibling()]
    assert "timed out after 1 seconds and was terminated." in str(run.outcomes[Hangs()].error)
    assert len(told) == 1
    assert wait_until(lambda: not is_there(int((tmp_path / "started").read_text())))


def test_a_child_that_dies_while_it_is_idle_is_replaced():
    class Waits(Task):
        def requires(self):
            return [Says(n=1), Says(n=2)]

        def easy_run(self, inputs):
            for pid in {pid for pid, _ in inputs} - {os.getpid()}:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)

    class Later(Task):
        n = luigi.IntParameter()

        def requires(self):
            return Waits()

        def easy_run(self, inputs):
            time.sleep(0.3)

    assert pipeline.build([Later(n=n) for n in range(2)], workers=2).ok


SCRIPT = """
import os, pathlib, subprocess, sys, time, luigi, pipeline
class Slow(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        started = [str(os.getpid())]
        if sys.argv[1] == "SIGINT":
            started.append(str(subprocess.Popen(["sleep", "60"]).pid))
        pathlib.Path(f"pids{self.n}").write_text(" ".join(started))
        time.sleep(60)
pipeline.build([Slow(n=n) for n in range(2)], workers=2)
"""


@linux
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_no_child_outlives_its_parent(name, tmp_path):
    (tmp_path / "go.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "go.py", name], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    files = [tmp_path / f"pids{n}" for n in range(2)]
    try:
        assert wait_until(lambda: all(file.exists() and file.read_text() for file in files), 20)
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        assert all(map(is_there, pids))
        # The whole group gets it, as when one presses Ctrl-C.
        os.killpg(parent.pid, signal.SIGINT) if name == "SIGINT" else parent.send_signal(getattr(signal, name))
        assert parent.wait(20) != 0
        assert wait_until(lambda: not any(map(is_there, pids)))
    finally:
        parent.kill()
        parent.communicate()


@linux
def test_a_step_may_start_processes_that_outlive_it_without_blocking_the_run():
    class Starts(Task):
        def easy_run(self, inputs):
            pid = os.fork()  # holds the pipe of this child open
            if not pid:
                time.sleep(4)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)

    begun = time.monotonic()
    run = pipeline.build([Starts(), Sibling()], workers=2)
    assert time.monotonic() - begun < 3
    assert run.failed == [Starts()]
    assert run.ran == [Sibling()]


def test_a_step_may_build_and_use_processes_of_its_own():
    class Inner(Task):
        n = luigi.IntParameter()

        def easy_run(self, inputs):
            time.sleep(1.2)  # longer than Luigi waits between two pings
            return self.n

    class Outer(Task):
        def easy_run(self, inputs):
            assert pipeline.build([Inner(n=n) for n in range(2)], workers=2).ok
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return pool.map(abs, [-1, -2])

    assert pipeline.build([Outer(), Sibling()], workers=2).ok
    assert Outer().load() == [1, 2]


def test_an_interpreter_ends_although_children_are_idle(tmp_path):
    code = """
    import luigi, pipeline, time
    from pipeline.worker import Worker
    class Plain(luigi.Task):
        def run(self): pass
        def complete(self): return False
    worker = Worker(worker_processes=2)
    worker.add(Plain())
    worker._run_task(Plain().task_id)
    worker._handle_next_task()
    assert len(worker._engine._children) == 1
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=30)
    assert done.returncode == 0


class Listens(luigi.Task):
    accepts_messages = True
    done = False

    def run(self):
        message = self.scheduler_messages.get(timeout=10)
        pathlib.Path("heard").write_text(str(message))

    def complete(self):
        return pathlib.Path("heard").exists()


@pytest.mark.parametrize("options", [{}, {"worker_processes": 2}, {"engine": "processes"}, {"timeout": 20}])
def test_messages_reach_a_step_wherever_it_runs(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scheduler = Scheduler(send_messages=True)
    with Worker(scheduler=scheduler, ping_interval=0.1, wait_interval=0.05, **options) as worker:
        worker.add(Listens())
        scheduler.send_scheduler_message(worker._id, Listens().task_id, "hello")
        assert worker.run()
    assert pathlib.Path("heard").read_text() == "hello"


def test_a_parameter_that_is_not_described_arrives_with_what_was_scheduled_late(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Secret(luigi.Task):
        word = luigi.Parameter(default="none", visibility=luigi.parameter.ParameterVisibility.PRIVATE)

        def output(self):
            return luigi.LocalTarget("word")

        def run(self):
            with self.output().open("w") as file:
                file.write(self.word)

    class First(luigi.Task):
        def output(self):
            return luigi.LocalTarget("first")

        def run(self):
            self.output().open("w").close()

    with Worker(worker_processes=2, wait_interval=0.05) as worker:
        worker.add(First())
        worker._add_worker()
        worker._run_task(worker._get_work().task_id)
        worker.add(Secret(word="told"))
        assert worker.run()
    assert pathlib.Path("word").read_text() == "told"


class Comes(Task):
    """Forks a process that comes back."""

    how = luigi.Parameter()

    def easy_run(self, inputs):
        (self.task_directory / "side").write_text("kept")
        pid = os.fork()
        if pid:
            return [self.how, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        if self.how == "raises":
            raise ValueError("in the child")
        if self.how == "exits":
            sys.exit(3)
        return "the child's"


@pytest.mark.parametrize(("how", "code"), [("returns", 0), ("raises", 1), ("exits", 3)])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_a_step_forks_and_that_comes_back_ends_there(workers, how, code):
    class After(Task):
        def requires(self):
            return Comes(how=how)

        def easy_run(self, inputs):
            return inputs

    me = os.getpid()
    try:
        run = pipeline.build(After(), workers=workers)
    finally:
        if os.getpid() != me:
            os._exit(9)  # or there would be two of this test, too
    assert run.ok
    assert After().load() == [how, code]
    assert (Comes(how=how).task_directory / "side").read_text() == "kept"
    assert [entry.outcome for entry in entries.runs(After().store)] == ["done"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_a_step_forks_can_be_terminated_from_its_first_moment(workers):
    """As a pool does that ends at once. Python forgets what has come before a forked process was set up, if it has a handler for it."""

    class Forks(Task):
        def easy_run(self, inputs):
            codes = set()
            for _ in range(60):
                pid = os.fork()
                if not pid:
                    time.sleep(1)
                    os._exit(0)
                os.kill(pid, signal.SIGTERM)
                codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return codes

    assert pipeline.build([Forks(), Sibling()], workers=workers).ok
    assert Forks().load() == {-signal.SIGTERM}

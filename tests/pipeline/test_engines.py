"""Where bodies execute: children that die, hang, or are many."""

import ctypes
import multiprocessing
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import luigi
import pytest
from engines import Sibling, is_there, linux, no_process_is_left, wait_until

import pipeline
from pipeline import Task, steplogs

__all__ = ["no_process_is_left"]

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


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


class Gone:
    def __reduce__(self):
        raise OSError("its file is gone")


@pytest.mark.parametrize("told", [lambda: "a lambda", Gone()], ids=["a lambda", "an OSError"])
def test_what_luigi_is_told_and_cannot_be_pickled_is_a_failure_that_says_so(told):
    class Tells(luigi.Task):
        def on_success(self):
            return told

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


LIMITED = """
import resource, time, luigi, pipeline
class S(pipeline.Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        time.sleep(0.3)
        return self.n
if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (26, 26))
    run = pipeline.build([S(n=n) for n in range(12)], workers=12)
    print(len(run.ran), len(run.failed), {type(run.outcomes[task].error).__name__ for task in run.failed})
    print(max(str(run.outcomes[task].error) for task in run.failed))
"""


def test_where_no_more_processes_can_be_begun_some_steps_fail_and_others_run(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": str(tmp_path / "store")}
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, env=environment, timeout=60, cwd=tmp_path)
    ran, failed, kinds = done.stdout.splitlines()[0].split(maxsplit=2)
    assert int(ran) + int(failed) == 12, done
    assert 0 < int(failed) < 12
    assert kinds == "{'StepError'}"
    assert "no process could be begun for S_" in done.stdout


class FailsTwice(luigi.Task):
    def run(self):
        raise ValueError("the first")

    def on_failure(self, exception):
        raise RuntimeError("the second")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_fails_once_more_in_on_failure_fails_alone(workers):
    run = pipeline.build([FailsTwice(), *(Says(n=n) for n in range(3))], workers=workers)
    assert run.failed == [FailsTwice()]
    assert len(run.ran) == 3
    assert "the first" in str(run.outcomes[FailsTwice()].error)


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


@pytest.mark.parametrize("heeds", [True, False])
def test_a_step_that_has_run_for_too_long_can_tidy_up(heeds, tmp_path, monkeypatch):
    monkeypatch.setenv("PIPELINE_GRACE", "0.2" if not heeds else "20")

    class TidiesUp(Task):
        timeout = 1

        def easy_run(self, inputs):
            if not heeds:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try:
                time.sleep(60)
            finally:
                (tmp_path / "tidy").touch()

    run = pipeline.build(TidiesUp())
    assert run.failed == [TidiesUp()]
    assert (tmp_path / "tidy").exists() is heeds


class TakesLongToStore:
    def __reduce__(self):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(60)


def test_what_a_step_that_has_run_for_too_long_was_storing_is_removed(tmp_path):
    class Stores(Task):
        TARGET_DIR = str(tmp_path / "store")
        timeout = 1

        def easy_run(self, inputs):
            return [bytes(50_000_000), TakesLongToStore()]

    assert pipeline.build(Stores()).failed == [Stores()]
    assert list((tmp_path / "store" / "Stores").glob(".*.tmp")) == []


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

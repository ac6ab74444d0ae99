"""Whoever makes a task is killed or stopped at random moments: if dead, somebody else takes over at once; if stopped, the others wait.

The runs are real builds in processes that are forked from this one, which has everything imported.
"""

import contextlib
import logging
import multiprocessing
import os
import random
import signal
import sys
import time

import luigi
import pytest

import pipeline
from pipeline import Task
from targets import JsonTarget

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
fork = multiprocessing.get_context("fork")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, and locks that the kernel keeps")


def note(words):
    """One line; a write to a file that is open for appending is never torn."""
    descriptor = os.open("notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{words}\n".encode())
    os.close(descriptor)


def notes():
    with contextlib.suppress(FileNotFoundError), open("notes") as file:
        return file.read().split("\n")[:-1]
    return []


class Step(Task):
    target_type = JsonTarget
    turn = luigi.IntParameter()

    def easy_run(self, inputs):
        note(f"begin {os.environ['WHO']}")
        until = time.perf_counter() + 0.04  # longer than it takes to start another run
        while time.perf_counter() < until:
            pass
        note(f"end {os.environ['WHO']}")
        return [self.turn] * 20_000


class Lingers(Task):
    """Starts a process that outlives it."""

    def easy_run(self, inputs):
        note(f"begin {os.environ['WHO']}")
        if os.environ["WHO"] == "first":
            if not os.fork():
                note(f"lingers {os.getpid()}")
                time.sleep(600)
            time.sleep(600)
        return os.environ["WHO"]


class Told(logging.Handler):
    def emit(self, record):
        if "made by another run" in record.getMessage():
            note(f"waits {os.environ['WHO']}")


def run(who, task, workers=1):
    """A build of this task in a process of its own, which ends with its exit code."""

    def work():
        os.environ["WHO"] = who
        logging.getLogger("pipeline").addHandler(Told())
        logging.getLogger("pipeline").setLevel(logging.INFO)
        os._exit(pipeline.build([task], workers=workers).exit_code)

    process = fork.Process(target=work)
    process.start()
    return process


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, notes()
        time.sleep(0.0005)


def is_stopped(process):
    with open(f"/proc/{process.pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] in "TZ"


def stop(process):
    """Stopped, or it had ended before."""
    os.kill(process.pid, signal.SIGSTOP)
    wait_for(lambda: is_stopped(process))


@contextlib.contextmanager
def ended(*processes):
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


@pytest.fixture
def here(app):
    """The folder of the notes; Luigi's own lines, of hundreds of runs, are not kept."""
    logging.getLogger("luigi").setLevel(logging.ERROR)
    return app


def test_a_naive_lock_is_caught(here):
    """A lock file that is created exclusively stays when its holder is killed: whoever waits for it, waits for ever."""

    def hold():
        os.close(os.open("lock", os.O_CREAT | os.O_EXCL))
        note("held")
        time.sleep(600)

    holder = fork.Process(target=hold)
    holder.start()
    wait_for(lambda: notes() == ["held"])
    holder.kill()
    holder.join()
    with pytest.raises(FileExistsError):
        os.open("lock", os.O_CREAT | os.O_EXCL)


def test_another_run_takes_over_from_a_killed_one(here):
    chance = random.Random(7)
    taken_over = slowest = 0
    for turn in range(200 * HEAVY):
        (here / "notes").unlink(missing_ok=True)
        task = Step(turn=turn)
        first = run("first", task)
        with ended(first):
            wait_for(lambda: "begin first" in notes())
            second = run("second", task)
            with ended(second):
                time.sleep(chance.uniform(0, 0.015))
                # Stopped before it is killed, so that what there is at that moment can be looked at.
                stop(first)
                if "end first" not in notes():
                    assert "begin second" not in notes()
                    taken_over += 1
                first.kill()
                begun = time.monotonic()
                second.join(30)
                slowest = max(slowest, time.monotonic() - begun)
                assert second.exitcode == 0
        if "begin second" in notes():
            assert notes().count("end second") == 1
        assert task.load() == [turn] * 20_000
    assert taken_over > 20 * HEAVY
    assert slowest < 10


@pytest.mark.parametrize("then", ["goes on", "is killed"])
def test_other_runs_wait_for_a_stopped_one(then, here):
    chance = random.Random(then)
    waited = 0
    for turn in range(100 * HEAVY):
        (here / "notes").unlink(missing_ok=True)
        task = Step(turn=turn)
        first = run("first", task)
        with ended(first):
            wait_for(lambda: "begin first" in notes())
            time.sleep(chance.uniform(0, 0.012))
            stop(first)
            second = run("second", task)
            with ended(second):
                wait_for(lambda second=second: "waits second" in notes() or not second.is_alive())
                if second.is_alive() and "end first" not in notes():
                    waited += 1
                    assert "begin second" not in notes()
                if then == "goes on":
                    os.kill(first.pid, signal.SIGCONT)
                    first.join(30)
                    assert first.exitcode == 0
                else:
                    first.kill()
                second.join(30)
                assert second.exitcode == 0
        if then == "goes on":
            assert sorted(line for line in notes() if not line.startswith("waits")) == ["begin first", "end first"]
        assert task.load() == [turn] * 20_000
    assert waited > 20 * HEAVY


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_a_killed_run_has_started_keeps_no_lock(workers, here):
    first = run("first", Lingers(), workers)
    with ended(first):
        wait_for(lambda: any(line.startswith("lingers") for line in notes()))
        pid = int(next(line for line in notes() if line.startswith("lingers")).split()[1])
        try:
            first.kill()
            second = run("second", Lingers())
            with ended(second):
                second.join(30)
                assert second.exitcode == 0
            os.kill(pid, 0)
        finally:
            os.kill(pid, signal.SIGKILL)
    assert Lingers().load() == "second"

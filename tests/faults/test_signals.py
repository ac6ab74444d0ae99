"""SIGTERM and SIGINT at random moments, also as process 1, and twice: the exit code, no orphans, nothing left behind, and the next run is right."""

import fcntl
import os
import pathlib
import pty
import random
import shutil
import signal
import termios
import time

import pytest

from .root_tools import need
from .signalled_app import Forked, app, leftovers, linux, outcomes, processes_of, start, wait_for_a_step, wait_until_gone

__all__ = ["app"]

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))


def clean(folder):
    shutil.rmtree(folder / "store", ignore_errors=True)
    for mark in folder.glob("at-*"):
        mark.unlink()


def length_of_a_run(folder, workers):
    begun = time.monotonic()
    assert Forked(folder, workers).wait(60) == 0
    length = time.monotonic() - begun
    clean(folder)
    return length


def tell_until_it_ends(process):
    """At least twice: two signals in one moment are one to the kernel."""
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 20
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
        assert time.monotonic() < until


def insist_on_a_clean_end(folder, process, number, ended, took, signals=1):
    """Everything that is promised of a run that was told to end at whatever moment. Returns what its history says."""
    code = 128 + number
    said = outcomes(folder)
    assert took < 5
    if signals == 1:
        assert processes_of(process.session) == []
    else:
        wait_until_gone(process.session)
    if ended == -number:
        # Before the run had begun, or when nothing was left to do but to end.
        assert said in ([], ["done"]) or (signals == 2 and said == ["interrupted"])
    else:
        assert ended in (code, 0)
        assert said in (["done"], [], ["interrupted"])
        assert ended == code or said == ["done"]
        if signals == 1:
            assert leftovers(folder) == []
    # The next run is right.
    assert Forked(folder).wait(60) == 0
    assert leftovers(folder) == []
    assert outcomes(folder)[-1] == "done"
    return said


@linux
@pytest.mark.parametrize("as_first", [False, True], ids=["", "as process 1"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_at_random_moments(name, workers, as_first, app):
    if as_first:
        need("unshare", "mount")
    number = getattr(signal, name)
    chance = random.Random(f"{name}{workers}{as_first}")
    length = length_of_a_run(app, workers)
    interrupted = 0
    for _ in range((20 if as_first else 40) * HEAVY):
        clean(app)
        process = Forked(app, workers, as_first=as_first)
        time.sleep(chance.uniform(0, length))
        begun = time.monotonic()
        if process.poll() is None:
            process.send_signal(number)
        else:
            length *= 0.8  # the machine was busier when the length was measured
        ended = process.wait(30)
        took = time.monotonic() - begun
        interrupted += insist_on_a_clean_end(app, process, number, ended, took) == ["interrupted"]
    assert interrupted > 3 * HEAVY


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_twice_at_random_moments(name, workers, app):
    number = getattr(signal, name)
    chance = random.Random(f"{name}{workers}")
    interrupted = 0
    for _ in range(15 * HEAVY):
        clean(app)
        process = Forked(app, workers)
        wait_for_a_step(app, process)
        time.sleep(chance.uniform(0, 0.03))
        begun = time.monotonic()
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(chance.choice([0, 0.001, 0.01]))
        ended = process.wait(30)
        took = time.monotonic() - begun
        interrupted += insist_on_a_clean_end(app, process, number, ended, took, signals=2) == ["interrupted"]
    assert interrupted > HEAVY


@linux
@pytest.mark.parametrize("workers", [1, 2])
def test_a_terminal_that_goes_away(workers, app):
    (app / "luigi.cfg").write_text("[pipeline]\ngrace = 60\n")
    ours, theirs = pty.openpty()
    process = start(app, workers, "tidy", stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(theirs)
    wait_for_a_step(app, process, "tidy")
    os.close(ours)
    assert process.wait(30) == 143
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]
    assert (app / "tidied").exists()
    assert leftovers(app) == []


@linux
def test_nohup_goes_on(app):
    process = start(app, 2, "plain", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for_a_step(app, process, "at-*")
    os.killpg(process.pid, signal.SIGHUP)
    assert process.wait(30) == 0
    assert outcomes(app) == ["done"]


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_as_a_person_starts_it(name, code, workers, app):
    process = start(app, workers, "tidy")
    wait_for_a_step(app, process, "tidy")
    process.send_signal(getattr(signal, name))
    assert process.wait(30) == code
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("grace", "tidied"), [("60", True), ("0.1", False)])
def test_the_grace_period_comes_from_the_configuration(grace, tidied, workers, app):
    (app / "luigi.cfg").write_text(f"[pipeline]\ngrace = {grace}\n")
    process = Forked(app, workers, "tidy")
    wait_for_a_step(app, process, "tidy")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.session) == []
    assert (app / "tidied").exists() is tidied
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize("how", ["ignores", "asks asyncio"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_heeds_signals_itself_does_so_for_itself_alone(how, workers, app):
    process = Forked(app, workers, how)
    wait_for_a_step(app, process, "waits")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.session) == []
    assert (leftovers(app), outcomes(app)) == ([], ["interrupted"])


@linux
@pytest.mark.parametrize(("how", "signals"), [("dies", 1), ("does not die", 1), ("does not die", 2)])
def test_what_a_child_had_begun_that_does_not_clean_up_is_undone(how, signals, app):
    (app / "luigi.cfg").write_text(f"[pipeline]\ngrace = {0.5 if signals == 1 else 60}\n")
    process = Forked(app, 2, how)
    wait_for_a_step(app, process, "waits")
    assert leftovers(app) != []
    if signals == 1:
        process.send_signal(signal.SIGTERM)
    else:
        tell_until_it_ends(process)
    assert process.wait(30) == 143
    wait_until_gone(process.session)
    assert (leftovers(app), outcomes(app)) == ([], ["interrupted"])


@linux
def test_a_step_that_takes_away_whom_the_system_wakes_leaves_the_grace_period_as_it_is(app):
    process = start(app, 1, "after asyncio")
    wait_for_a_step(app, process, "waits")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert time.monotonic() - begun < 5
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize("how", ["stubborn", "in C"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_heeds_nothing_is_not_waited_for(how, workers, app):
    process = start(app, workers, how)
    wait_for_a_step(app, process)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert time.monotonic() - begun < 5
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]
    assert start(app, workers).wait(60) == 0
    assert leftovers(app) == []


@linux
@pytest.mark.parametrize("how", ["swallows", "renames"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_makes_something_else_of_it_is_the_last(how, workers, app):
    (app / "luigi.cfg").write_text("[pipeline]\ngrace = 600\n")
    process = start(app, workers, how)
    wait_for_a_step(app, process, "waits")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_the_moment_of_a_fork(number, code, app):
    process = start(app, 2, "at a fork", int(number))
    assert process.wait(30) == code
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
def test_an_error_on_the_way_out_changes_nothing(app):
    process = start(app, 2, "fails at the end")
    wait_for_a_step(app, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
def test_a_second_signal_ends_at_once(app):
    process = start(app, 1, "stubborn")
    wait_for_a_step(app, process, "stubborn")
    tell_until_it_ends(process)
    assert process.returncode == 143
    assert outcomes(app) == ["interrupted"]
    assert leftovers(app) == []


@linux
def test_a_second_signal_while_the_first_ones_end_is_entered(app):
    process = start(app, 1, "again while it is entered")
    wait_for_a_step(app, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert outcomes(app) == ["interrupted"]


@linux
def test_as_process_1(app):
    need("unshare", "mount")
    process = start(app, 2, "tidy", wrapper=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    wait_for_a_step(app, process, "tidy")
    # To the run itself, which is process 1 of a namespace of its own; `unshare` only waits for it.
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    assert process.wait(30) == 143
    assert outcomes(app) == ["interrupted"]


@linux
def test_a_killed_run_is_unfinished_in_the_history(app):
    process = start(app, 1)
    wait_for_a_step(app, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert outcomes(app) == ["unfinished"]
    assert start(app, 1).wait(60) == 0
    assert outcomes(app) == ["unfinished", "done"]
    assert leftovers(app) == []

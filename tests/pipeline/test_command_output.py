"""The command line: exit codes; what is on standard output and what is not."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from command_line import RUN, call, environment, folder

__all__ = ["folder"]


# Exit codes


def test_exit_codes_of_what_went_well_and_what_did_not(folder):
    assert call(folder).returncode == 0
    assert call(folder, "--param", "rate=-1").returncode == 1
    assert call(folder, "--no-such-option").returncode == 2
    assert call(folder, "--force", "Nothing").returncode == 2
    (folder / "run.py").write_text(RUN.replace("[flow.Evaluate()]", "[flow.Evaluate(rows='x')]"))
    assert call(folder).returncode == 3
    (folder / "run.py").write_text(RUN.replace("[flow.Evaluate()]", "1 / 0"))
    done = call(folder)
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr


def hold(folder, *arguments):
    (folder / "hold").touch()
    process = subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=folder, env=environment(folder), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not (folder / "holding").exists():
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_exit_codes_of_what_was_stopped(name, code, folder):
    process = hold(folder)
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == code


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_does_not_wait_is_told_that_another_run_is_at_it(workers, folder):
    process = hold(folder)
    try:
        done = call(folder, "--no-wait", "--workers", workers)
        assert done.returncode == 75, done.stderr
        assert "another run is making Train(" in done.stderr
    finally:
        (folder / "hold").unlink()
    assert process.wait(60) == 0
    assert call(folder, "--no-wait").returncode == 0


# What is said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_json_is_alone_on_standard_output(workers, folder):
    done = call(folder, "--json", "--workers", workers)
    found = json.loads(done.stdout)
    assert [task["family"] for task in found["ran"]] == ["Ingest", "Train", "Evaluate"]
    assert "printed by a step" in done.stderr
    assert "printed by a child" in done.stderr


def test_a_failure_is_in_the_json(folder):
    done = call(folder, "--json", "--param", "rate=-1")
    found = json.loads(done.stdout)
    assert (found["outcome"], found["exit_code"]) == ("failed", 1)
    assert [task["error"] for task in found["failed"]] == ["ValueError: a negative rate"]
    assert [task["family"] for task in found["skipped"]] == ["Evaluate"]


def test_quiet_says_nothing_where_all_is_well(folder):
    done = call(folder, "--quiet", "--until", "Train")
    assert (done.stdout, done.stderr) == ("", "")
    done = call(folder, "--quiet", "--param", "rate=-1")
    assert "a negative rate" in done.stdout + done.stderr


def test_to_a_pipe_there_are_no_escape_codes(folder):
    for arguments in ([], ["plan", "--force", "all"], ["--help"]):
        done = call(folder, *arguments, FORCE_COLOR="", TERM="xterm-256color")
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("fails", ["a step", "get_tasks"])
def test_to_a_pipe_there_are_none_of_an_exception(fails, folder):
    words = r"ValueError('\x1b[31min red, \0 and \x9b2J')"
    told = f"raise {words}" if fails == "get_tasks" else "return [Fails()]"
    (folder / "odd.py").write_text(
        f"from pipeline import Task\nclass Fails(Task):\n    def easy_run(self, inputs):\n        raise {words}\ndef get_tasks():\n    {told}\n"
    )
    done = call(folder, "--module", "odd", program=("-m", "pipeline"))
    assert done.returncode == (3 if fails == "get_tasks" else 1)
    assert not set("\x1b\0\x9b") & set(done.stdout + done.stderr)
    assert r"ValueError: \x1b[31min red, \x00 and \x9b2J" in (done.stderr if fails == "get_tasks" else done.stdout)


FULL = "/dev/full"


def to_a_full_disk(folder, *arguments, **more):
    with open(FULL, "w") as full:
        command = [sys.executable, "run.py", *arguments]
        return subprocess.run(command, cwd=folder, env=environment(folder, **more), stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)


@pytest.mark.skipif(not os.path.exists(FULL), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_written_has_an_exit_code_of_its_own(unbuffered, folder):
    call(folder)
    for words in ("plan", "verify", "ls --json", "history", "show Train", "log Evaluate", "doctor", "graph", "report --output -", "--help"):
        done = to_a_full_disk(folder, *words.split(), PYTHONUNBUFFERED=unbuffered)
        assert (done.returncode, done.stderr) == (74, "cannot write standard output: No space left on device\n"), words


@pytest.mark.skipif(not os.path.exists(FULL), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_run_whose_summary_cannot_be_written_has_the_code_of_its_work(unbuffered, folder):
    done = to_a_full_disk(folder, "--quiet", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "")
    done = to_a_full_disk(folder, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 0
    assert done.stderr.startswith("cannot write standard output: No space left on device\nnothing to do: 0 ran, 3 kept")
    done = to_a_full_disk(folder, "--json", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "cannot write standard output: No space left on device\n")
    done = to_a_full_disk(folder, "--json", "--param", "rate=-1", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr.endswith("\ncannot write standard output: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise")
def test_a_reader_that_has_gone_hears_nothing(folder):
    call(folder)
    for words in ([], ["run", "--json"], ["plan", "--all"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "run.py", *words]
        done = subprocess.run(command, cwd=folder, env=environment(folder, PYTHONUNBUFFERED=""), stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        assert done.stderr == "", words
        assert done.returncode == (0 if words == [] else 1)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["plan", "ls", "--help", "run Nothing", "--json", ""])
def test_a_program_that_is_started_without_its_streams_runs(folder, closed, arguments):
    command = ["sh", "-c", f"{sys.executable} run.py {arguments} {closed}"]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert done.returncode == (2 if "Nothing" in arguments else 0), done.stderr
    assert "Bad file descriptor" not in done.stderr
    assert (folder / "store" / "Evaluate").is_dir() == (arguments in ("", "--json"))


def in_a_terminal(folder, *arguments, **more):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=folder, env=environment(folder, TERM="xterm", **more), stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        found += piece
    os.close(ours)
    assert process.wait(60) == 0
    return found.decode()


def test_a_terminal_gets_colour_unless_it_does_not_want_any(folder):
    assert "\x1b[33mMISSING" in in_a_terminal(folder, "plan")
    assert "\x1b[33mMISSING" not in in_a_terminal(folder, "plan", NO_COLOR="1")

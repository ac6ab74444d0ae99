"""SIGTERM and SIGINT at random moments, also as process 1, and twice: the exit code, no orphans, nothing left behind, and the next run is right."""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pipeline import entries
from targets.opening import open_store

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

APP = """
import os, pathlib, sys, time, luigi, pipeline
from targets import JsonTarget

class Leaf(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        (self.task_directory / "side").write_text("x" * 1000)
        pathlib.Path(f"at-{os.getpid()}").touch()
        if sys.argv[2] == "stubborn" and self.n == 0:
            while True:
                try:
                    pathlib.Path("stubborn").touch()
                    time.sleep(60)
                except BaseException:
                    pass
        if sys.argv[2] == "in C" and self.n == 0:
            import re
            re.match(r"(a*)*b", "a" * 40)  # for years, and no Python code runs meanwhile
        time.sleep(0.01)
        return list(range(2000))

class Root(pipeline.Task):
    TARGET_DIR = "store"
    target_type = JsonTarget
    def requires(self):
        return [Leaf(n=n) for n in range(12)]
    def easy_run(self, inputs):
        return sum(map(len, inputs))

if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Root()], ["run", "--workers", sys.argv[1]]))
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def start(folder, workers=1, how="plain", wrapper=(), **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_GRACE": "1", "LUIGI_CONFIG_PATH": "none.cfg"}
    command = [*wrapper, sys.executable, "app.py", str(workers), how]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, **more
    )


def processes_of(session):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def leftovers(folder):
    return [str(path) for path in (folder / "store").rglob("*") if path.name.endswith((".tmp", ".aside"))]


def outcomes(folder):
    return [entry.outcome for entry in reversed(entries.runs(open_store(str(folder / "store"))))]


def wait_for_a_step(folder, process, marks="at-*"):
    until = time.monotonic() + 30
    while not list(folder.glob(marks)):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.005)


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_at_random_moments(name, code, workers, app):
    chance = random.Random(f"{name}{workers}")
    interrupted = 0
    for _ in range(8 * HEAVY):
        shutil.rmtree(app / "store", ignore_errors=True)
        for mark in app.glob("at-*"):
            mark.unlink()
        process = start(app, workers)
        wait_for_a_step(app, process)
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(getattr(signal, name))
        begun = time.monotonic()
        ended = process.wait(30)
        if ended == -getattr(signal, name):
            assert outcomes(app) == ["done"]  # nothing was left to do but to end
        else:
            assert ended in (code, 0)
        assert time.monotonic() - begun < 5
        assert processes_of(process.pid) == []
        if ended == code and outcomes(app):
            interrupted += 1
            assert set(outcomes(app)) <= {"interrupted", "done"}
            assert leftovers(app) == []
        assert start(app, workers).wait(60) == 0
        assert leftovers(app) == []
    assert interrupted > 0


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
    assert start(app, workers).wait(60) == 0
    assert leftovers(app) == []


@linux
def test_a_second_signal_ends_at_once(app):
    process = start(app, 1, "stubborn")
    wait_for_a_step(app, process, "stubborn")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 20
    while process.poll() is None:
        # Two signals in one moment are one to the kernel.
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
        assert time.monotonic() < until
    assert process.returncode == 143
    assert leftovers(app) == []


@linux
def test_as_process_1(app):
    if shutil.which("unshare") is None or os.getuid() != 0:
        pytest.skip("needs unshare and root")
    process = start(app, 2, "plain", wrapper=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    wait_for_a_step(app, process)
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

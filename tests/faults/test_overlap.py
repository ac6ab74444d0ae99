"""Several runs at once on one store: every task is computed once over all of them, nobody fails, and nobody waits while there is other work."""

import collections
import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

#: Four layers of fifty; each task needs three of the layer below. `note` is one write to a file that is open for appending: a line is never torn.
APP = """
import os, pathlib, pickle, sys, time, luigi, pipeline

KIND, WORKERS = sys.argv[1:3]

def note(name):
    descriptor = os.open("computed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{name}\\n".encode())
    os.close(descriptor)

def wait_for_the_others():
    pathlib.Path(f"ready-{os.getpid()}").touch()
    while not os.path.exists("go"):
        time.sleep(0.001)

class Node(pipeline.Task):
    TARGET_DIR = "store"
    layer = luigi.IntParameter()
    at = luigi.IntParameter()

    def requires(self):
        return [Node(layer=self.layer - 1, at=(self.at * 7 + n) % 50) for n in range(3)] if self.layer else []

    def easy_run(self, inputs):
        note(f"{self.layer} {self.at}")
        return sum(inputs) + self.at

class NaiveNode(luigi.Task):
    layer = luigi.IntParameter()
    at = luigi.IntParameter()

    def requires(self):
        return [NaiveNode(layer=self.layer - 1, at=(self.at * 7 + n) % 50) for n in range(3)] if self.layer else []

    def output(self):
        return luigi.LocalTarget(f"naive/{self.layer}-{self.at}")

    def run(self):
        note(f"{self.layer} {self.at}")
        with self.output().open("w") as file:
            file.write("x")

kind = {"ours": Node, "naive": NaiveNode}[KIND]
if __name__ == "__main__":
    roots = [kind(layer=3, at=at) for at in range(50)]
    wait_for_the_others()
    if KIND == "naive":
        sys.exit(not luigi.build(roots, local_scheduler=True, log_level="ERROR"))
    sys.exit(pipeline.main(lambda: roots, ["run", "--workers", WORKERS]))
"""


def start(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg"}
    log = (folder / f"log-{len(list(folder.glob('log-*')))}").open("w")
    with log:
        return subprocess.Popen([sys.executable, "app.py", *map(str, arguments)], cwd=folder, env=environment, stdout=log, stderr=log)


def wait_for(condition, *processes, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert all(process.poll() in (None, 0) for process in processes)
        assert time.monotonic() < until
        time.sleep(0.005)


def overlapping(folder, times, kind="ours", workers=1, app=APP):
    """Start so many runs in one moment; how often each task was computed over all of them."""
    (folder / "app.py").write_text(app)
    runs = [start(folder, kind, workers) for _ in range(times)]
    try:
        wait_for(lambda: len(list(folder.glob("ready-*"))) == times, *runs)
        (folder / "go").touch()
        codes = [run.wait(240) for run in runs]
    finally:
        for run in runs:
            run.kill()
            run.wait()
    logs = "".join(path.read_text() for path in folder.glob("log-*"))
    assert codes == [0] * times, logs[-5000:]
    return collections.Counter((folder / "computed").read_text().split("\n")[:-1])


def test_a_naive_target_is_caught(tmp_path):
    """What these tests would say of a task that is computed if its file is not there."""
    computed = overlapping(tmp_path, 2, "naive")
    assert len(computed) == 200
    assert sum(computed.values()) > 220


@pytest.mark.parametrize(("times", "workers"), [(2, 1), (6, 1), (16, 1), (2, 2)])
def test_each_task_is_computed_once(times, workers, tmp_path):
    computed = overlapping(tmp_path, times, workers=workers)
    assert len(computed) == 200
    assert set(computed.values()) == {1}


WAITING = """
import os, pathlib, sys, time, luigi, pipeline
from targets import JsonTarget

def note(name):
    descriptor = os.open("computed", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{name}\\n".encode())
    os.close(descriptor)

class Slow(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter(default=0)
    priority = 10
    timeout = 100

    def easy_run(self, inputs):
        note(f"slow {self.n}")
        pathlib.Path(f"holding-{self.n}").touch()
        while not os.path.exists("release" if self.n < 2 else "release-third"):
            time.sleep(0.005)
        return 1

class Quick(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter()

    def requires(self):
        return Quick(n=self.n - 1) if self.n % 5 else None

    def easy_run(self, inputs):
        note(f"quick {self.n}")

class After(pipeline.Task):
    TARGET_DIR = "store"

    def requires(self):
        return [Slow(), Quick(n=0)]

    def easy_run(self, inputs):
        note("after")

class Asking(pipeline.Task):
    TARGET_DIR = "store"
    priority = 5

    def easy_run(self, inputs):
        yield Slow()
        note("asked")

what = {
    "slow": [Slow(n=0), Slow(n=1)], "third": [Slow(n=0), Slow(n=1), Slow(n=2)],
    "rest": [Slow(n=1), After(), *(Quick(n=n) for n in range(10))], "asking": [Asking(), Slow(n=1), *(Quick(n=n) for n in range(10))],
}
if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: what[sys.argv[1]], ["run", "--workers", sys.argv[2]]))
"""


@pytest.fixture
def holder(tmp_path):
    """A run that holds the keys of `Slow(n=0)` and `Slow(n=1)` until `release` is there."""
    (tmp_path / "app.py").write_text(WAITING)
    run = start(tmp_path, "slow", 2)
    wait_for(lambda: (tmp_path / "holding-0").exists() and (tmp_path / "holding-1").exists(), run)
    yield run
    run.kill()
    run.wait()


def computed(folder):
    return (folder / "computed").read_text().split("\n")[:-1]


@pytest.mark.parametrize("what", ["rest", "asking"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_takes_other_work_while_another_holds_a_key(what, workers, holder, tmp_path):
    other = start(tmp_path, what, workers)
    try:
        wait_for(lambda: sum(line.startswith("quick") for line in computed(tmp_path)) == 10, holder, other)
        assert holder.poll() is None
        (tmp_path / "release").touch()
        assert (holder.wait(60), other.wait(60)) == (0, 0)
    finally:
        other.kill()
        other.wait()
    last = {"rest": "after", "asking": "asked"}[what]
    assert sorted(computed(tmp_path)) == sorted(["slow 0", "slow 1", *(f"quick {n}" for n in range(10)), last])


@pytest.mark.parametrize("workers", [1, 2])
def test_whoever_waits_computes_what_a_killed_run_did_not(workers, holder, tmp_path):
    other = start(tmp_path, "rest", workers)
    try:
        wait_for(lambda: sum(line.startswith("quick") for line in computed(tmp_path)) == 10, holder, other)
        holder.kill()
        wait_for(lambda: computed(tmp_path).count("slow 0") == 2 or computed(tmp_path).count("slow 1") == 2, other)
        (tmp_path / "release").touch()
        assert other.wait(60) == 0
    finally:
        other.kill()
        other.wait()
    assert computed(tmp_path).count("after") == 1


def test_two_runs_share_the_work(holder, tmp_path):
    """One is at two tasks; another begins the third, and a third waits for both of them."""
    other = start(tmp_path, "third", 1)
    try:
        wait_for((tmp_path / "holding-2").exists, holder, other)
        third = start(tmp_path, "third", 1)
        try:
            wait_for(lambda: (tmp_path / "log-2").read_text().count("made by another run") >= 3, holder, other, third)
            (tmp_path / "release").touch()
            assert holder.wait(60) == 0
            (tmp_path / "release-third").touch()
            assert (other.wait(60), third.wait(60)) == (0, 0)
        finally:
            third.kill()
            third.wait()
    finally:
        other.kill()
        other.wait()
    assert sorted(computed(tmp_path)) == ["slow 0", "slow 1", "slow 2"]


def test_a_signal_ends_a_run_that_waits(holder, tmp_path):
    other = start(tmp_path, "slow", 1)
    try:
        wait_for(lambda: "made by another run" in "".join(path.read_text() for path in tmp_path.glob("log-1")), holder, other)
        other.terminate()
        assert other.wait(20) == 143
    finally:
        other.kill()
        other.wait()
    (tmp_path / "release").touch()
    assert holder.wait(60) == 0

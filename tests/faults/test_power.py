"""The power fails: an image of the disk, copied while a writer is at work and nothing was flushed for that, holds whole outputs or none.

The image is a file behind a loop device: what it holds is what has reached the disk, and what is only in the caches of the mounted file
system is lost, as in a power cut. A copy counts only if nothing was written while it was made.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from pipeline import recovery
from targets import DamagedError
from targets.errors import RecordError

from .naive import Naive
from .root_tools import PATIENCE, mounted, need
from .scenarios import OneFile, Parquet, SeveralOutputs, SideFiles, forget_records, leftovers
from .waiting import wait_until

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
INSTANTS = (0.02, 0.1, 0.3, 0.7, 1.5)
FILE_SYSTEMS = {"ext4": (64, ["mkfs.ext4", "-q", "-F"]), "xfs": (320, ["mkfs.xfs", "-q", "-f"])}
SCENARIOS = (OneFile, Parquet, SeveralOutputs, SideFiles)


class Disk:
    """A file system in an image, mounted; `cut` gives what would be on it after a power cut at this moment."""

    def __init__(self, folder, kind):
        self.kind = kind
        self._folder = folder
        self._image = folder / "image"
        megabytes, make = FILE_SYSTEMS[kind]
        with open(self._image, "wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run([*make, self._image], check=True, capture_output=True, timeout=PATIENCE)
        self._cuts = 0

    @contextlib.contextmanager
    def mounted(self):
        with mounted(self._folder / "disk", "-o", "loop", self._image) as self.root:
            yield self.root

    @contextlib.contextmanager
    def cut(self):
        self._cuts += 1
        copy = self._folder / f"cut-{self._cuts}"
        while True:
            before = self._written()
            subprocess.run(["cp", "--sparse=always", self._image, copy], check=True, timeout=PATIENCE)
            if self._written() == before:
                break
        # Two file systems of one name cannot be mounted at a time, for xfs.
        options = "loop,nouuid" if self.kind == "xfs" else "loop"
        try:
            with mounted(self._folder / "after", "-o", options, copy) as folder:
                yield folder
        finally:
            copy.unlink()

    def _written(self):
        """How often the disk was written to."""
        device = os.stat(self.root).st_dev
        numbers = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
        in_flight = numbers[8] != "0"
        return object() if in_flight else numbers[4]


@pytest.fixture(params=FILE_SYSTEMS)
def disk(request, tmp_path):
    need("mount", "losetup", FILE_SYSTEMS[request.param][1][0])
    disk = Disk(tmp_path, request.param)
    with disk.mounted():
        yield disk


@contextlib.contextmanager
def writing(write):
    """A forked process that writes 1, 2, 3, ...; what the block gets says which number was the last to be written."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            for n in range(1, 1_000_000):
                write(n)
                os.write(telling, n.to_bytes(4))
        finally:
            os._exit(1)
    os.close(telling)
    os.set_blocking(reading, False)
    last = 0

    def done():
        nonlocal last
        with contextlib.suppress(BlockingIOError):
            while told := os.read(reading, 4):
                last = int.from_bytes(told)
        return last

    def stopped():
        """It stands still in the middle of what it does."""
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        return done()

    try:
        yield stopped, lambda: os.kill(child, signal.SIGCONT), done
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)


def instants(go_on):
    for seconds in INSTANTS * HEAVY:
        go_on()
        time.sleep(seconds)  # when the power fails is chance
        yield


def test_a_naive_target_is_caught(disk):
    naive = Naive(disk.root / "x.pkl")

    def right(value):
        return len(value) == 200_000 and len(set(value)) == 1

    wrong = 0
    with writing(lambda n: naive.dump([n] * 200_000)) as (stopped, go_on, done):
        wait_until(done)
        for _ in instants(go_on):
            stopped()
            with disk.cut() as folder:
                after = Naive(folder / "x.pkl")
                try:
                    wrong += after.exists() and not right(after.load())
                except Exception:
                    wrong += 1
    assert wrong


@pytest.mark.parametrize("durable", [False, True], ids=["run", "task"])
def test_outputs(durable, disk):
    """Every kind in a store of its own, written again and again; where every commit is durable, what was said to be written is there."""
    scenarios = []
    for kind in SCENARIOS:
        folder = disk.root / kind.__name__
        folder.mkdir()
        scenarios.append(kind(folder, durable))
        scenarios[-1].write(0)
    os.sync()
    found = []

    def write(n):
        for scenario in scenarios:
            scenario.write(n)

    with writing(write) as (stopped, go_on, _):
        for _ in instants(go_on):
            last = stopped()
            with disk.cut() as after:
                for scenario in scenarios:
                    forget_records()
                    survivor = type(scenario)(after / type(scenario).__name__, durable)
                    try:
                        number = survivor.read()
                    except (DamagedError, RecordError):
                        number = None  # as good as absent: a run makes it again
                        assert not durable
                    if durable:
                        # The one that was being written may have taken the place of the last, or have been about to.
                        assert number in (last, last + 1, None)
                    found.append(number)
                    survivor.write(7)
                    assert survivor.read() == 7
                    survivor.sweep()
                    assert leftovers(after / type(scenario).__name__) == []
                    survivor.close()
    if durable:
        assert any(found)
        assert found.count(None) <= len(INSTANTS) * HEAVY  # of those that were being written
    for scenario in scenarios:
        scenario.close()


APP = """
import sys, luigi, pathlib, pipeline
from targets import JsonTarget, ParquetTarget, PickleTarget

class Leaf(pipeline.Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        (self.task_directory / "side").write_text(str(self.n) * 1000)
        return [self.n] * 20_000

class Frame(pipeline.Task):
    target_type = ParquetTarget
    n = luigi.IntParameter()
    def requires(self):
        return Leaf(n=self.n)
    def easy_run(self, inputs):
        import pandas as pd
        return pd.DataFrame({"n": inputs})

class Pair(pipeline.Task):
    outputs = {"sum": JsonTarget, "all": PickleTarget}
    n = luigi.IntParameter()
    def requires(self):
        return Frame(n=self.n)
    def easy_run(self, inputs):
        return {"sum": int(inputs["n"].sum()), "all": list(inputs["n"])}

roots = [Pair(n=n) for n in range(int(sys.argv[1]))]
if __name__ == "__main__":
    if sys.argv[2] == "check":
        for root in roots:
            assert root.load()["sum"] == root.n * 20_000
            assert set(root.load()["all"]) == {root.n} and list(Frame(n=root.n).load()["n"]) == Leaf(n=root.n).load()
            assert pathlib.Path(Leaf(n=root.n).task_directory, "side").read_text() == str(root.n) * 1000
            for task in (root, root.requires(), Leaf(n=root.n)):
                task.target.verify()
    else:
        sys.exit(pipeline.main(lambda: roots, ["run"]))
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)

    def start(store, durability, many, command="run"):
        (tmp_path / "luigi.cfg").write_text(f"[pipeline]\ndurability = {durability}\n")
        return subprocess.Popen(
            [sys.executable, "app.py", str(many), command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2]), "PIPELINE_TARGET_DIR": str(store)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def restarted(store):
    """The machine comes up again: what a run that was at work has left is of an earlier start."""
    marks = list((store / recovery.FOLDER).glob("[!.]*"))
    for mark in marks:
        mark.write_text("an earlier start")
    return len(marks)


def ended(process):
    said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


@pytest.mark.parametrize("durability", ["run", "task"])
def test_whole_runs(durability, disk, app):
    """A power cut in a run, and one after it: the next run makes what is missing, and everything is right."""
    many = 6
    store = disk.root / "store"

    def stored():
        return len(list(store.rglob("*.record.json")))

    process = app(store, durability, many)
    try:
        for number in (1, 8):
            wait_until(lambda number=number: stored() >= number or process.poll() is not None)
            os.kill(process.pid, signal.SIGSTOP)
            there = stored()
            with disk.cut() as after:
                assert restarted(after / "store") == (durability == "run")
                said = ended(app(after / "store", durability, many))
                ended(app(after / "store", durability, many, "check"))
                if durability == "task" and there < 3 * many:
                    assert f"{3 * many - there - 1} ran" in said or f"{3 * many - there} ran" in said, said
                assert leftovers(after / "store") == []
            os.kill(process.pid, signal.SIGCONT)
        ended(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    with disk.cut() as after:
        restarted(after / "store")  # that its mark is gone may not have reached the disk
        assert f"0 ran, {3 * many} kept" in ended(app(after / "store", durability, many))
        ended(app(after / "store", durability, many, "check"))

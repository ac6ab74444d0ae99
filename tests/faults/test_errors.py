"""Each system call of a writer fails in turn, with each error that disks have: the result is right, or a clear error, and the next run is fine."""

import contextlib
import importlib
import itertools
import os
import pathlib
import pkgutil
import re
import shutil
import subprocess
import sys

import pytest

import pipeline
from pipeline import recovery
from pipeline.fingerprint import kept
from targets import StoreError, opening

from .naive import Naive
from .root_tools import PATIENCE, Child, injected, mounted, need, traced
from .scenarios import (
    Csv,
    Feather,
    Json,
    Leaf,
    MovedInDirectory,
    MovedInFile,
    Numpy,
    OneFile,
    Parquet,
    Root,
    SeveralOutputs,
    SideFiles,
    SideFilesThatGo,
    StepsOwnError,
    Text,
    forget_records,
    leftovers,
)

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
ERRORS = ("ENOSPC", "EIO", "EINTR", "EDQUOT")
SCENARIOS = (OneFile, Json, Text, Numpy, Csv, Parquet, Feather, MovedInFile, MovedInDirectory, SeveralOutputs, SideFiles, SideFilesThatGo)
#: Those that take the same ways as others, but for how their bytes are made, are tried with two errors.
ALIKE = (Json, Text, Numpy, Csv, Parquet, Feather, MovedInDirectory, SideFilesThatGo)
#: What may fail on a disk. Looking (stat) is no part of a write.
FAILS = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "syncfs", "ftruncate", "close", "fcntl", "copy_file_range", "sendfile"),
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "rmdir"),
)


@pytest.fixture
def log(tmp_path):
    need("strace")
    return str(tmp_path / "strace")


def test_a_naive_target_is_caught(tmp_path, log):
    naive = Naive(tmp_path / "x.pkl")

    def body():
        naive.dump([2] * 200_000)

    def prepare():
        naive.dump([1] * 200_000)

    prepare()
    right = []
    for call in traced(body, log):
        if call.name != "write":
            continue
        prepare()
        injected(body, call, "error=ENOSPC", log)
        try:
            right.append(naive.load() in ([1] * 200_000, [2] * 200_000))
        except Exception:
            right.append(False)

    assert right.count(False) >= 1


@pytest.mark.parametrize("durable", [False, True], ids=["run", "task"])
@pytest.mark.parametrize("kind", SCENARIOS)
def test_a_commit(kind, durable, tmp_path, log):
    scenario = kind(tmp_path, durable)
    scenario.write(0)  # what is imported and filled at first use is not what is tested

    def prepare():
        forget_records()
        shutil.rmtree(tmp_path / "store")
        scenario.write(1)

    def body():
        try:
            scenario.afresh().write(2)
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    # What is imported when it is first used would be read from files in between.
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    prepare()
    calls = [call for call in traced(body, log) if call.name in FAILS and scenario.store.url in call.line]
    answers = []
    wrong = []
    for call, error in itertools.product(calls, ERRORS[:2] if kind in ALIKE and HEAVY == 1 else ERRORS):
        prepare()
        answer = injected(body, call, f"error={error}", log)
        clear = answer == "done" or (answer.startswith("StoreError: ") and str(tmp_path) in answer) or answer.startswith("StepsOwnError: ")
        found = scenario.read()
        # A lock that cannot be given back is told, and what was committed stays.
        right = found == 2 if answer == "done" or "cannot unlock" in answer else found in (None, 1)
        if not (clear and right):
            wrong.append((error, call.line, answer, found))
        scenario.write(3)
        assert scenario.read() == 3
        scenario.sweep()
        assert leftovers(tmp_path) == [], (error, call.line)
        answers.append(answer)
    assert wrong == []
    assert len(calls) > 10
    assert len(set(answers)) > 5


def test_a_whole_run(tmp_path, store, log):
    """What the command says: zero and all is there, or another exit code and what failed."""
    said = tmp_path / "said"

    def prepare():
        forget_records()
        kept._kept.clear()
        shutil.rmtree(store, ignore_errors=True)
        assert pipeline.build([Leaf(n=1)], engine="inline").ok

    def body():
        opening._local.cache_clear()
        opening._absolute.clear()
        # What it says belongs into a file, in which nothing else is.
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        try:
            return f"exit code {pipeline.main(lambda: [Root()], ['run'])}"
        except Exception as uncaught:
            return f"{type(uncaught).__name__}: {uncaught}"
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    # What is imported when it is first used would be read from files in between.
    for module in pkgutil.walk_packages(pipeline.__path__, "pipeline."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    prepare()
    # What a step writes itself is its own affair.
    calls = [call for call in traced(body, log, "exit code 0") if call.name in FAILS and str(store) in call.line and "/side" not in call.line]
    codes = []
    # A call and the one after it fail with different errors; with --heavy, each with both.
    cases = [*zip(calls, itertools.cycle(["ENOSPC", "EIO"])), *(zip(calls, itertools.cycle(["EIO", "ENOSPC"])) if HEAVY > 1 else ())]
    for call, error in cases:
        prepare()
        answer = injected(body, call, f"error={error}", log)
        assert answer.startswith("exit code "), (answer, call.line)
        codes.append(int(answer.removeprefix("exit code ")))
        if codes[-1] == 0:
            assert Root().load()["sum"] == 300, call.line
        else:
            assert re.search("Error: .*" + re.escape(str(store)), said.read_text()), (call.line, said.read_text())
        run = pipeline.build([Root()], engine="inline")
        assert run.ok, call.line
        assert Root().load() == {"sum": 300, "all": [[1] * 100, [2] * 100]}
        assert leftovers(store) == [], call.line
    assert len(calls) > 40
    assert set(codes) > {0, 1}


def test_a_disk_that_refuses_the_flush_at_the_end(store, log):
    """Such a run has failed, and the next one looks at what is on the disk, which a third one need not do again."""

    def body():
        opening._local.cache_clear()
        opening._absolute.clear()
        try:
            pipeline.build([Root()], engine="inline")
        except StoreError as error:
            return str(error)

    # What is imported and filled at first use is not what is tested.
    assert pipeline.build([Root()], engine="inline").ok
    shutil.rmtree(store)
    forget_records()
    kept._kept.clear()
    answer = Child(body, "-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO", log=log).end()
    assert "Input/output error" in answer
    assert str(store) in answer
    # As it may be on the disk: a block of zeros, which nobody sees who does not read it.
    data = pathlib.Path(store, Leaf(n=1).target.name)
    before = data.stat()
    data.write_bytes(bytes(before.st_size))
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))

    run = pipeline.build([Root()], engine="inline")

    assert run.ran == [Leaf(n=1)]
    assert Leaf(n=1).load() == [1] * 100
    assert not list(pathlib.Path(store, recovery.FOLDER).iterdir())


APP = """
import sys, luigi, pipeline
from targets import BytesTarget, JsonTarget

class Leaf(pipeline.Task):
    TARGET_DIR = "disk/store"
    target_type = BytesTarget
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        return bytes([self.n]) * 300_000

class Root(pipeline.Task):
    TARGET_DIR = "disk/store"
    target_type = JsonTarget
    many = luigi.IntParameter()
    def requires(self):
        return [Leaf(n=n) for n in range(self.many)]
    def easy_run(self, inputs):
        return sum(map(sum, inputs))

if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Root(many=int(sys.argv[1]))], ["run", "--workers", sys.argv[2]]))
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[2])}

    def run(many, workers=1):
        done = subprocess.run(
            [sys.executable, "app.py", str(many), str(workers)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    need("mount")
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as folder:
        yield folder


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_on_a_disk_that_becomes_full(workers, app, small_disk):
    code, said = app(5, workers)

    assert code == 1
    assert "No space left on device" in said
    assert "Root(many=5)" in said
    stored = list(small_disk.rglob("*.bin"))
    assert 1 <= len(stored) <= 3
    assert {path.stat().st_size for path in stored} == {300_000}
    assert leftovers(small_disk) == []

    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    code, said = app(5, workers)
    assert code == 0
    assert f"{6 - len(stored)} ran, {len(stored)} kept" in said
    assert app(5, workers)[0] == 0


@pytest.mark.parametrize("kind", SCENARIOS)
def test_every_kind_of_output_on_a_full_disk(kind, small_disk):
    scenario = kind(small_disk, False)
    scenario.write(1)
    filler = small_disk / "filler"
    refusals = []
    # The value finds no room, or finds some and its record none.
    for room in (0, 4096, 8192, 12288, 16384):
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                file.truncate(max(file.tell() - room, 0))
        before = scenario.read()
        with contextlib.suppress(StepsOwnError):
            try:
                scenario.write(2)
                before = 2
            except StoreError as error:
                refusals.append(str(error))
        assert scenario.read() == before
        assert leftovers(small_disk) == []
        filler.unlink()
    scenario.write(3)
    assert scenario.read() == 3
    scenario.close()
    assert refusals or kind in (MovedInFile, MovedInDirectory)  # a step that cannot make its file returns none
    assert all("No space left" in words and str(small_disk) in words for words in refusals)


@pytest.fixture
def bound(tmp_path):
    """A folder whose file system can be made read-only, for root as well."""
    need("mount")
    (tmp_path / "real").mkdir()
    with mounted(tmp_path / "disk", "--bind", tmp_path / "real") as folder:
        yield folder


def test_a_run_on_a_store_that_is_read_only(app, bound):
    assert app(1)[0] == 0
    before = sorted(path for path in bound.rglob("*") if path.is_file())
    subprocess.run(["mount", "-o", "remount,ro,bind", bound], check=True)

    code, said = app(1)
    assert code == 0, said
    assert "0 ran, 2 kept" in said

    code, said = app(2)
    assert code != 0
    assert "Read-only file system" in said
    assert str(bound / "store") in said
    assert "Traceback" not in said.partition("failed:")[2]
    assert sorted(path for path in bound.rglob("*") if path.is_file()) == before

    subprocess.run(["mount", "-o", "remount,rw,bind", bound], check=True)
    code, said = app(2)
    assert code == 0
    assert "2 ran, 1 kept" in said

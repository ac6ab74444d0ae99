"""A writer is killed at each of its system calls in turn: old, new or absent, and the next run is right and leaves nothing behind.

strace kills a forked writer as it enters a call, so every state that a kill can leave between two calls is seen once. Calls that change nothing
are not left out: which ones matter is what the test is to find.
"""

import pathlib
import shutil

import pytest

import pipeline
from pipeline.fingerprint import kept
from targets import DamagedError, MissingOutputError, opening

from .naive import Naive
from .root_tools import injected, need, traced
from .scenarios import Leaf, MovedInDirectory, MovedInFile, OneFile, Root, SeveralOutputs, SideFiles, SideFilesThatGo, forget_records, leftovers

KILL = "signal=SIGKILL"
CHANGES = ("mkdir", "rename", "renameat", "renameat2", "rmdir", "unlink", "unlinkat", "write", "pwrite64", "ftruncate", "fcntl", "fsync")
durabilities = pytest.mark.parametrize("durable", [False, True], ids=["run", "task"])


@pytest.fixture(autouse=True)
def strace():
    need("strace")


@pytest.fixture
def log(tmp_path):
    return str(tmp_path / "strace")


SCENARIOS = (OneFile, SideFiles, SideFilesThatGo, SeveralOutputs, MovedInFile, MovedInDirectory)


def killed_at_each_call(prepare, body, check, log):
    """How many calls there were, and what `check(call)` has answered after the kills."""
    prepare()
    calls = traced(body, log)
    seen = []
    for call in calls:
        prepare()
        assert injected(body, call, KILL, log) is None, f"was not killed: {call.line}"
        seen.append(check(call))
    return len(calls), seen


def clear(folder):
    """Between two cases: as if nothing had ever been there."""
    forget_records()
    kept._kept.clear()
    for path in folder.iterdir():
        if path.name != "strace":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_naive_target_is_caught(tmp_path, log):
    naive = Naive(tmp_path / "x.pkl")

    def check(call):
        try:
            return naive.load() in ([1] * 20_000, [2] * 20_000)
        except Exception:
            return False

    _, right = killed_at_each_call(lambda: naive.dump([1] * 20_000), lambda: naive.dump([2] * 20_000), check, log)

    assert right.count(False) >= 1
    assert right.count(True) >= 1


@durabilities
@pytest.mark.parametrize("old", [False, True], ids=["first", "replacing"])
@pytest.mark.parametrize("kind", SCENARIOS)
def test_a_commit(kind, old, durable, tmp_path, log):
    scenario = kind(tmp_path, durable)
    scenario.write(0)  # what is imported and filled at first use is not what is tested

    def prepare():
        clear(tmp_path)
        if old:
            scenario.write(1)

    def check(call):
        found = scenario.read()
        assert found in (2, 1 if old else None, None), call.line
        scenario.write(3)
        assert scenario.read() == 3
        scenario.sweep()
        assert leftovers(tmp_path) == [], call.line
        assert scenario.read() == 3
        return found

    calls, seen = killed_at_each_call(prepare, lambda: scenario.afresh().write(2), check, log)

    # Before, between and after: otherwise not the commit was killed but something else.
    assert calls > 15
    assert seen[0] == (1 if old else None)
    assert None in seen
    assert seen[-1] == 2


@durabilities
@pytest.mark.parametrize("action", ["remove", "rewrite", "quarantine"])
@pytest.mark.parametrize("kind", [SideFiles, SeveralOutputs])
def test_what_else_changes_a_store(kind, action, durable, tmp_path, log):
    scenario = kind(tmp_path, durable)
    scenario.write(0)

    def prepare():
        clear(tmp_path)
        scenario.write(1)
        if action == "quarantine":
            target = scenario.target()
            damaged = target.store.path(target.record.parts[0].file)
            damaged.write_bytes(b"x" * damaged.stat().st_size)

    def body():
        target = scenario.afresh().target()
        if action == "rewrite":
            with target.store.lock(target.place.key):
                target.rewrite(target.record)
        else:
            getattr(target, action)()

    def check(call):
        if action == "quarantine":
            with pytest.raises((DamagedError, MissingOutputError)):
                scenario.target().load()
            found = None
        else:
            found = scenario.read()
            assert found in (1, None), call.line
        scenario.write(3)
        assert scenario.read() == 3
        scenario.sweep()
        assert leftovers(tmp_path) == [], call.line
        return found

    _, seen = killed_at_each_call(prepare, body, check, log)

    assert seen[-1] == (1 if action == "rewrite" else None)


def test_a_whole_run(tmp_path, store, log):
    def build():
        run = pipeline.build([Root()], engine="inline")
        assert run.ok, run
        return run

    build()

    def prepare():
        clear(tmp_path)

    def body():
        opening._local.cache_clear()
        opening._absolute.clear()
        build()

    prepare()
    # Between two of these the store stays as it is.
    calls = [call for call in traced(body, log) if str(store) in call.line and (call.name in CHANGES or "O_CREAT" in call.line)]
    ran = []
    for call in calls:
        prepare()
        assert injected(body, call, KILL, log) is None, f"was not killed: {call.line}"
        run = build()
        ran.append(len(run.ran))
        assert Root().load() == {"sum": 300, "all": [[1] * 100, [2] * 100]}
        assert [pathlib.Path(leaf.task_directory, "side").read_text() for leaf in (Leaf(n=1), Leaf(n=2))] == ["1", "2"]
        assert leftovers(store) == [], call.line
        assert build().ran == [], call.line

    assert len(calls) > 50
    assert set(ran) == {0, 1, 2, 3}

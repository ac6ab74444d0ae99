"""What a power cut may have taken away is verified by the next run, and by no other; `durability` says when outputs are on the disk."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import luigi
import pytest

import pipeline
from pipeline import Task, recovery
from pipeline.scope import current
from targets import JsonTarget, StoreError, flushing
from targets.opening import open_store

ROOT = Path(__file__).resolve().parent.parent.parent

APP = """
import os, signal, sys, luigi, pipeline
from targets import JsonTarget

class Leaf(pipeline.Task):
    target_type = JsonTarget
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        return [self.n] * 100
    @classmethod
    def all(cls):
        return [cls(n=n) for n in range(3)]

class Root(pipeline.Task):
    target_type = JsonTarget
    def requires(self):
        return Leaf.all()
    def easy_run(self, inputs):
        if os.environ.get("CUT"):
            os.kill(os.getpid(), signal.SIGKILL)
        return sum(map(sum, inputs))

if __name__ == "__main__":
    if len(sys.argv) > 1:
        done = luigi.build([Root()], local_scheduler=True, workers=2)
        sys.exit(0 if done else 1)
    sys.exit(pipeline.main(lambda: Leaf.all() if os.environ.get("LEAVES") else [Root()], []))
"""


class Leaf(Task):
    target_type = JsonTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return [self.n] * 100


@pytest.fixture
def run(tmp_path, store):
    (tmp_path / "app.py").write_text(APP)

    def start(*arguments, **more):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": str(store), "LUIGI_CONFIG_PATH": "none.cfg", **more}
        return subprocess.run([sys.executable, "app.py", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return start


def marks(store):
    folder = store / recovery.FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def as_after_a_power_cut(store):
    """The marks are those of an earlier start of the machine."""
    for name in marks(store):
        (store / recovery.FOLDER / name).write_text("another start")


def damage(store):
    """Zeros instead of data, as a file system may leave them."""
    path = next(path for path in sorted(store.glob("Leaf/*.json")) if "record" not in path.name)
    path.write_bytes(bytes(path.stat().st_size))
    return path


@pytest.mark.parametrize("how", [(), ("luigi",)])
def test_a_run_that_came_to_its_end_leaves_no_mark(how, run, store):
    done = run(*how)
    assert done.returncode == 0, done.stderr
    assert marks(store) == []
    assert "verified" not in run().stderr


def test_a_killed_run_leaves_its_mark_and_nothing_is_verified_on_the_same_machine(run, store):
    assert run(CUT="1").returncode == -signal.SIGKILL
    assert len(marks(store)) == 1
    again = run()
    assert again.returncode == 0
    assert "is verified" not in again.stderr
    assert marks(store) == []  # what the killed run had written is on the disk now too


@pytest.mark.parametrize("how", [(), ("luigi",)])
def test_after_a_power_cut_what_the_run_had_written_is_verified(how, run, store):
    assert run(CUT="1").returncode == -signal.SIGKILL
    as_after_a_power_cut(store)
    damage(store)
    again = run(*how)
    assert again.returncode == 0
    assert "the machine went down" in again.stderr
    assert len(list((store / ".luigi-warp/quarantine").iterdir())) == 2  # data and record
    assert marks(store) == []
    assert "went down" not in run().stderr


def test_what_nobody_loads_is_verified_too(run, store):
    """An output that is only kept: without the mark nobody reads its bytes, as the first run shows."""
    assert run(CUT="1").returncode == -signal.SIGKILL
    damaged = damage(store)
    assert run(LEAVES="1").returncode == 0
    assert not damaged.read_bytes().strip(b"\0")
    as_after_a_power_cut(store)
    assert run(LEAVES="1").returncode == 0
    assert damaged.read_bytes().strip(b"\0")


def test_a_run_that_is_at_work_elsewhere_is_left_alone(store):
    opened = open_store(str(store))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        recovery.Marks("other").mark(opened)
        os.write(writing, b"x")
        signal.pause()
    try:
        os.read(reading, 1)
        as_after_a_power_cut(store)
        recovery.recover(opened)
        assert marks(store) == ["other"]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    recovery.recover(opened)
    assert marks(store) == []


def test_processes_of_one_run_do_not_wait_for_one_another(store):
    """Each that is forked before there is a mark may be the first to leave it."""
    opened = open_store(str(store))
    opened.write("there", b"")
    marking = recovery.Marks("run")
    go, done = os.pipe(), os.pipe()
    children = []
    for _ in range(8):
        children.append(os.fork())
        if not children[-1]:
            os.read(go[0], 1)
            marking.mark(opened)
            os.write(done[1], b"x")
            signal.pause()  # as a worker that waits for its next task
    try:
        os.write(go[1], b"x" * 8)
        assert sum(len(os.read(done[0], 1)) for _ in children) == 8
        assert marks(store) == ["run"]
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_a_mark_is_on_the_disk_before_anything_is_committed(store, ran, monkeypatch):
    seen = []
    leaf_run = Leaf.easy_run

    def easy_run(self, inputs):
        seen.extend(marks(store))
        return leaf_run(self, inputs)

    monkeypatch.setattr(Leaf, "easy_run", easy_run)
    ran(Leaf(n=1))
    assert len(seen) == 1
    assert marks(store) == []


def test_nothing_is_written_when_nothing_runs(store, ran):
    ran(Leaf(n=1))
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if "/.luigi-warp/" not in f"{path}/"}
    ran(Leaf(n=1))
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if "/.luigi-warp/" not in f"{path}/"} == before


def test_durability_task_needs_no_marks(store, ran, monkeypatch):
    monkeypatch.setenv("PIPELINE_DURABILITY", "task")
    assert ran(Leaf(n=1)) == ["Leaf"]
    assert not (store / recovery.FOLDER).exists()


def test_another_durability_is_refused(monkeypatch):
    monkeypatch.setenv("PIPELINE_DURABILITY", "always")
    with pytest.raises(pipeline.ConfigurationError, match="run or task"):
        pipeline.build(Leaf(n=1))


class Interrupted(Task):
    def easy_run(self, inputs):
        raise KeyboardInterrupt


def test_an_interrupted_build_holds_nothing_in_a_process_that_goes_on(store):
    """As in a notebook."""
    with pytest.raises(KeyboardInterrupt):
        pipeline.build(Interrupted())
    assert len(marks(store)) == 1
    pipeline.build(Leaf())
    assert marks(store) == []


def test_what_a_killed_run_had_begun_is_removed_wherever_it_lies(run, store):
    """In the folder of a step that the next run does not make, too."""
    assert run(CUT="1").returncode != 0
    left = store / "Leaf" / f".{Leaf().key}.0123456789abcdef.tmp"
    left.write_text("begun")
    assert run().returncode == 0
    assert not left.exists()


class Dies(Task):
    retries = 1

    def easy_run(self, inputs):
        if not os.path.exists("again"):
            open("again", "w").close()
            with self.store.draft() as draft:
                draft.create(self.target.name).write_text("begun")
                os.kill(os.getpid(), signal.SIGKILL)
        return 1


def test_what_a_killed_process_of_a_run_had_begun_is_removed_by_that_run(store, app):
    assert pipeline.build(Dies(), workers=2).ok
    assert [path.name for path in (store / "Dies").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("kind", ["a directory", "a link to itself"])
def test_a_mark_that_cannot_be_read_is_that_of_a_run_nobody_vouches_for(kind, store, ran):
    ran(Leaf())
    mark = store / recovery.FOLDER / "20260101T000000-abcabcabcabc"
    mark.parent.mkdir(parents=True, exist_ok=True)
    if kind == "a directory":
        mark.mkdir()
    else:
        mark.symlink_to(mark.name)
    assert ran(Leaf(), force="all") == ["Leaf"]
    assert not os.path.lexists(mark)
    assert ran(Leaf()) == []


def test_a_run_of_luigis_whose_outputs_cannot_be_flushed_is_over(store, monkeypatch):
    def refuse(path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as refusing:
        refusing.setattr(flushing, "flush_file_system", refuse)
        with pytest.raises(StoreError):
            luigi.build([Leaf()], local_scheduler=True, log_level="ERROR")
    assert not current().inside_run

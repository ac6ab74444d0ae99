"""`doctor` names what is wrong with a store, changes nothing unless it is told to, and then the next run is right."""

import json
import os
import pathlib
import shutil
import signal
import tempfile

import luigi
import pytest

import pipeline
from pipeline import Task, doctoring, recovery
from targets import JsonTarget, StoreError
from targets import record as record_module
from targets.local_store import LocalStore
from targets.opening import open_store

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs permissions and fork")


class Leaf(Task):
    target_type = JsonTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return [self.n] * 50


@pytest.fixture
def examine(store):
    def examine(**options):
        return [(found.kind, found.fixed) for found in doctoring.examine(open_store(str(store)), **options) if not found.is_note]

    return examine


@pytest.fixture
def leaf(ran):
    ran(Leaf())
    return Leaf()


def data_of(task):
    return os.fspath(task.target.path)


def everything(folder):
    return {path: (path.stat().st_mode, path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")}


def permissions(store, leaf):
    os.chmod(data_of(leaf), 0o644)


def leftover(store, leaf):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with leaf.store.lock(leaf.key), leaf.store.draft() as draft:
            draft.create(leaf.target.name).write_text("half")
            os.write(writing, b"x")
            signal.pause()
    os.read(reading, 1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def damaged(store, leaf):
    with open(data_of(leaf), "r+b") as file:
        file.write(b"[2")


def missing(store, leaf):
    os.unlink(data_of(leaf))


def record(store, leaf):
    path = leaf.store.where(leaf.target.place.record_name)
    with open(path, "r+b") as file:
        file.write(b"{{")


def stray(store, leaf):
    assert pipeline.build(Leaf(n=2)).ok
    os.unlink(leaf.store.where(leaf.target.place.record_name))


def power_cut(store, leaf):
    (store / recovery.FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = store / recovery.FOLDER / leaf.target.record.run
    mark.write_text("another start")
    mark.chmod(0o600)


CASES = {
    "permissions": permissions,
    "leftover": leftover,
    "damaged": damaged,
    "missing": missing,
    "record": record,
    "stray": stray,
    "power cut": power_cut,
}


def test_a_store_in_order(leaf, examine):
    assert examine() == []


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_named_and_put_right(name, store, leaf, examine, ran):
    CASES[name](store, leaf)
    kind = "damaged" if name == "record" else name
    before = everything(store)
    assert examine() == [(kind, False)]
    assert everything(store) == before
    fixed = examine(fix=True)
    assert (kind, True) in fixed
    assert all(was_fixed for _, was_fixed in fixed)
    assert examine() == []
    ran(Leaf())
    assert Leaf().load() == [1] * 50
    assert examine() == []


def test_what_others_keep_there_is_nobodys_business(tmp_path, monkeypatch, ran, examine, store):
    """A store in the folder of a project: only what the layer has written is looked at, and changed."""
    ran(Leaf())
    (store / "data").mkdir(mode=0o755)
    (store / "run.py").touch(0o644)
    (store / "Leaf/notes.txt").touch(0o644)
    (store / "data/5d41402abc4b2a76b9719d911017c592.csv").touch(0o644)
    store.chmod(0o755)
    before = everything(store)
    assert examine(fix=True) == []
    assert everything(store) == before
    assert store.stat().st_mode & 0o777 == 0o755


def test_a_look_at_an_empty_place_leaves_it_empty(store, examine):
    assert examine() == []
    assert pipeline.main(lambda: [Leaf()], ["doctor"]) == 0
    assert not store.exists()


def test_a_file_in_the_place_of_the_store_is_named(store, examine):
    store.touch(0o600)
    for fix in (False, True):
        assert examine(fix=fix) == [("store", False)]


def as_nobody(function):
    """What a function gives in a process that is not the administrator's, who may do everything."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            os.write(writing, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as told:
        found = told.read()
    os.waitpid(child, 0)
    return json.loads(found)


NOBODY = 65534


def test_a_store_that_cannot_be_written_is_looked_at_all_the_same(store, leaf):
    damaged(store, leaf)
    leftover(store, Leaf())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copied = pathlib.Path(folder, "store")
        shutil.copytree(store, copied)
        places = [copied, *copied.rglob("*")]
        with LocalStore(str(copied)).lock(leaf.key):
            for path in places:
                if os.getuid() == 0:
                    os.chown(path, NOBODY, NOBODY)
                path.chmod(0o500 if path.is_dir() else 0o400)
            assert as_nobody(lambda: [each.kind for each in doctoring.examine(LocalStore(str(copied)))]) == ["store", "damaged"]
        before = everything(copied)
        assert as_nobody(lambda: [each.kind for each in doctoring.examine(LocalStore(str(copied)))]) == ["store", "leftover", "damaged"]
        assert everything(copied) == before
        for path in places:
            path.chmod(0o700 if path.is_dir() else 0o600)


def test_a_folder_that_may_not_be_looked_into_is_not_empty(store, leaf):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copied = pathlib.Path(folder, "store")
        shutil.copytree(store, copied)
        for path in [copied, *copied.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        (copied / "Leaf").chmod(0o700)

        def look():
            try:
                return list(LocalStore(str(copied)).folders())
            except StoreError as error:
                return str(error)

        if os.getuid() == 0:
            assert "cannot look into" in as_nobody(look)
        assert "Leaf" in look()


def test_without_reading_only_sizes_are_looked_at(store, leaf, examine):
    damaged(store, leaf)
    assert examine(read=False) == []
    os.truncate(data_of(leaf), 5)
    assert examine(read=False) == [("damaged", False)]


def test_a_newer_record_is_left_alone(store, ran, examine, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(record_module, "SCHEMA", record_module.SCHEMA + 1)
        ran(Leaf())
    before = everything(store)
    assert examine(fix=True) == [("newer", False)]
    assert everything(store) == before


def test_a_link_is_named(store, leaf, examine):
    (store / "Leaf" / "link").symlink_to("/etc/hostname")
    assert examine(fix=True) == [("link", False)]


def test_the_store_itself_may_be_a_link(store, leaf, examine):
    store.rename(store.with_name("elsewhere"))
    store.symlink_to("elsewhere")
    assert examine() == []
    (store / "Leaf").chmod(0o755)
    store.with_name("elsewhere").chmod(0o755)
    assert examine(fix=True) == [("permissions", True)] * 2
    assert examine() == []


def test_a_writer_at_work_is_no_leftover(store, leaf, examine):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with leaf.store.lock(leaf.key), leaf.store.draft() as draft:
            draft.create(leaf.target.name).touch(0o600)
            os.write(writing, b"x")
            signal.pause()
    try:
        os.read(reading, 1)
        assert examine(fix=True) == []
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert examine() == [("leftover", False)]


def test_the_command(store, leaf, capsys):
    assert pipeline.main(lambda: [Leaf()], ["doctor"]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    damaged(store, leaf)
    assert pipeline.main(lambda: [Leaf()], ["doctor"]) == 1
    assert "--fix" in capsys.readouterr().out
    assert pipeline.main(lambda: [Leaf()], ["doctor", "--fix"]) == 0
    assert "1 wrong, 1 put right" in capsys.readouterr().out
    assert pipeline.main(lambda: [Leaf()], ["doctor", "--json"]) == 0
    assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == ["quarantine"]


def test_what_cannot_be_read_is_one_complaint_among_others(store, ran, examine):
    tasks = [Leaf(n=n) for n in range(3)]
    ran(*tasks)
    unreadable = tasks[1].store.where(tasks[1].target.place.record_name)
    os.unlink(unreadable)
    os.symlink(os.path.basename(unreadable), unreadable)  # a link to itself
    for task in (tasks[0], tasks[2]):
        damaged(store, task)
    assert sorted(examine()) == [("damaged", False), ("damaged", False), ("link", False), ("unreadable", False)]

"""Whatever kills a writer, and whenever: the old value, the new one or none, and the next run cleans up."""

import os
import random
import signal
import subprocess
from contextlib import contextmanager

import pytest
from target_checks import everything_in, fresh_python, leftovers_in

from targets import JsonTarget, MissingOutputError, StoreError
from targets.local_store import LocalStore
from targets.parts import PartsTarget
from targets.place import Place
from targets.store import QUARANTINE

FOLDER = "shop/Step"
STEM = f"{FOLDER}/n-1-{'0a' * 16}"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "kept"


@pytest.fixture
def target(root):
    return JsonTarget(Place(LocalStore(str(root)), STEM))


@contextmanager
def killed_at_the_end(body):
    """A forked process that runs `body(tell)`; whatever it is doing at the end of the block, it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            body(lambda: os.write(writing, b"."))
        finally:
            os._exit(1)
    os.close(writing)
    try:
        yield lambda: os.read(reading, 1)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)


def large(number: int) -> list[int]:
    return [number] * 3000


def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_value_or_none(target, root):
    dice = random.Random(1)
    swept = found = 0

    def write_for_ever(tell):
        number = 0
        while True:
            with target.store.lock(target.place.key):
                tell()
                target.dump(large(number := number + 1))

    for _ in range(50):
        with killed_at_the_end(write_for_ever) as listen:
            for _ in range(dice.randrange(1, 6)):
                assert listen() == b"."
            for _ in range(dice.randrange(100_000)):  # anywhere within a write
                pass
        try:
            value = target.load()
            assert value == large(value[0])
            assert target.exists()
            found += 1
        except MissingOutputError:
            assert not target.exists()
        swept += target.store.sweep(FOLDER)
        assert leftovers_in(root) == []
    assert swept, "no writer was ever killed in the middle: the test tests nothing"
    assert found, "no writer ever got to write: the test tests nothing"


def test_parts_of_a_writer_that_is_killed_at_any_moment_belong_together(target, root):
    dice = random.Random(2)
    parts = PartsTarget(target.place, {"one": JsonTarget, "two": JsonTarget})

    def write_for_ever(tell):
        number = 0
        while True:
            with target.store.lock(target.place.key):
                tell()
                number += 1
                parts.dump({"one": large(number), "two": large(number)})

    for _ in range(15):
        with killed_at_the_end(write_for_ever) as listen:
            for _ in range(dice.randrange(1, 6)):
                assert listen() == b"."
            for _ in range(dice.randrange(100_000)):
                pass
        try:
            value = parts.load()
            assert value["one"] == value["two"] == large(value["one"][0])
        except MissingOutputError:
            pass
        target.store.sweep(FOLDER)
        assert leftovers_in(root) == []


def test_what_a_killed_step_put_aside_is_swept_and_not_mistaken_for_an_output(target, root):
    def write_side_files(tell):
        with target.store.lock(target.place.key), target.store.draft() as draft:
            (draft.directory(target.directory_name, target.place.record_name) / "side").write_text("half")
            tell()
            signal.pause()

    with target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name)
        (folder / "side").write_text("old")
        target.dump("old", draft=draft, directory=folder)
    with killed_at_the_end(write_side_files) as listen:
        assert listen() == b"."

    assert target.store.sweep(FOLDER) == 2
    assert leftovers_in(root) == []
    assert not target.exists()
    with pytest.raises(MissingOutputError):
        target.load()


def test_sweeping_leaves_alone_what_a_living_writer_has_begun(target, root):
    def write_slowly(tell):
        with target.store.lock(target.place.key), target.store.draft() as draft:
            draft.create(target.name).write_bytes(b"half")
            tell()
            signal.pause()

    with killed_at_the_end(write_slowly) as listen:
        assert listen() == b"."
        assert target.store.sweep(FOLDER) == 0
        assert len(leftovers_in(root)) == 1

    assert target.store.sweep(FOLDER) == 1
    assert leftovers_in(root) == []


def test_sweeping_knows_the_writer_of_an_output_whose_name_has_no_key(root):
    target = JsonTarget(Place(LocalStore(str(root)), f"{FOLDER}/by-hand.v2"))

    def write_slowly(tell):
        with target.store.lock(target.place.key), target.store.draft() as draft:
            draft.create(target.name).write_bytes(b"half")
            tell()
            signal.pause()

    with killed_at_the_end(write_slowly) as listen:
        assert listen() == b"."
        assert target.store.sweep(FOLDER) == 0


def test_sweeping_leaves_alone_what_other_programs_have_begun(target, root):
    target.dump(1)
    (root / FOLDER / ".rsync.tmp").write_text("theirs")

    assert target.store.sweep(FOLDER) == 0
    assert leftovers_in(root) == [f"{FOLDER}/.rsync.tmp"]


@pytest.mark.parametrize("old", [True, False], ids=["over an old value", "for the first time"])
def test_a_directory_in_the_records_place_that_cannot_be_set_aside_stops_the_commit_and_leaves_no_temporary(target, root, old):
    if old:
        target.dump("old")
        os.unlink(root / f"{STEM}.record.json")
    (root / f"{STEM}.record.json" / "sub").mkdir(parents=True)
    (root / QUARANTINE).parent.mkdir()
    (root / QUARANTINE).touch()
    before = everything_in(root)

    with pytest.raises(StoreError, match=r"cannot set aside .*quarantine"):
        target.dump("new")

    assert everything_in(root) == before
    assert not target.exists()


def test_a_commit_that_fails_half_way_does_not_bring_the_old_record_back_beside_new_data(root):
    """The second part cannot be put in its place, since its name is too long."""
    place = Place(LocalStore(str(root)), STEM)
    good = PartsTarget(place, {"a": JsonTarget})
    good.dump({"a": "old"})
    bad = PartsTarget(place, {"a": JsonTarget, "b" * 250: JsonTarget})

    with pytest.raises(StoreError, match="File name too long"), place.store.draft() as draft:
        (draft.directory(good.directory_name, place.record_name) / "side").write_text("new")
        bad.dump({"a": "new", "b" * 250: 1}, draft=draft, directory=root / f"{STEM}.files")

    assert not good.exists()
    assert leftovers_in(root) == []
    with pytest.raises(MissingOutputError):
        good.load()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"mounting a small file system needs root: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(folder, *, leave: int) -> None:
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            file.truncate(file.tell() - leave)


def test_a_disk_that_is_full_before_the_data_are_written_leaves_the_old_value(small_disk):
    target = JsonTarget(Place(LocalStore(str(small_disk)), STEM))
    target.dump("old")

    with pytest.raises(StoreError, match=r"cannot write .*\.json: .*No space left"):
        target.dump("new" * 100_000)

    assert target.load() == "old"
    assert leftovers_in(small_disk) == []


def test_a_disk_that_is_full_before_the_record_is_written_leaves_the_old_value(small_disk):
    target = JsonTarget(Place(LocalStore(str(small_disk)), STEM))
    target.dump("old")
    fill(small_disk, leave=4096)

    with pytest.raises(StoreError, match=r"cannot write .*record\.json: .*No space left"):
        target.dump("new")

    assert target.load() == "old"
    assert leftovers_in(small_disk) == []


def test_what_is_written_anew_is_there_at_every_moment(root, monkeypatch):
    store, seen, rename = LocalStore(str(root)), [], os.rename
    store.write("folder/name", b"old")

    def look(written, final):
        seen.append(store.read("folder/name", 10))
        rename(written, final)

    monkeypatch.setattr(os, "rename", look)
    store.write("folder/name", b"new")
    assert seen == [b"old"]
    assert store.read("folder/name", 10) == b"new"


def test_what_is_written_takes_the_place_of_a_folder(root):
    store = LocalStore(str(root))
    (root / "folder" / "name" / "x").mkdir(parents=True)
    store.write("folder/name", b"new")
    assert store.read("folder/name", 10) == b"new"


FULL = """
import sys, tempfile
from targets import BytesTarget, StoreError
from targets.opening import open_store
from targets.place import Place

tempfile.tempdir = sys.argv[1]
store = open_store("memory://far")
store.write("large", bytes(300_000))
try:
    print(store.path("large") if sys.argv[2] == "fetched" else BytesTarget(Place(store, "Step/n-1-" + 16 * "0a")).dump(bytes(int(sys.argv[2]))))
except StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_where_the_temporary_folder_is_full_it_is_named_beside_the_far_store(size, small_disk):
    said = fresh_python(FULL, small_disk, size)
    assert said.startswith("cannot write memory://far/Step/n-1-")
    assert f"No space left on device: '{small_disk}/luigi-warp-" in said
    assert list(small_disk.iterdir()) == []


def test_so_it_is_where_an_output_is_fetched(small_disk):
    said = fresh_python(FULL, small_disk, "fetched")
    assert "No space left on device" in said
    assert said.endswith("Set TMPDIR to a folder that can be written")


def test_a_store_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="the store .*file/store cannot be written"):
        JsonTarget(Place(LocalStore(str(tmp_path / "file" / "store")), STEM)).dump(1)


def test_a_folder_that_was_removed_is_made_again(target, root):
    target.dump(1)
    os.rename(root / "shop", root / "elsewhere")
    target.dump(2)

    assert target.load() == 2


def test_temporary_names_do_not_depend_on_the_seed_of_random(root):
    code = f"""
import random, sys
random.seed(1)
from targets.local_store import LocalStore
print(LocalStore(sys.argv[1]).draft().create({STEM + ".json"!r}).name)
"""
    assert fresh_python(code, root) != fresh_python(code, root)


def test_a_forked_process_uses_temporary_names_of_its_own(target):
    """The child's name is sent back through a pipe."""
    draft = target.store.draft()
    draft.create("x")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writing, os.fsencode(draft.create("x")))
        os._exit(0)
    os.waitpid(pid, 0)
    name = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)

    assert name.split(".")[-2][:20] != str(draft.create("x")).split(".")[-2][:20]


def test_outputs_and_every_directory_are_for_their_user_only(target, root):
    with target.store.lock(target.place.key):
        target.dump(1)

    modes = {path.stat().st_mode & 0o077 for path in [root, *root.rglob("*")]}
    assert modes == {0}


def test_a_durable_store_brings_data_record_and_folder_to_the_disk(root, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to name what was synced")
    monkeypatch.setattr(os, "fsync", fsync)
    target = JsonTarget(Place(LocalStore(str(root), durable=True), STEM))
    with target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name)
        (folder / "side").write_text("side")
        target.dump(1, draft=draft, directory=folder)

    temporaries = [path for path in synced if path.endswith(".tmp")]
    assert len(temporaries) == 2
    assert {str(folder), str(folder / "side"), str(root / FOLDER)} <= set(synced)

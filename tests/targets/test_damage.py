"""Whatever happens to stored bytes, nobody is handed a value that was not written."""

import os

import numpy as np
import pandas as pd
import pytest

from targets import (
    BytesTarget,
    CsvTarget,
    DamagedError,
    FeatherTarget,
    FileTarget,
    JsonTarget,
    MissingOutputError,
    NumpyTarget,
    ParquetTarget,
    PickleTarget,
    RecordError,
    StoreError,
    TextTarget,
)
from targets.opening import open_store
from targets.place import Place
from targets.store import QUARANTINE


class Packed(PickleTarget):
    compression = 9


FRAME = pd.DataFrame({"a": [1, 2]})
STORED = {
    "pickle": (PickleTarget, {"a": [1, 2.5, None], "b": "text"}),
    "compressed pickle": (Packed, {"a": [1, 2.5, None], "b": "text"}),
    "json": (JsonTarget, {"a": [1, 2.5, None], "b": "text"}),
    "csv": (CsvTarget, FRAME),
    "numpy": (NumpyTarget, np.arange(3)),
    "text": (TextTarget, "text"),
    "bytes": (BytesTarget, b"bytes"),
    "parquet": (ParquetTarget, FRAME),
    "feather": (FeatherTarget, FRAME),
}


@pytest.fixture(params=STORED)
def stored(request, tmp_path):
    kind, value = STORED[request.param]
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump(value)
    return target


def test_every_flipped_bit_is_damage(stored):
    data = bytearray(stored.store.path(stored.name).read_bytes())
    # Every bit of a small file; of a larger one, one bit of every byte.
    flips = [(at, bit) for at in range(len(data)) for bit in (range(8) if len(data) <= 500 else [at % 8])]
    with open(stored.path, "r+b", buffering=0) as file:
        for at, bit in flips:
            os.pwrite(file.fileno(), bytes([data[at] ^ 1 << bit]), at)
            with pytest.raises(DamagedError):
                stored.load()
            os.pwrite(file.fileno(), data[at : at + 1], at)
    stored.load()


def test_every_truncation_is_damage(stored):
    for length in reversed(range(os.path.getsize(stored.path))):
        os.truncate(stored.path, length)
        with pytest.raises(DamagedError, match=f"has {length} bytes where its record says"):
            stored.load()
    assert not stored.exists()


def test_more_bytes_than_were_written_are_damage(stored):
    with open(stored.path, "ab") as file:
        file.write(b"\0")

    with pytest.raises(DamagedError):
        stored.load()
    assert not stored.exists()


def test_data_that_are_gone_are_missing(stored):
    os.unlink(stored.path)

    with pytest.raises(MissingOutputError):
        stored.load()
    assert not stored.exists()


def test_a_directory_in_the_place_of_data_is_damage(stored):
    os.unlink(stored.path)
    os.mkdir(stored.path)

    with pytest.raises(DamagedError, match="is a directory where a file was written"):
        stored.load()
    assert not stored.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("size", [0, 10, 3 << 20])
@pytest.mark.parametrize("end", ["nobody", "a writer"])
def test_a_pipe_in_the_place_of_data_is_damage_and_is_not_waited_for(size, end, tmp_path):
    target = BytesTarget(tmp_path / "x.bin")
    target.dump(b"x" * size)
    os.unlink(target.path)
    os.mkfifo(target.path)
    writer = os.open(target.path, os.O_RDWR) if end == "a writer" else None
    try:
        with pytest.raises(DamagedError):
            target.verify()
        if size:  # else it holds what was written: nothing
            with pytest.raises(DamagedError):
                target.load()
    finally:
        if writer is not None:
            os.close(writer)
    target.dump(b"new")
    assert target.load() == b"new"


def directory(path):
    os.mkdir(path)
    (path / "below").touch()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("instead", [directory, os.mkfifo])
def test_what_is_no_file_in_the_place_of_a_record_is_damage_and_makes_room_for_a_new_one(instead, tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    target.dump(1)
    (tmp_path / "x.record.json").unlink()
    instead(tmp_path / "x.record.json")
    with pytest.raises(RecordError):
        target.load()
    target.dump(2)

    assert target.load() == 2
    # What somebody has put there is not deleted.
    assert [path.name for path in (tmp_path / QUARANTINE).glob("*/*")] == (["below"] if instead is directory else [])


@pytest.mark.parametrize("there", ["a file", "a link"])
def test_what_stands_where_a_folder_should_be_is_named(there, tmp_path):
    if there == "a file":
        (tmp_path / "folder").touch()
    else:
        (tmp_path / "folder").symlink_to("nowhere")
    target = JsonTarget(Place(open_store(str(tmp_path)), "folder/x"))

    with pytest.raises(StoreError, match=r"where a folder should be: move it away: .*folder"):
        target.dump(1)


def test_a_value_can_be_written_over_anything_that_stands_in_its_place(tmp_path):
    (tmp_path / "x.json" / "sub").mkdir(parents=True)
    JsonTarget(tmp_path / "x.json").dump(1)

    assert JsonTarget(tmp_path / "x.json").load() == 1


def test_exchanged_data_of_two_outputs_are_damage(tmp_path):
    one, two = JsonTarget(tmp_path / "one.json"), JsonTarget(tmp_path / "two.json")
    one.dump(1)
    two.dump(2)
    os.rename(one.path, tmp_path / "aside")
    os.rename(two.path, one.path)
    os.rename(tmp_path / "aside", two.path)

    for target in (one, two):
        with pytest.raises(DamagedError):
            target.load()


def test_a_changed_stored_file_is_damage(tmp_path):
    (tmp_path / "made.txt").write_text("content")
    target = FileTarget(tmp_path / "x.file")
    target.dump(tmp_path / "made.txt")
    target.load().write_text("CONTENT")

    with pytest.raises(DamagedError, match=r"x\.txt is not what was written"):
        target.load()


def test_a_changed_task_directory_is_noticed_when_all_is_verified(tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    with target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name)
        (folder / "side").write_text("content")
        target.dump(1, draft=draft, directory=folder)
    (folder / "side").write_text("CONTENT")

    with pytest.raises(DamagedError, match=r"x\.files is not what was written"):
        target.verify()


def test_a_task_directory_that_is_gone_is_missing(tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    with target.store.draft() as draft:
        folder = draft.directory(target.directory_name, target.place.record_name)
        (folder / "side").write_text("content")
        target.dump(1, draft=draft, directory=folder)
    (folder / "side").unlink()
    folder.rmdir()

    assert not target.exists()

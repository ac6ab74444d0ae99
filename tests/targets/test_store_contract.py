"""What every store promises, local or remote: an output is there whole, or the old one is, or none."""

import uuid

import pandas as pd
import pytest

from targets import DamagedError, DumpError, FileTarget, JsonTarget, MissingOutputError, ParquetTarget, PickleTarget, StoreError, Target
from targets.opening import open_store
from targets.parts import PartsTarget
from targets.place import Place


@pytest.fixture(params=["local", "memory://"])
def place(request, tmp_path) -> Place:
    url = str(tmp_path / "kept") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    return Place(open_store(url), f"shop/Step/n-1-{'0a' * 16}")


@pytest.fixture
def target(place):
    return JsonTarget(place)


def data_of(target) -> bytes:
    with target.store.open(target.name) as file:
        return file.read()


def overwrite(target, data: bytes) -> None:
    """What another program would do to the stored file."""
    if hasattr(target.store, "files"):
        target.store.files.pipe_file(target.store.full(target.name), data)
    else:
        target.store.path(target.name).write_bytes(data)


def names_in(place) -> list[str]:
    return sorted(place.store.list("shop/Step"))


class FailsHalfWay(Target[None]):
    extension = "json"

    def write(self, value, file):
        file.write(b"half")
        raise value


def test_an_output_is_missing_until_it_is_written(target):
    assert not target.exists()
    assert target.stamp() is None
    with pytest.raises(MissingOutputError, match="nothing is stored at .*build"):
        target.load()


def test_an_output_is_its_data_and_a_record(target, place):
    target.dump([1])

    assert target.exists()
    assert names_in(place) == [f"n-1-{place.key}.json", f"n-1-{place.key}.record.json"]


def test_another_target_at_the_same_place_loads_it(target, place):
    target.dump([1])

    assert JsonTarget(place).load() == [1]


def test_a_new_value_replaces_the_old_one(target):
    target.dump("old")
    target.dump("new")

    assert target.load() == "new"


def test_the_stamp_changes_with_every_commit(target):
    stamps = set()
    for value in "abc":
        target.dump(value)
        stamps.add(target.stamp())

    assert len(stamps) == 3


def test_the_path_is_what_another_tool_would_call_it(target):
    assert target.path == f"{target.store.url}/{target.name}"


@pytest.mark.parametrize("error", [RuntimeError("mistake"), KeyboardInterrupt()], ids=["a mistake", "ctrl-C"])
def test_a_write_that_is_cut_off_leaves_nothing(place, error):
    with pytest.raises((Exception, KeyboardInterrupt)):
        FailsHalfWay(place).dump(error)

    assert names_in(place) == []


@pytest.mark.parametrize("error", [RuntimeError("mistake"), KeyboardInterrupt()], ids=["a mistake", "ctrl-C"])
def test_a_write_that_is_cut_off_leaves_the_old_value(target, place, error):
    target.dump("old")
    before = names_in(place)

    with pytest.raises((Exception, KeyboardInterrupt)):
        FailsHalfWay(place).dump(error)

    assert target.load() == "old"
    assert names_in(place) == before


def test_an_error_of_the_disk_names_the_place_and_what_to_do(place):
    with pytest.raises(StoreError, match=rf"cannot write .*{place.key}\.json: .*No space.*run again"):
        FailsHalfWay(place).dump(OSError(28, "No space left on device"))


def test_a_draft_that_is_left_without_a_commit_leaves_nothing(place):
    with place.store.draft() as draft:
        draft.create(f"{place.stem}.json").write_bytes(b"data")
        (draft.directory(f"{place.stem}.files", place.record_name) / "side").write_bytes(b"data")

    assert names_in(place) == []


def test_remove_removes_all_of_the_output_and_nothing_else(target, place):
    other = JsonTarget(Place(place.store, "shop/Step/other"))
    other.dump("other")
    target.dump(1)

    target.remove()

    assert names_in(place) == ["other.json", "other.record.json"]


def test_removing_what_is_not_there_is_fine(target):
    target.remove()

    assert not target.exists()


def test_the_whole_store_cannot_be_deleted_by_an_empty_name(target):
    target.dump(1)

    with pytest.raises(StoreError, match="the whole store .* was about to be deleted"):
        target.store.delete("")

    assert target.load() == 1


def test_data_that_are_gone_are_missing(target):
    target.dump(1)
    target.store.delete(target.name)

    assert not target.exists()
    with pytest.raises(MissingOutputError, match="is gone while its record is there: build"):
        target.load()


def test_damaged_data_are_not_loaded(target):
    target.dump([1])
    overwrite(target, data_of(target).replace(b"1", b"2"))

    with pytest.raises(DamagedError, match="is not what was written"):
        target.load()
    with pytest.raises(DamagedError, match="is not what was written"):
        target.verify()


def test_data_of_another_size_do_not_exist(target):
    target.dump([1])
    overwrite(target, b"")

    assert not target.exists()


def test_damaged_data_are_quarantined(target, place):
    target.dump([1])
    overwrite(target, b"damaged")

    assert target.quarantine()
    assert names_in(place) == []
    assert len(list(place.store.list(".luigi-warp/quarantine"))) == 2


def test_sound_data_are_not_quarantined(target):
    target.dump([1])

    assert not target.quarantine()
    assert target.load() == [1]


def test_damage_that_was_mended_meanwhile_is_not_quarantined(target, place):
    target.dump([1])
    overwrite(target, b"damaged")
    with pytest.raises(DamagedError):
        target.load()
    JsonTarget(place).dump([2])

    assert not target.quarantine()
    assert target.load() == [2]


def test_an_output_can_be_made_again_after_quarantine(target):
    target.dump([1])
    overwrite(target, b"damaged")
    target.quarantine()
    target.dump([2])

    assert target.load() == [2]


def test_a_directory_is_an_output(place, tmp_path):
    (tmp_path / "made" / "sub").mkdir(parents=True)
    (tmp_path / "made" / "sub" / "a").write_text("a")
    target = FileTarget(place)
    target.dump(tmp_path / "made")

    assert (target.load() / "sub" / "a").read_text() == "a"


def test_a_task_directory_is_part_of_the_output(target, place):
    with place.store.draft() as draft:
        folder = draft.directory(target.directory_name, place.record_name)
        (folder / "log.txt").write_text("side")
        target.dump(1, draft=draft, directory=folder)

    assert target.exists()
    assert (place.store.path(target.directory_name) / "log.txt").read_text() == "side"
    target.verify()


def test_an_empty_task_directory_is_no_part_of_the_output(target, place):
    with place.store.draft() as draft:
        target.dump(1, draft=draft, directory=draft.directory(target.directory_name, place.record_name))

    assert target.record.directory is None
    assert place.store.size(target.directory_name) is None


def test_an_empty_folder_among_the_side_files_is_kept_or_refused(target, place):
    target.dump(0)
    with place.store.draft() as draft:
        folder = draft.directory(target.directory_name, place.record_name)
        (folder / "inner" / "empty").mkdir(parents=True)
        if place.store.reads_in_bulk:
            with pytest.raises(DumpError, match=r"\.files/inner/empty is an empty folder, which no object store keeps"):
                target.dump(1, draft=draft, directory=folder)
            assert target.load() == 0
        else:
            target.dump(1, draft=draft, directory=folder)
            target.verify()


def test_the_next_output_without_a_task_directory_removes_the_old_one(target, place):
    with place.store.draft() as draft:
        folder = draft.directory(target.directory_name, place.record_name)
        (folder / "log.txt").write_text("side")
        target.dump(1, draft=draft, directory=folder)
    target.dump(2)

    assert place.store.size(target.directory_name) is None


def test_a_step_that_fails_gets_its_old_task_directory_back(target, place):
    with place.store.draft() as draft:
        folder = draft.directory(target.directory_name, place.record_name)
        (folder / "log.txt").write_text("old")
        target.dump("old", draft=draft, directory=folder)

    with pytest.raises(RuntimeError), place.store.draft() as draft:
        folder = draft.directory(target.directory_name, place.record_name)
        assert list(folder.iterdir()) == []
        (folder / "log.txt").write_text("new")
        raise RuntimeError("the step failed")

    assert target.load() == "old"
    assert (place.store.path(target.directory_name) / "log.txt").read_text() == "old"
    target.verify()


def test_frames_and_parts_and_pickles_come_back(place):
    target = PartsTarget(place, {"frame": ParquetTarget, "model": PickleTarget})
    frame = pd.DataFrame({"a": [1.5, None]}, index=["x", "y"])
    target.dump({"frame": frame, "model": {1, 2}})

    back = target.load()
    pd.testing.assert_frame_equal(back["frame"], frame, check_exact=True)
    assert back["model"] == {1, 2}


def test_the_folders_are_those_that_hold_outputs(target, place):
    target.dump(1)

    assert sorted(place.store.folders()) == ["shop", "shop/Step"]


def test_a_folder_that_is_not_there_holds_nothing(place):
    assert list(place.store.list("no/such/folder")) == []
    assert place.store.sweep("no/such/folder") == 0


@pytest.mark.parametrize("url", ["nosuchprotocol://bucket", "memory-typo://x"])
def test_a_url_that_cannot_be_opened_says_so(url):
    with pytest.raises(StoreError, match=f"the store {url} cannot be opened"):
        open_store(url)


@pytest.mark.parametrize("name", ["", " ", "file://"])
def test_a_store_without_a_name_is_refused(name):
    with pytest.raises(StoreError, match="has no name"):
        open_store(name)

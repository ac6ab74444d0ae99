"""The folder of a process for copies of what lies far away: whose folders are removed, and by whom."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from targets import StoreError, scratch

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_made", None)
    return tmp_path


@pytest.fixture
def dead():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(number, temporary):
    folder = temporary / f"luigi-warp-{number}-x"
    folder.mkdir()
    (folder / "alive").touch()
    (folder / "copy").write_text("x")
    return folder


def test_it_is_the_same_one_until_somebody_tidies_up(temporary):
    first = scratch.folder()
    assert scratch.folder() == first
    scratch.remove()
    assert not os.path.exists(first)
    assert os.path.isdir(scratch.folder())


def test_its_lock_is_held_as_long_as_it_is_needed(temporary):
    with Path(scratch.folder(), "alive").open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_a_dead_process_has_left_is_removed(dead, temporary):
    folder = left_by(dead, temporary)
    scratch.folder()
    assert not folder.exists()


def test_so_is_what_one_of_our_number_has_left_as_in_a_container_that_was_started_again(temporary):
    folder = left_by(os.getpid(), temporary)
    scratch.folder()
    assert not folder.exists()


def test_what_a_child_still_needs_of_a_dead_process_stays(dead, temporary):
    folder = left_by(dead, temporary)
    with (folder / "alive").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        scratch.folder()
    assert (folder / "copy").exists()


def test_what_belongs_to_a_living_process_that_has_lost_its_lock_stays(temporary):
    folder = left_by(os.getppid(), temporary)
    scratch.folder()
    assert (folder / "copy").exists()


@pytest.mark.parametrize("name", ["luigi-warp-audit-x", "luigi-warp-", "luigi-warp-\u00b2-x", "luigi-warp-99999999999999999999999-x", "other"])
def test_what_is_named_otherwise_stays(name, temporary):
    (temporary / name).mkdir()
    (temporary / name / "alive").touch()
    scratch.folder()
    assert (temporary / name).exists()


def test_what_only_looks_like_a_folder_of_ours_stays(dead, temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "alive").touch()
    (temporary / f"luigi-warp-{dead}-x").symlink_to(elsewhere)
    unfinished = temporary / f"luigi-warp-{dead}-y"
    unfinished.mkdir()
    scratch.folder()
    assert (elsewhere / "alive").exists()
    assert unfinished.exists()


def test_a_child_neither_removes_it_nor_makes_another(temporary):
    ours = scratch.folder()
    child = os.fork()
    if child == 0:
        same = scratch.folder() == ours
        scratch.remove()
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert Path(ours).is_dir()


def test_where_nothing_can_be_written_the_words_say_what_to_do(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "nowhere"))
    with pytest.raises(StoreError, match="Set TMPDIR to a folder that can be written"):
        scratch.part()

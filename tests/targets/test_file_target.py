"""FileTarget: easy_run wrote a file or a directory itself and returns its path; it is moved in and verified."""

import os

import pytest
from target_checks import everything_in, leftovers_in

from targets import DamagedError, DumpError, FileTarget


@pytest.fixture
def made(tmp_path):
    """Where a step writes."""
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path):
    return FileTarget(tmp_path / "kept" / "x.file")


def write(path, text="content"):
    path.write_text(text)
    return path


def tree(folder):
    (folder / "sub" / "empty").mkdir(parents=True)
    write(folder / "a.txt", "a")
    write(folder / "sub" / "b.txt", "b")
    return folder


def test_a_file_is_moved_in_and_keeps_its_suffix(made, target):
    target.dump(write(made / "plot.png"))

    assert target.load().name == "x.png"
    assert target.load().read_text() == "content"
    assert everything_in(made) == []


def test_the_target_knows_the_path_of_the_stored_file(made, target):
    target.dump(write(made / "plot.png"))

    assert target.path == str(target.load())


def test_a_path_may_be_a_str(made, target):
    target.dump(str(write(made / "plot.png")))

    assert target.exists()


@pytest.mark.parametrize("name", ["plain", "x.tmp", "x.aside", "x.files", "x.log", "x.bad suffix", "x.far-too-long-suffix"])
def test_a_suffix_that_means_something_else_is_not_kept(made, target, name):
    target.dump(write(made / name))

    assert target.load().name == "x.file"


def test_a_class_may_insist_on_a_suffix(made, tmp_path):
    class Png(FileTarget):
        extension = "png"

    target = Png(tmp_path / "kept" / "x.png")
    target.dump(write(made / "plot.jpeg"))

    assert target.load().name == "x.png"


def test_a_directory_comes_back_with_all_that_is_in_it(made, target):
    target.dump(tree(made / "out"))

    assert everything_in(target.load()) == ["a.txt", "sub", "sub/b.txt", "sub/empty"]


@pytest.mark.parametrize("first", ["a file", "a directory"])
def test_a_file_and_a_directory_replace_each_other(made, target, first):
    both = [lambda: write(made / "file"), lambda: tree(made / "directory")]
    for make in both if first == "a file" else both[::-1]:
        target.dump(make())

    assert target.load().is_dir() == (first == "a file")
    assert leftovers_in(target.load().parent) == []


def test_a_file_with_another_suffix_replaces_the_old_one(made, target):
    target.dump(write(made / "plot.png"))
    target.dump(write(made / "plot.svg", "new"))

    assert target.load().name == "x.svg"
    assert everything_in(target.load().parent) == ["x.record.json", "x.svg"]


def test_a_link_is_refused(made, target):
    (made / "link").symlink_to(write(made / "plot.png"))

    with pytest.raises(DumpError, match="link', which is a link"):
        target.dump(made / "link")


def test_a_link_in_a_directory_is_refused_and_everything_stays_where_it_was(made, target):
    tree(made / "out")
    (made / "out" / "sub" / "link").symlink_to(made)

    with pytest.raises(DumpError, match=r"made/out/sub/link is a link; .*replace it by what it stands for"):
        target.dump(made / "out")

    assert (made / "out" / "a.txt").exists()


def test_a_pipe_in_a_directory_is_refused(made, target):
    os.mkfifo(tree(made / "out") / "pipe")

    with pytest.raises(DumpError, match="pipe is a pipe, a socket or a device"):
        target.dump(made / "out")


def test_a_pipe_is_refused(made, target):
    os.mkfifo(made / "pipe")

    with pytest.raises(DumpError, match="pipe', which is neither a file nor a directory"):
        target.dump(made / "pipe")


def test_a_path_where_nothing_is_is_refused(made, target):
    with pytest.raises(DumpError, match="nowhere', which is not there"):
        target.dump(made / "nowhere")


def test_what_is_no_path_is_refused(target):
    with pytest.raises(DumpError, match="return its path, not a list"):
        target.dump([1])


def change_a_bit(kept):
    (kept / "a.txt").write_text("b")


def rename_a_file(kept):
    (kept / "a.txt").rename(kept / "c.txt")


def add_a_directory(kept):
    (kept / "more").mkdir()


def remove_an_empty_directory(kept):
    (kept / "sub" / "empty").rmdir()


@pytest.mark.parametrize("change", [change_a_bit, rename_a_file, add_a_directory, remove_an_empty_directory])
def test_any_change_in_a_stored_directory_is_damage(made, target, change):
    target.dump(tree(made / "out"))
    change(target.load())

    with pytest.raises(DamagedError, match=r"x\.file is not what was written"):
        target.load()


def test_an_empty_directory_that_is_gone_is_not_handed_out(made, target):
    (made / "empty").mkdir()
    target.dump(made / "empty")
    target.load().rmdir()

    with pytest.raises(DamagedError):
        target.load()

"""External files and directories: their content counts, and nothing of them is stored."""

import os

import pytest

import pipeline
from pipeline import ExternalFile, Task, WrapperTask


def test_the_content_of_an_external_file_counts_not_its_time(ran, tmp_path):
    path = tmp_path / "raw.txt"

    class Read(Task):
        def requires(self):
            return ExternalFile(str(path))

        def easy_run(self, inputs):
            return inputs.read_text()

    path.write_text("one")
    assert ran(Read()) == ["Read"]
    path.touch()
    assert ran(Read()) == []
    path.write_text("two")
    assert ran(Read()) == ["Read"]
    assert Read().load() == "two"


def test_a_missing_external_file_fails_and_what_needs_it_is_skipped(tmp_path):
    class Read(Task):
        def requires(self):
            return ExternalFile(str(tmp_path / "nothing.txt"))

        def easy_run(self, inputs):
            return 1

    run = pipeline.build(Read())
    assert [type(task).__name__ for task in run.failed] == ["ExternalFile"]
    assert run.skipped == [Read()]
    assert run.exit_code == 1
    assert "nothing.txt is not there" in str(run.outcomes[run.failed[0]].error)


@pytest.mark.parametrize("kind", ["a pipe", "a loop of links", "a directory with a link", "too long a name", "a null in its name"])
def test_one_that_cannot_be_read_fails_alone(kind, tmp_path):
    path = tmp_path / ("x" * 300 if kind == "too long a name" else "x\0" if kind == "a null in its name" else "x")
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a loop of links":
        path.symlink_to(path)
    elif kind == "a directory with a link":
        path.mkdir()
        (path / "link").symlink_to(tmp_path)

    class Read(Task):
        def requires(self):
            return ExternalFile(str(path))

        def easy_run(self, inputs):
            return 1

    class Other(Task):
        def easy_run(self, inputs):
            return 2

    run = pipeline.build([Read(), Other()])
    assert run.ran == [Other()]
    assert run.skipped == [Read()]
    assert "cannot be read: " in str(run.outcomes[run.failed[0]].error)
    assert "put the file in its place, or correct the path" in str(run.outcomes[run.failed[0]].error)


def test_an_external_directory_is_its_files(ran, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "a.txt").write_text("a")

    class Count(Task):
        def requires(self):
            return ExternalFile(str(folder))

        def easy_run(self, inputs):
            return len(list(inputs.iterdir()))

    ran(Count())
    (folder / "b.txt").write_text("b")
    assert ran(Count()) == ["Count"]


def test_external_files_and_wrappers_store_nothing(ran, store, tmp_path):
    path = tmp_path / "x"
    path.write_text("x")

    class All(WrapperTask):
        def requires(self):
            return ExternalFile(str(path))

    assert ran(All()) == []
    assert [path.name for path in store.iterdir()] == [".luigi-warp"]  # what the run did, and no output
    assert All().load() == path

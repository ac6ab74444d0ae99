"""Side files of a step: they live, count and die with its output."""

import os

import luigi
import pytest

import pipeline
from pipeline import Task
from targets import DamagedError, FileTarget


class WithFiles(Task):
    text = luigi.Parameter(default="side")

    def easy_run(self, inputs):
        assert list(self.task_directory.iterdir()) == []
        path = self.task_directory / "model.bin"
        path.write_text(self.text)
        if os.environ.get("FAIL_AFTER_SIDE_FILE"):
            raise ValueError("after the side file")
        return str(path)


def test_side_files_live_and_die_with_the_output(ran):
    ran(WithFiles())
    assert open(WithFiles().load()).read() == "side"
    assert (WithFiles().task_directory / "model.bin").read_text() == "side"
    WithFiles().remove()
    assert not WithFiles().task_directory.exists()


def test_a_failed_step_leaves_the_old_side_files(ran, monkeypatch):
    ran(WithFiles())
    monkeypatch.setenv("FAIL_AFTER_SIDE_FILE", "1")
    WithFiles().target.store.delete(WithFiles().target.name)  # the data are gone, so it must run
    assert pipeline.build(WithFiles()).failed == [WithFiles()]
    assert (WithFiles().task_directory / "model.bin").read_text() == "side"


def test_changed_side_files_are_another_content(ran, monkeypatch):
    class Constant(Task):
        def easy_run(self, inputs):
            (self.task_directory / "f").write_text(os.environ["SIDE_TEXT"])
            return 1

    class Use(Task):
        def requires(self):
            return Constant()

        def easy_run(self, inputs):
            return inputs

    monkeypatch.setenv("SIDE_TEXT", "a")
    ran(Use())
    Constant().remove()
    assert ran(Use()) == ["Constant"]
    Constant().remove()
    monkeypatch.setenv("SIDE_TEXT", "b")
    assert ran(Use()) == ["Constant", "Use"]


@pytest.mark.parametrize("way", ["shortened", "removed"])
def test_a_plan_notices_that_something_of_them_is_gone(way, ran):
    ran(WithFiles())
    path = WithFiles().task_directory / "model.bin"
    path.write_text("") if way == "shortened" else path.unlink()
    assert ran(WithFiles()) == ["WithFiles"]
    assert path.read_text() == "side"
    (path.parent / "looked-at").write_text("by somebody")
    assert ran(WithFiles()) == []


class Uses(Task):
    def requires(self):
        return WithFiles()

    def easy_run(self, inputs):
        with open(inputs) as file:
            return file.read()


@pytest.mark.parametrize("way", ["changed", "emptied", "removed", "more"])
def test_whoever_loads_an_output_notices_that_its_side_files_are_others(way, ran):
    ran(Uses())
    path = WithFiles().task_directory / "model.bin"
    if way == "removed":
        path.unlink()
    elif way == "more":
        (path.parent / "more").write_text("x")
    else:
        path.write_text("" if way == "emptied" else "evil")
    Uses().remove()

    assert sorted(ran(Uses())) == ["Uses", "WithFiles"]
    assert Uses().load() == "side"
    path.write_text("evil")
    with pytest.raises(DamagedError, match="is not what was written"):
        WithFiles().load()


def test_the_directory_may_become_the_output(ran):
    class Folder(Task):
        target_type = FileTarget

        def easy_run(self, inputs):
            (self.task_directory / "a.txt").write_text("a")
            return self.task_directory

    ran(Folder())
    assert [path.name for path in Folder().load().iterdir()] == ["a.txt"]
    assert ran(Folder()) == []
    (Folder().load() / "a.txt").unlink()
    assert ran(Folder()) == ["Folder"]
    assert [path.name for path in Folder().load().iterdir()] == ["a.txt"]

"""In which format a step's output is stored: files of its own, CSV, formats of the app's own."""

import os

import luigi
import pandas as pd
import pytest

import pipeline
from pipeline import ExternalFile, Task
from targets import CsvTarget, FileTarget, Target


def test_a_file_that_the_step_made_is_moved_in(ran, tmp_path):
    class Plot(Task):
        target_type = FileTarget

        def easy_run(self, inputs):
            path = tmp_path / "plot.svg"
            path.write_text("<svg/>")
            return path

    class Use(Task):
        def requires(self):
            return Plot()

        def easy_run(self, inputs):
            return inputs.read_text()

    ran(Use())
    assert Use().load() == "<svg/>"
    assert Plot().load().suffix == ".svg"
    assert not (tmp_path / "plot.svg").exists()


class Given(Task):
    target_type = FileTarget

    def easy_run(self, inputs):
        path = self.task_directory / "given.csv"
        path.write_text("a,b")
        return path


class GivenFolder(Task):
    target_type = FileTarget

    def easy_run(self, inputs):
        folder = self.task_directory / "folder"
        folder.mkdir()
        (folder / "x.csv").write_text("a,b")
        return folder


class GivenTwo(Task):
    outputs = {"one": FileTarget, "two": FileTarget}

    def easy_run(self, inputs):
        for name in ("one.csv", "two.csv"):
            (self.task_directory / name).write_text("a,b")
        return {"one": self.task_directory / "one.csv", "two": self.task_directory / "two.csv"}


class HandsOn(Task):
    target_type = FileTarget
    what = luigi.Parameter()

    def easy_run(self, inputs):
        if self.what == "a file of somebody else":
            return (yield ExternalFile("precious.csv"))
        if self.what == "one of a step":
            return (yield Given())
        if self.what == "one in a folder":
            return (yield GivenFolder()) / "x.csv"
        if self.what == "the folder of one":
            return (yield ExternalFile("folder/precious.csv")).parent
        return (yield {"both": GivenTwo()})["both"]["two"]


@pytest.mark.parametrize("what", ["a file of somebody else", "one of a step", "one in a folder", "the folder of one", "one of several"])
def test_a_file_that_the_step_was_given_stays_where_it_is(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for path in ("precious.csv", "folder/precious.csv"):
        (tmp_path / path).write_text("a,b")
    run = pipeline.build(HandsOn(what=what))

    assert run.ok, run
    assert all(task.complete() for task in run.ran)
    assert [(tmp_path / path).read_text() for path in ("precious.csv", "folder/precious.csv")] == ["a,b", "a,b"]
    found = HandsOn(what=what).load()
    assert (found / "precious.csv" if found.is_dir() else found).read_text() == "a,b"
    assert pipeline.build(HandsOn(what=what)).ran == []


def test_an_own_format_takes_ten_lines(ran):
    class LinesTarget(Target):
        extension = "lines"

        def write(self, value, file):
            file.write("\n".join(value).encode())

        def read(self, file, limit=None):
            return file.read().decode().split("\n")[:limit]

    class Lines(Task):
        target_type = LinesTarget

        def easy_run(self, inputs):
            return ["a", "b"]

    ran(Lines())
    assert Lines().load() == ["a", "b"]
    assert Lines().load(limit=1) == ["a"]


def test_a_luigi_target_of_the_app_s_own_works(ran):
    class OldTarget(luigi.LocalTarget):
        def dump(self, value):
            with self.open("w") as file:
                file.write(repr(value))

        def load(self):
            with self.open() as file:
                return eval(file.read())

    class Old(Task):
        target_type = OldTarget
        n = luigi.IntParameter(default=1)

        def easy_run(self, inputs):
            return [self.n]

    class Use(Task):
        def requires(self):
            return Old()

        def easy_run(self, inputs):
            return inputs

    assert ran(Use()) == ["Old", "Use"]
    assert Use().load() == [1]
    assert ran(Use()) == []
    os.unlink(Old().output().path)
    assert ran(Use()) == ["Old"]


def test_csv_of_a_step(ran):
    class Table(Task):
        target_type = CsvTarget

        def easy_run(self, inputs):
            return pd.DataFrame({"id": ["007", "008"], "x": [1, 2]})

    ran(Table())
    assert list(Table().load()["id"]) == ["007", "008"]

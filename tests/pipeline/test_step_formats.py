"""In which format a step's output is stored: files of its own, CSV, formats of the app's own."""

import os

import luigi
import pandas as pd

from pipeline import Task
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

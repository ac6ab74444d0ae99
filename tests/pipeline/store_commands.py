"""A few steps whose outputs lie in a store, and how commands are asked about them."""

import datetime
import json

import luigi
import pytest

from pipeline import Task, WrapperTask, inherit_list
from targets import JsonTarget


class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    day = luigi.DateParameter(default=datetime.date(2026, 1, 2))

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list(Ingest)
class Train(Task):
    rate = luigi.FloatParameter(default=0.5)
    name = luigi.Parameter(default="it's")

    def easy_run(self, inputs):
        if self.rate < 0:
            raise ValueError("a negative rate")
        return sum(inputs[0]) * self.rate


@inherit_list(Train)
class Evaluate(Task):
    outputs = {"metrics": JsonTarget, "rest": JsonTarget}

    def easy_run(self, inputs):
        (self.task_directory / "notes.txt").write_text("fine")
        return {"metrics": inputs[0], "rest": 1}


class All(WrapperTask):
    def requires(self):
        return [Evaluate(rate=rate) for rate in (0.1, 0.2, 0.3)]


@pytest.fixture
def cli(command):
    def run(*arguments, tasks=lambda: All()):
        return command(*arguments, tasks=tasks)

    return run


def rows(cli, *arguments):
    code, out, err = cli(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def files(store):
    return sorted(path.name for path in store.rglob("*") if path.is_file() and ".luigi-warp" not in str(path))

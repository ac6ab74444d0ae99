"""A small app in a folder of its own, how its processes are started, and commands that are run here."""

import logging
import os
import pathlib
import subprocess
import sys

import pytest

import pipeline

ROOT = pathlib.Path(__file__).parent.parent.parent

APP = """
import pathlib, subprocess, sys, time
import luigi, pipeline
from pipeline import Task, inherit_list

class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    def easy_run(self, inputs):
        return list(range(self.rows))

@inherit_list(Ingest)
class Train(Task):
    rate = luigi.FloatParameter(default=0.5)
    def easy_run(self, inputs):
        if self.rate < 0:
            raise ValueError("a negative rate")
        while pathlib.Path("hold").exists():
            pathlib.Path("holding").touch()
            time.sleep(0.01)
        return sum(inputs[0]) * self.rate

@inherit_list(Train)
class Evaluate(Task):
    def easy_run(self, inputs):
        print("printed by a step", flush=True)
        subprocess.run(["echo", "printed by a child"])
        return inputs[0]
"""

RUN = """
import sys
import pipeline, flow

def get_tasks():
    return [flow.Evaluate()]

if __name__ == "__main__":
    sys.exit(pipeline.main(get_tasks))
"""


@pytest.fixture
def folder(tmp_path):
    """An app of its own folder, for real processes."""
    (tmp_path / "flow.py").write_text(APP)
    (tmp_path / "run.py").write_text(RUN)
    return tmp_path


def environment(folder, **more):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "CI"))}
    return {**clean, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": str(folder / "store"), **more}


def call(folder, *arguments, program=("run.py",), **more):
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=120)


@pytest.fixture
def command(capsys):
    """Run a command here; gives its exit code, standard output and standard error."""
    handlers = list(logging.getLogger().handlers)

    def run(*arguments, tasks):
        code = pipeline.main(tasks, arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield run
    # What a command has set up writes to a stream that ends with the test.
    logging.getLogger().handlers[:] = handlers

"""Outputs that a newer version of a library cannot read: made again by whoever needs them, and by nobody else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LIBRARY = """
VERSION = {version}
class Model:
    def __init__(self):
        if {useless}:
            raise RuntimeError("this is not the environment in which models are made")
        self.made_with = VERSION
    def __setstate__(self, state):
        if state["made_with"] < VERSION or {broken}:
            raise ValueError(f"dtype of {{state['made_with']}} is no dtype of {{VERSION}}")
        self.__dict__ = state
"""

FLOW = """
import sys, luigi, pipeline, oldlib, targets
from pipeline import Task, WrapperTask

class Train(Task):
    outputs = {"model": targets.PickleTarget, "scores": targets.JsonTarget}
    def easy_run(self, inputs):
        return {"model": oldlib.Model(), "scores": [1]}

class Other(Task):
    def easy_run(self, inputs):
        return oldlib.VERSION

class Both(WrapperTask):
    def requires(self):
        return {"other": Other(), "train": Train()}

class Use(Task):
    on_library_change = "ignore"
    kind = luigi.Parameter()
    nonce = luigi.Parameter(default="")
    def requires(self):
        return {"part": Train()["model"], "whole": Train(), "wrapper": Both(), "asks": []}[self.kind]
    def easy_run(self, inputs):
        if self.kind == "asks":
            inputs = yield Train()
        return self.kind

class Scores(Task):
    nonce = luigi.Parameter(default="")
    def requires(self):
        return Train()["scores"]
    def easy_run(self, inputs):
        return inputs
"""

BUILD = """
import sys, json, flow, luigi, pipeline
kind, nonce, workers, how = sys.argv[1:]
top = flow.Scores(nonce=nonce) if kind == "scores" else flow.Use(kind=kind, nonce=nonce)
if how == "luigi":
    ran = []
    luigi.Task.event_handler(luigi.Event.SUCCESS)(lambda task: ran.append(type(task).__name__))
    ok = luigi.build([top], local_scheduler=True, workers=int(workers), log_level="ERROR")
    print(json.dumps([ok, sorted(set(ran) - {"Part", "Both"}), ""]))
else:
    planned = pipeline.plan(top)
    run = pipeline.build(top, workers=int(workers))
    reason = [str(verdict) for task, verdict in planned.verdicts.items() if task == flow.Train()]
    error = [str(outcome.error) for outcome in run.outcomes.values() if outcome.error is not None]
    print(json.dumps([run.ok, sorted(type(task).__name__ for task in run.ran), [*reason, *error]]))
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "build.py").write_text(BUILD)
    packages = tmp_path / "site-packages"

    def install(version, broken=False, useless=False):
        for name in packages.glob("oldlib-*/METADATA"):
            name.rename(packages / "old")
            name.parent.rmdir()
        (packages / f"oldlib-{version}.dist-info").mkdir(parents=True)
        (packages / f"oldlib-{version}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: oldlib\nVersion: {version}\n")
        (packages / "oldlib.py").write_text(LIBRARY.format(version=version, broken=broken, useless=useless))

    def build(kind, nonce="", workers=1, how="ours"):
        path = os.pathsep.join([str(ROOT), str(packages)])
        environment = {**os.environ, "PYTHONPATH": path, "LUIGI_CONFIG_PATH": "none.cfg", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "build.py", kind, nonce, str(workers), how]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    build.install = install
    install(1)
    return build


@pytest.mark.parametrize(("workers", "how"), [(1, "ours"), (2, "ours"), (1, "luigi"), (2, "luigi")])
@pytest.mark.parametrize("kind", ["part", "whole", "wrapper", "asks"])
def test_what_another_version_cannot_read_is_made_again(kind, workers, how, app):
    assert app(kind)[0]
    app.install(2)
    assert app(kind)[:2] == [True, []], "nobody needs it"
    ok, ran, _ = app(kind, "again", workers, how)
    assert ok
    if how == "ours":
        assert ran == ["Train", "Use"]
    elif workers == 1:  # its events stay in the process of a task
        assert ran == ["Repair", "Use"]
    assert app(kind, "again")[:2] == [True, []]
    assert app(kind, "once more")[:2] == [True, ["Use"]]


def test_who_needs_only_what_can_be_read_makes_nothing_again(app):
    assert app("scores")[0]
    app.install(2)
    assert app("scores", "again")[:2] == [True, ["Scores"]]


def test_what_the_version_of_today_has_written_is_not_made_again_in_vain(app):
    app.install(1, broken=True)
    for nonce in ("", "again"):
        ok, ran, told = app("whole", nonce)
        assert not ok
        assert ran == ([] if nonce else ["Train"])
        assert "cannot read it: ValueError: dtype of 1 is no dtype of 1" in told[-1]


def test_where_it_was_made_it_can_still_be_read(app):
    assert app("whole")[0]
    app.install(2, useless=True)
    for reason in ("CURRENT", "LIBRARY: it cannot be read any more (dtype of 1 is no dtype of 2): oldlib 1 -> 2"):
        ok, ran, told = app("whole", "again")
        assert (ok, ran, told[0]) == (False, [], reason)
    app.install(1)
    assert app("whole", "again")[:2] == [True, ["Use"]]


def test_what_could_not_be_made_again_is_known_to_be_unreadable(app):
    assert app("whole")[0]
    app.install(2, broken=True)
    assert app("whole", "again")[:2] == [False, ["Train"]]
    app.install(3)
    assert app("whole", "again")[:2] == [True, ["Train", "Use"]]

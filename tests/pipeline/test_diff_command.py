"""`diff`: how two runs differ."""

import json
import subprocess
import sys

import pytest
from command_line import environment

FLOW = """
import pathlib
import luigi, pipeline
from pipeline import ExternalFile, Task, inherit_list

def scaled(values, rate):
    return [value * rate for value in values]

class Fetched(Task):
    def requires(self):
        return ExternalFile(path="numbers.txt")
    def easy_run(self, path):
        return [int(word) for word in path.read_text().split()]

@inherit_list(Fetched)
class Fitted(Task):
    rate = luigi.FloatParameter(default=0.5)
    def easy_run(self, inputs):
        if pathlib.Path("broken").exists():
            raise ValueError("no fit")
        return scaled(inputs[0], self.rate)

@inherit_list(Fitted)
class Judged(Task):
    def easy_run(self, inputs):
        return len(inputs[0])

def get_tasks():
    return Judged()
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "run.py").write_text(FLOW)
    (tmp_path / "numbers.txt").write_text("1 2 3")

    def call(*arguments, expect=0):
        command = [sys.executable, "-m", "pipeline", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120)
        assert done.returncode == expect, done.stderr
        return done.stdout

    call.folder = tmp_path
    call.differences = lambda: json.loads(call("diff", "last-1", "last", "--json"))
    return call


def empty(found):
    return [name for name in ("versions", "code", "parameters", "inputs", "results", "ends") if found[name]]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nothing_differs_between_equal_runs(workers, app):
    app("--workers", workers)
    app("--workers", workers, "--reason", "again")
    found = app.differences()
    assert empty(found) == []
    assert "command" in found["circumstances"]
    assert "nothing differs" in app("diff", "last-1", "last")


def test_code_is_shown_as_a_unified_diff(app):
    app()
    (app.folder / "run.py").write_text(FLOW.replace("value * rate for", "value + rate for"))
    app()
    found = app.differences()
    assert empty(found) == ["code", "results"] or empty(found) == ["code", "inputs", "results"]
    assert list(found["code"]) == ["Fitted"]
    assert "-    return [value * rate for value in values]" in found["code"]["Fitted"]
    assert "+    return [value + rate for value in values]" in found["code"]["Fitted"]
    assert [row["task"] for row in found["results"]] == ["Fitted(rate=0.5)"]
    out = app("diff", "last-1", "last")
    assert "+    return [value + rate for value in values]" in out
    assert "results that differ\n  Fitted(rate=0.5)" in out


def test_parameters_that_differ_are_named(app):
    app()
    app("--param", "rate=2")
    found = app.differences()
    assert {row["to"]: row["changed"] for row in found["parameters"]} == {
        "Fitted(rate=2.0)": {"rate": ["0.5", "2.0"]},
        "Judged(rate=2.0)": {"rate": ["0.5", "2.0"]},
    }
    out = app("diff", "last-1", "last")
    assert "Fitted: rate 0.5 -> 2.0\n" in out
    assert "Judged: rate 0.5 -> 2.0, with the same result" in out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_inputs_with_another_content_are_named(workers, app):
    app("--workers", workers)
    (app.folder / "numbers.txt").write_text("1 2 3 4")
    app("--workers", workers)
    found = app.differences()
    changed = {row["task"].split("(")[0]: [one.split("(")[0] for one in row["changed"]] for row in found["inputs"]}
    assert changed == {"Fetched": ["ExternalFile"], "Fitted": ["Fetched"], "Judged": ["Fitted"]}
    assert len(found["results"]) == 4
    assert found["parameters"] == []


def test_a_task_that_failed_in_one_run_is_named(app):
    app()
    (app.folder / "broken").touch()
    app("--force", "Fitted", expect=1)
    assert [(row["task"], row["to"]) for row in app.differences()["ends"]] == [("Fitted(rate=0.5)", "failed"), ("Judged(rate=0.5)", "skipped")]


def test_tasks_of_one_run_alone_are_named(app):
    app("--until", "Fitted")
    app()
    assert [(row["from"], row["to"]) for row in app.differences()["parameters"]] == [(None, "Judged(rate=0.5)")]


def test_versions_that_differ_are_named(app):
    app()
    app()
    head = max(path for path in (app.folder / "store" / ".luigi-warp" / "runs").glob("*.json") if not path.name.endswith(".begun.json"))
    body = json.loads(head.read_text())
    body["versions"]["pandas"] = "9.9.9"
    head.write_text(json.dumps(body))
    assert app.differences()["versions"]["pandas"][1] == "9.9.9"


def test_a_run_that_is_not_there_is_wrong_usage(app):
    app()
    app("diff", "last", "nope", expect=2)

"""The JSON lines of the `logging.cfg` that is shipped: what is in them, and what happens where they cannot be written."""

import json
import logging
import os
import shutil
import subprocess
import sys

import pytest
from command_line import ROOT, environment

from pipeline.logs import JsonLinesHandler

TOKEN = "correct-'horse\"\\battery"

RUN = """
import logging
import pipeline
from pipeline import SecretParameter, Task

log = logging.getLogger("app")

class Raises(Task):
    token = SecretParameter()
    def easy_run(self, inputs):
        raise ValueError("cannot log in with " + self.token)

class Odd:
    def __str__(self):
        raise SystemExit(9)

class Says(Task):
    token = SecretParameter()
    pin = SecretParameter(default="123456")
    def easy_run(self, inputs):
        around = []
        around.append(around)
        sent = {"headers": [("Authorization", f"Bearer {self.token}")], self.token: {str(self.token)}, "error": KeyError(str(self.token))}
        more = {"token": self.token, "sent": sent, "number": int(self.pin), "odd": Odd(), "around": around, "rows": 3, "ratio": 0.5, "none": None}
        log.warning("sent", extra=more)

class Warns(Task):
    def easy_run(self, inputs):
        log.warning("a warning of a step")
        return 1

class WarnsToo(Warns):
    pass
"""


@pytest.fixture
def call(tmp_path):
    """Run steps in a process of its own; gives how it ended, and the JSON lines."""
    for name in ("luigi.cfg", "logging.cfg"):
        shutil.copy(ROOT / name, tmp_path)

    def run(tasks, *arguments, **more):
        (tmp_path / "run.py").write_text(f"{RUN}\ndef get_tasks():\n    return [{tasks}]\n")
        command = [sys.executable, "-m", "pipeline", "run", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path, **more), capture_output=True, text=True, timeout=120)
        written = tmp_path / "pipeline.jsonl"
        return done, written.read_text() if written.is_file() else ""

    return run


def lines_of(text, message):
    return [line for line in map(json.loads, text.splitlines()) if line["message"].endswith(message)]


def unescaped(text):
    """However often quotes and backslashes were escaped."""
    return text.replace("\\", "").replace("'", "").replace('"', "")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_secret_in_the_message_of_an_exception_is_not_in_its_traceback(workers, call):
    done, text = call(f"Raises(token={TOKEN!r})", "--workers", workers)
    assert done.returncode == 1
    assert unescaped(TOKEN) not in unescaped(text + done.stdout + done.stderr)
    assert any("ValueError: cannot log in with ***" in line.get("traceback", "") for line in lines_of(text, ""))


def test_a_secret_is_in_no_value_of_a_line(call):
    done, text = call(f"Says(token={TOKEN!r})")
    assert done.returncode == 0, done.stderr
    assert unescaped(TOKEN) not in unescaped(text)
    (line,) = lines_of(text, "sent")
    assert line["token"] == "***"
    assert line["sent"] == {"headers": [["Authorization", "Bearer ***"]], "***": "{'***'}", "error": "'***'"}
    assert (line["number"], line["rows"], line["ratio"], line["none"]) == ("***", 3, 0.5, None)


def test_a_short_secret_is_hidden_where_it_stands_alone(call):
    _, text = call("Says(token='xyz', pin='123456')")
    (line,) = lines_of(text, "sent")
    assert line["token"] == "***"
    assert line["sent"]["headers"] == [["Authorization", "Bearer xyz"]]


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", ["a directory is in its place", "its directory is not there"])
def test_a_log_that_cannot_be_opened_is_one_warning(how, workers, call, tmp_path):
    more = {}
    if how == "a directory is in its place":
        (tmp_path / "pipeline.jsonl").mkdir()
    else:
        more["PIPELINE_JSON_LOG"] = str(tmp_path / "none" / "log.jsonl")
    for words in ("2 ran", "2 kept"):
        done, _ = call("Warns(), WarnsToo()", "--workers", workers, **more)
        assert done.returncode == 0, done.stderr
        assert words in done.stdout
        assert "Traceback" not in done.stderr
        assert done.stderr.count("cannot be written") == 1
        assert done.stderr.count("a warning of a step") == (2 if words == "2 ran" else 0)


def test_a_name_of_a_file_that_is_no_text_loses_no_line(tmp_path):
    handler = JsonLinesHandler(str(tmp_path / "lines.jsonl"))
    for name in (os.fsdecode(b"caf\xe9.csv"), "café.csv"):
        handler.handle(logging.makeLogRecord({"name": "app", "msg": "cannot read %s", "args": (name,)}))
    handler.close()
    first, second = (tmp_path / "lines.jsonl").read_text().splitlines()
    assert json.loads(first)["message"] == "cannot read caf\udce9.csv"
    assert "cannot read café.csv" in second

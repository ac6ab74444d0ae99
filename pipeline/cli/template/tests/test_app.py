"""The app as cron or a container runs it."""

import json
import os
import pathlib
import subprocess
import sys

APP = pathlib.Path(__file__).parent.parent


def run(folder, *arguments):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "PIPELINE_"))}
    places = {"PIPELINE_TARGET_DIR": folder / "targets", "PIPELINE_JSON_LOG": folder / "log.jsonl", "APP_DEPLOY_DIR": folder / "deployed"}
    environment = {**clean, **{name: str(place) for name, place in places.items()}}
    done = subprocess.run([sys.executable, "run.py", *arguments], cwd=APP, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_is_made_once(tmp_path):
    assert json.loads(run(tmp_path, "--json"))["ran"]
    assert all(row["verdict"] == "CURRENT" for row in json.loads(run(tmp_path, "plan", "--json")))
    assert json.loads(run(tmp_path, "--json"))["ran"] == []

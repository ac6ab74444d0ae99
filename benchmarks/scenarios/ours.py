"""Runs a scenario with luigi-warp: a copy of the app as it was built once, then each run in a fresh interpreter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scenarios import app
from benchmarks.scenarios.actions import Flip, Remove, Scenario, Trim


@dataclass(frozen=True)
class Answer:
    """Which steps ran, and why each did; which of the plain functions said so; what each output is, and what it is in an empty store."""

    ran: frozenset[str]
    why: dict[str, str]
    said: frozenset[str]
    outputs: dict[str, str]
    afresh: dict[str, str]


def build_once(folder: Path) -> None:
    """The app and its outputs, to be copied for each scenario."""
    app.write(folder)
    _go(folder)


def perform(scenario: Scenario, built: Path, folder: Path) -> Answer:
    """What happens in a copy of `built`."""
    shutil.copytree(built, folder)
    for action in scenario.edits:
        if isinstance(action, Trim):
            _go(folder, trim=[action.step])
    for action in scenario.edits:
        if isinstance(action, Remove):
            shutil.rmtree(folder / "store" / action.step)
        elif isinstance(action, Flip):
            flip(data_of(folder, action.step))
        elif not isinstance(action, Trim):
            action.apply(folder)
    found = _go(folder, force=scenario.force, parameters=scenario.parameters, environment=scenario.environment, unread=scenario.unread, afresh=True)
    assert found is not None
    return Answer(frozenset(found["ran"]), found["why"], frozenset(found["said"]), found["outputs"], found["afresh"])


def data_of(folder: Path, step: str) -> Path:
    (found,) = [file for file in (folder / "store" / step).iterdir() if file.is_file() and not file.name.endswith(".record.json")]
    return found


def flip(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(bytes(raw))


def _go(folder: Path, *, environment: Any = None, trim: Any = (), **asked: Any) -> dict[str, Any] | None:
    log = folder / "ran.log"
    log.unlink(missing_ok=True)
    question = {"log": str(log), "trim": list(trim), "force": [], "parameters": {}, "unread": [], "afresh": False, **asked}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "PIPELINE_"))}
    done = subprocess.run(
        [sys.executable, "-B", "go.py", json.dumps(question)], cwd=folder, capture_output=True, text=True, env={**clean, **(environment or {})}
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or (not lines and not trim):
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(lines[-1][len("RESULT ") :]) if lines else None

"""The bench on which measurements are made: each is a process of its own with a time limit, and all share a time budget.

A measurement that cannot be made leaves a row that says why; nothing is left out in silence.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.speed import machine
from benchmarks.speed.environments import Environments
from benchmarks.speed.row import Row

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Bench:
    """Makes measurements and keeps their rows, in order."""

    def __init__(self, work: pathlib.Path, *, budget: float, only: str = "") -> None:
        self.rows: list[Row] = []
        self._work = work
        self._environments = Environments(work)
        self._only = set(filter(None, only.lower().split(",")))
        self._ends = time.monotonic() + budget
        self._budget = budget
        self._rubbish: list[str] = []

    def wants(self, group: str) -> bool:
        return not self._only or group in self._only

    def folder(self) -> str:
        """A place for outputs that is not there yet."""
        return os.path.join(tempfile.mkdtemp(prefix="outputs-", dir=self._work), "new")

    def remove(self, folder: str) -> None:
        """At the end of all: a file system that has just removed thousands of files makes the next ones slowly."""
        self._rubbish.append(os.path.dirname(folder))

    def close(self) -> None:
        for folder in self._rubbish:
            shutil.rmtree(folder, ignore_errors=True)
        self._rubbish.clear()

    def measure(
        self,
        row: Row,
        subject: str,
        arguments: dict[str, Any],
        *,
        limit: float,
        repeat: int = 1,
        by: str = "cpu",
        after: Row | None = None,
        keep: bool = False,
    ) -> Row:
        """Measure, and keep the row. With `repeat` the one with the median time counts, CPU time unless `by` says "wall".

        `after` is a measurement that must have worked, since this one goes on with what it made; `keep` leaves the outputs.
        """
        self.rows.append(row)
        if after is not None and after.state != "measured":
            return self._give_up(row, "skipped", f"it needs '{after.name}'")
        results: list[dict[str, Any]] = []
        for _ in range(repeat):
            left = self._ends - time.monotonic()
            if left < 1:
                if results:
                    break
                return self._give_up(row, "skipped", f"the {self._budget:.0f} s for the whole run were used up")
            own = "folder" not in arguments
            folder = self.folder() if own else arguments["folder"]
            try:
                result = self._run(row.tool, subject, {**arguments, "folder": folder}, min(limit, left))
            except subprocess.TimeoutExpired as error:
                whose = "" if limit < left else ", which was left of the run"
                return self._give_up(row, "timeout", f"it took more than {error.timeout:.0f} s{whose}")
            except (subprocess.CalledProcessError, OSError, ValueError, IndexError) as error:
                lines = (getattr(error, "stderr", "") or str(error)).strip().splitlines() or ["?"]
                return self._give_up(row, "failed", str(lines[-1])[:200])
            finally:
                if own and not keep:
                    self.remove(folder)
            if result.pop("wrong"):
                return self._give_up(row, "failed", "the results are wrong")
            results.append(result)
        results.sort(key=lambda found: found[by] or found["wall"])
        result = results[len(results) // 2]
        for name in ("cpu", "wall", "peak_mb", "tasks"):
            setattr(row, name, result.pop(name))
        row.facts = {**result, **({"repeats": len(results)} if len(results) > 1 else {})}
        row.load = machine.load()
        self._say(row)
        return row

    def _run(self, tool: str, subject: str, arguments: dict[str, Any], limit: float) -> dict[str, Any]:
        python = self._environments.python(tool)
        command = [python, "-m", "benchmarks.speed.subject", subject, json.dumps(arguments)]
        scratch = tempfile.mkdtemp(prefix="scratch-", dir=self._work)
        process = subprocess.Popen(
            command, cwd=scratch, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            # It leads a session of its own, so that its workers go with it.
            os.killpg(process.pid, 9)
            process.communicate()
            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, out, err)
        result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        if result["wrong"]:
            print(f"  wrong: {result['wrong']}", file=sys.stderr)
        return result

    def start(self, row: Row, commands: dict[str, list[str]], *, environments: dict[str, dict[str, str]], rounds: int) -> Row:
        """How long commands take from start to end, in turn; the wall times' medians are facts of the row, in ms."""
        self.rows.append(row)
        walls: dict[str, list[float]] = {name: [] for name in commands}
        cpus: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            if self._ends < time.monotonic():
                break
            for name, command in commands.items():
                before, begun = os.times(), time.perf_counter()
                done = subprocess.run(
                    command, cwd=ROOT, env={**environment(), **environments.get(name, {})}, capture_output=True, text=True, timeout=60
                )
                after = os.times()
                if done.returncode:
                    return self._give_up(row, "failed", f"{name} exited with {done.returncode}")
                walls[name].append((time.perf_counter() - begun) * 1000)
                used = after.children_user + after.children_system - before.children_user - before.children_system
                cpus[name].append(used * 1000)
        if not all(walls.values()):
            return self._give_up(row, "skipped", "no time was left")
        for name in commands:
            row.facts |= {f"{name} wall": round(statistics.median(walls[name]), 1), f"{name} cpu": round(statistics.median(cpus[name]), 1)}
            row.facts |= {f"{name} least wall": round(min(walls[name]), 1)}
        row.load = machine.load()
        self._say(row)
        return row

    def add(self, row: Row) -> Row:
        """Keep a row that was not measured here."""
        self.rows.append(row)
        self._say(row)
        return row

    def _give_up(self, row: Row, state: str, note: str) -> Row:
        row.state, row.note = state, note
        self._say(row)
        return row

    def _say(self, row: Row) -> None:
        numbers = "" if row.cpu is None else f"{row.cpu:.2f} s CPU, {row.wall:.2f} s, {row.peak_mb:.0f} MB"
        facts = "" if row.cpu is not None else {name: fact for name, fact in row.facts.items() if name not in ("shares", "dearest")} or ""
        print(f"{row.group:<10} {row.name:<52} {row.state:<12} {numbers}{facts}{row.note}", file=sys.stderr, flush=True)


def environment() -> dict[str, str]:
    """The environment of a measured process: nobody's settings, our packages on the path, no pool of threads in BLAS."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "PIPELINE_", "LUIGI_", "BENCHMARK_"))}
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": ""}

"""One tool, hurt in every way: what it does in each scenario, in real processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.fault_subjects import values
from benchmarks.faults.tools import Tool
from benchmarks.speed.bench import environment
from benchmarks.speed.environments import Environments

_SUBJECTS = Path(__file__).resolve().parent.parent / "fault_subjects"
KILLS = 5
#: A process is killed when a file has this size.
KILLED_AT = 20 * 10**6
FLIPS = 100
ROUNDS = 8
TOGETHER = 3
DEATHS = 3
#: Seconds after which a run with a dead worker hangs; other runs may take longer.
HANGS, LIMIT = 30, 180

#: What a tool did in one scenario: numbers and words, as they are in results.json.
Answer = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """What became of a process. `code`: None if it was stopped after its time."""

    code: int | None
    output: str
    limit: float

    @property
    def result(self) -> Any:
        """What the step gave; None if it gave nothing."""
        lines = [line for line in self.output.splitlines() if line.startswith("RESULT ")]
        return json.loads(lines[-1][len("RESULT ") :]) if self.code == 0 and lines else None

    @property
    def state(self) -> str:
        """right, wrong or error."""
        return str(self.result or "error")

    @property
    def said(self) -> str:
        """The last line about an error, or the last line."""
        lines = [line.strip(" |") for line in self.output.splitlines() if line.strip()]
        lines = [line for line in lines if re.search(r"[a-z]Error|Exception:|Broken|>>> Error", line)] or lines
        return f"not ended after {self.limit:.0f} s" if self.code is None else lines[-1][:200] if lines else f"exit code {self.code}"


class Hurt:
    """One tool with a folder of its own: each scenario gives an answer."""

    def __init__(self, tool: Tool, work: Path) -> None:
        self._tool = tool
        self._python = Path(Environments(work).python(tool.name))
        self._folder = work / "faults" / tool.module
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)

    # Scenarios

    def kill(self) -> Answer:
        """While a 200 MB output is stored, everything is killed; then the same is run again, twice if that fails."""
        found: Counter[str] = Counter()
        said = ""
        too_late = 0
        while found.total() < KILLS:
            with self._store() as store:
                if not self._kill_one(store):
                    too_late += 1
                    if too_late > 10 * KILLS:
                        raise RuntimeError(f"{self._tool.name} always ends before it can be killed")
                    continue
                again = self._run(store, "LookLarge")
                if again.state == "error":
                    said = again.said
                    again = self._run(store, "LookLarge")
                    found["stuck" if again.state == "error" else f"{again.state} at the second try"] += 1
                else:
                    found[again.state] += 1
        return {"times": KILLS, **found, "said": said}

    def _kill_one(self, store: Path) -> bool:
        """Whether the process was killed in time: while the file was still growing."""
        with self._started(store, self._command("LookLarge")) as started:
            ends = time.monotonic() + LIMIT
            while started.process.poll() is None and time.monotonic() < ends and _largest(store) < KILLED_AT:
                time.sleep(0.001)
            in_time = started.process.poll() is None
            started.kill()
        # Data need more than the values themselves when they are complete.
        return in_time and KILLED_AT <= _largest(store) < values.LARGE_MB * 10**6

    def flips(self) -> Answer:
        """In the data, and in what is stored beside them: see `fault_subjects/flips.py`."""
        with self._store() as store:
            ran = self._run(store, "flips", FLIPS, limit=3600)
        if ran.result is None:
            raise RuntimeError(ran.output[-2000:])
        return ran.result

    def overlap(self) -> Answer:
        """Three processes begin at the same moment with an empty store; afterwards one more looks at what they left."""
        computed = 0
        found: Counter[str] = Counter()
        said = ""
        for _ in range(ROUNDS):
            with self._store() as store:
                go = store.parent / "go"
                with ThreadPoolExecutor(TOGETHER) as pool:
                    running = [pool.submit(self._run, store, "LookWaits", more={"FAULTS_GO": str(go)}) for _ in range(TOGETHER)]
                    while len(list(store.parent.glob("go.*"))) < TOGETHER and not any(one.done() for one in running):
                        time.sleep(0.01)
                    go.touch()
                    ended = [one.result() for one in running]
                computed += len(_log(store).read_text().split("\n")) - 1
                found.update(one.state for one in ended)
                said = next((one.said for one in ended if one.state == "error"), said)
                found[f"afterwards {self._run(store, 'LookWaits').state}"] += 1
        return {"times": ROUNDS * TOGETHER, "computed": computed / ROUNDS / values.WAITS, **found, "said": said}

    def exit(self) -> Answer:
        command = [part.format(bin=self._python.parent, subjects=_SUBJECTS) for part in self._tool.command]
        with self._store() as store, self._started(store, command) as started:
            ran = started.wait(LIMIT)
        if "as it was told to" not in ran.output:
            raise RuntimeError(f"the step of {self._tool.name} did not fail as it should: {ran.output[-2000:]}")
        return {"code": ran.code}

    def worker(self) -> Answer:
        """A step ends its worker with exit code 0; six others have nothing to do with it."""
        found: Counter[str] = Counter()
        others = []
        said = ""
        for _ in range(DEATHS):
            with self._store() as store:
                ran = self._run(store, "DiesAmongOthers", 2, limit=HANGS)
                others.append(_log(store).read_text().count("Wait") if _log(store).exists() else 0)
                said = ran.said
                if ran.code is None:
                    found["hangs"] += 1
                elif ran.code == 0:
                    found["nothing is said"] += 1
                elif others[-1] == values.OTHERS and re.search(r"\bDies\b", ran.output):
                    found["named failure"] += 1
                else:
                    found["the whole run fails"] += 1
        return {"times": DEATHS, **found, "others": others, "said": said}

    # Processes

    @contextmanager
    def _store(self) -> Iterator[Path]:
        """A new, empty folder, which processes run in; what they say and count is beside it."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        (place / "store").mkdir()
        try:
            yield place / "store"
        finally:
            shutil.rmtree(place)

    def _command(self, step: str, number: int = 1) -> list[str]:
        return [str(self._python), "-m", "benchmarks.fault_subjects", self._tool.module, step, str(number)]

    def _run(self, store: Path, step: str, number: int = 1, *, limit: float = LIMIT, more: dict[str, str] | None = None) -> Ran:
        with self._started(store, self._command(step, number), more) as started:
            return started.wait(limit)

    @contextmanager
    def _started(self, store: Path, command: list[str], more: dict[str, str] | None = None) -> Iterator[Started]:
        """Nothing of it is left at the end."""
        changed = {**environment(), "FAULTS_LOG": str(_log(store)), "PIPELINE_JSON_LOG": "", **(more or {})}
        with tempfile.TemporaryFile(dir=store.parent) as output:
            started = Started(command, store, changed, output)
            try:
                yield started
            finally:
                started.kill()


class Started:
    """A process that leads a session, so that its workers can be killed with it."""

    def __init__(self, command: list[str], folder: Path, variables: dict[str, str], output: IO[bytes]) -> None:
        self._output = output
        self.process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait(self, limit: float) -> Ran:
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(limit)
        self.kill()
        self._output.seek(0)
        return Ran(code, self._output.read().decode(errors="replace"), limit)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _largest(store: Path) -> int:
    largest = 0
    for folder, _, names in os.walk(store):
        for name in names:
            with suppress(FileNotFoundError):
                largest = max(largest, os.lstat(f"{folder}/{name}").st_size)
    return largest


def _log(store: Path) -> Path:
    return store.parent / "ran.log"

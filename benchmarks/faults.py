"""Kills, flipped bits, runs that overlap, failures and dying workers: luigi-warp and other tools.

    python -m benchmarks.faults [--work FOLDER] [--only TOOL ...]

Every tool has the same plain functions as steps (`fault_subjects/with_<tool>.py`), told as its own documentation says, in real
processes with real files and signals. Writes docs/comparison-faults.md, and results.json in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
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
from benchmarks.speed.bench import environment
from benchmarks.speed.environments import PACKAGES, Environments

ROOT = Path(__file__).resolve().parent.parent
_SUBJECTS = Path(__file__).resolve().parent / "fault_subjects"
OURS = "luigi-warp"
KILLS = 5
#: A process is killed when a file has this size.
KILLED_AT = 20 * 10**6
FLIPS = 100
ROUNDS = 8
TOGETHER = 3
DEATHS = 3
#: Seconds after which a run with a dead worker hangs; other runs may take longer.
HANGS, LIMIT = 30, 180


@dataclass(frozen=True)
class Tool:
    """`module`: of `fault_subjects`, without `with_`. `command`: how a failing step is run, `{bin}` is the folder of its interpreter."""

    name: str
    module: str
    command: tuple[str, ...]
    how: str
    beside: str


TOOLS = (
    Tool(
        OURS,
        "warp",
        ("{bin}/python", "{subjects}/with_warp.py"),
        "`pipeline.build`; a `PickleTarget` for each step; the script is `sys.exit(pipeline.main(get_tasks))`",
        "the record, the names of code parts, the list of runs",
    ),
    Tool(
        "Luigi",
        "luigi",
        ("{bin}/luigi", "--module", "benchmarks.fault_subjects.with_luigi", "Fails", "--local-scheduler"),
        "`luigi.build` with a local scheduler; a pickle in a `LocalTarget`, written through `output().open('w')`. What a "
        "step writes to `output().path` itself Luigi does not protect; that was not measured",
        "",
    ),
    Tool(
        "gokart",
        "gokart",
        ("{bin}/python", "{subjects}/with_gokart.py", "Fails", "--local-scheduler"),
        "`gokart.build` with its default pickles; the script is `gokart.run()`. Without Redis, which its locks need",
        "`resources/log`: task log, parameters, processing time, random seed",
    ),
    Tool(
        "labtech",
        "labtech",
        ("{bin}/python", "{subjects}/with_labtech.py"),
        "`Lab.run_task` with its default backend (a pool of forks) and its default pickles; the script is the same",
        "`metadata.json`, `.gitignore`",
    ),
    Tool(
        "taskproc",
        "taskproc",
        ("{bin}/taskproc", "{subjects}/with_taskproc.py", "-o", "cache", "--dont-show-progress"),
        "`run_graph` with its default executor (a pool of processes); the command is `taskproc FILE -o cache`",
        "`id_table`, `args.json`, `source.txt`",
    ),
)

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


# What is told

_SCENARIOS = ("kill", "flips", "overlap", "exit", "worker")


def _of(answer: Answer, *names: str) -> str:
    """`right 5` and the like: only what there was."""
    told = [f"{name} {answer[name]}" for name in names if answer.get(name)]
    return ", ".join(told)


def _kill_cell(answer: Answer) -> str:
    return _of(answer, "right", "right at the second try", "stuck", "wrong", "wrong at the second try")


def _flip_cell(answer: Answer | None) -> str:
    return "n/a" if answer is None else _of(answer, "wrong", "error", "made again", "right as it was")


def _worker_cell(answer: Answer) -> str:
    said = ", ".join(f"{name} {answer[name]}" for name in ("named failure", "hangs", "the whole run fails", "nothing is said") if answer.get(name))
    least, most = min(answer["others"]), max(answer["others"])
    return f"{said}; others done: {least if least == most else f'{least} to {most}'} of {values.OTHERS}"


def _rows(answers: dict[str, Answer]) -> Iterator[tuple[str, list[str]]]:
    told = list(answers.values())
    yield f"kill: the next run, of {KILLS}", [_kill_cell(one["kill"]) for one in told]
    yield f"flips in the data, of {FLIPS}", [_flip_cell(one["flips"]["data"]) for one in told]
    yield f"flips in what is beside them, of {FLIPS}", [_flip_cell(one["flips"]["beside"]) for one in told]
    yield "overlap: times that a task was computed", [f"{one['overlap']['computed']:.2f}" for one in told]
    yield f"overlap: processes, of {ROUNDS * TOGETHER}", [_of(one["overlap"], "right", "error", "wrong") for one in told]
    after = [{state: one["overlap"].get(f"afterwards {state}") for state in ("right", "error", "wrong")} for one in told]
    yield f"overlap: one more run, of {ROUNDS}", [_of(one, *one) for one in after]
    yield "exit code when a step raises", [str(one["exit"]["code"]) for one in told]
    yield f"a worker dies, of {DEATHS}", [_worker_cell(one["worker"]) for one in told]


def page(answers: dict[str, Answer], versions: dict[str, str]) -> str:
    """The page of the documentation."""
    tools = [tool for tool in TOOLS if tool.name in answers]
    lines = [
        "# Faults, compared",
        "",
        "Made by `python -m benchmarks.faults`; what each tool was told is in `benchmarks/fault_subjects/`. Every tool has the same",
        "functions as steps, an environment of its own, an empty store on a local disk, and processes of its own. What is wrong",
        "is found by a step that is given the value and compares it with what it must be.",
        "",
        "- **kill**: a process that stores an output of 200 MB is killed (SIGKILL, with its workers) when the first file of the store",
        "  has 20 MB and before it is complete. Then the same is run in a fresh process. Stuck: two runs, one after the other, fail.",
        "- **flips**: one random bit of a stored output (512 numbers, 4 KB) is flipped, then a fresh fork, which has imported the tool and",
        "  nothing else, runs a step that reads it. Wrong: the step was given another value and nothing was said. Error: the run failed, was",
        "  killed by a signal, or hung. Made again: the value was computed anew and is right. Right as it was: it was read and is right.",
        "  Then the same for a random bit of all other files that the tool has stored.",
        f"- **overlap**: {TOGETHER} processes begin the same {values.WAITS} tasks of 50 ms at the same moment, on one empty store. How often was",
        f"  each task computed, and what did the processes give? Then one more run. {ROUNDS} rounds.",
        "- **exit code**: of the tool's usual script or command when a step raises.",
        f"- **a worker dies**: two workers, {values.OTHERS + 1} steps; one of them calls `os._exit(0)`, as native code may. Named failure: the run",
        f"  ends with an exit code other than 0, names that step, and has done all others. Hangs: it has not ended after {HANGS} seconds.",
        "",
        "| | " + " | ".join(f"{name} {versions[name]}".strip() for name in answers) + " |",
        "|" + "---|" * (len(answers) + 1),
        *["| " + " | ".join([title, *cells]) + " |" for title, cells in _rows(answers)],
        "",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; every tool with its default settings. How many",
        "flips are `wrong` depends on the value: in a list of small objects more of them would end as errors. How runs overlap",
        "depends on the machine. The scenarios are faults that luigi-warp was made for, so they ask for what it promises.",
        "",
        "How each tool was told:",
        "",
        *[f"- {tool.name}: {tool.how}" for tool in tools],
        "",
        "What is stored beside the data:",
        "",
        *[f"- {tool.name}: {tool.beside or 'nothing (n/a)'}" for tool in tools],
        "",
        "What was said at the last failure:",
        "",
        "| | " + " | ".join(("kill", "overlap", "a worker dies")) + " |",
        "|---|---|---|---|",
    ]
    for name, answer in answers.items():
        cells = [_code(answer["kill"]["said"]), _code(answer["overlap"]["said"]), _code(answer["worker"]["said"])]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    shown = text.replace("|", "/").replace("`", "'")
    return f"`{shown[:120]}`" if shown else ""


def ask(tool: Tool, work: Path) -> Answer:
    """What a tool does in each scenario."""
    hurt = Hurt(tool, work)
    answer: Answer = {}
    for scenario in _SCENARIOS:
        answer[scenario] = getattr(hurt, scenario)()
        print(f"{tool.name:<12} {scenario:<8} {answer[scenario]}", file=sys.stderr, flush=True)
    return answer


def _version(tool: Tool, work: Path) -> str:
    if tool.name not in PACKAGES:
        return ""
    question = f"import importlib.metadata as m; print(m.version({PACKAGES[tool.name][0].partition('==')[0]!r}))"
    return subprocess.run([Environments(work).python(tool.name), "-c", question], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description="Faults, compared.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "luigi-warp-faults", help="environments and runs")
    parser.add_argument("--only", nargs="*", help="ask only these tools again; what the others did is still in the work folder")
    chosen = parser.parse_args()
    work = chosen.work.resolve()
    kept = work / "faults-answers"
    kept.mkdir(parents=True, exist_ok=True)
    wanted = [tool for tool in TOOLS if chosen.only is None or tool.name in chosen.only]
    # Nothing is timed: two tools may share the machine.
    with ThreadPoolExecutor(2) as pool:
        for tool, answer in zip(wanted, pool.map(lambda tool: ask(tool, work), wanted), strict=True):
            (kept / f"{tool.name}.json").write_text(json.dumps(answer))
    answers = {tool.name: json.loads((kept / f"{tool.name}.json").read_text()) for tool in TOOLS if (kept / f"{tool.name}.json").exists()}
    versions = {tool.name: _version(tool, work) for tool in TOOLS if tool.name in answers}
    (work / "results.json").write_text(json.dumps({"versions": versions, "results": answers}, indent=1))
    text = page(answers, versions)
    (ROOT / "docs" / "comparison-faults.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()

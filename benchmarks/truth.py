"""Stale results and needless runs: the scenarios with luigi-warp and with other tools.

    python -m benchmarks.truth [--work FOLDER] [--only TOOL ...]

Every tool is given the same plain functions and is installed in an environment of its own, which is kept in the work
folder; how it is told about the functions is in `scenarios/peers/with_<tool>.py`. What a scenario needs and a tool has no
way to say is counted as n/a. Writes docs/comparison-truth.md, and results.json in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.scenarios import app, ours
from benchmarks.scenarios.actions import Flip, Remove, Scenario, Trim
from benchmarks.scenarios.app import GRAPH, Step
from benchmarks.scenarios.table import SCENARIOS

ROOT = Path(__file__).parent.parent
_PEERS = Path(__file__).parent / "scenarios" / "peers"
OURS = "luigi-warp"
_FUNCTIONS = {step.name: step.function for step in GRAPH}
#: Files of the app that only luigi-warp's own steps use.
_OURS_ALONE = frozenset({"flow.py", "feed.txt", "shop/formats.py", "shop/extra.py", "shop/query.sql"})


@dataclass(frozen=True)
class Peer:
    """`output`: where in the store a step's output is, as a pattern; empty where it is no file of its own."""

    name: str
    packages: tuple[str, ...]
    how: str
    output: Callable[[str], str]


PEERS = (
    Peer(
        "joblib",
        ("joblib",),
        "`Memory.cache` around each function",
        lambda step: f"joblib/shop/{_FUNCTIONS[step].replace('.', '/')}/*/output.pkl",
    ),
    Peer("luigi", ("luigi",), "a task with a `LocalTarget` for each function", lambda step: f"{step}*.pkl"),
    Peer(
        "gokart",
        ("gokart",),
        "a `TaskOnKart` for each function, with `serialized_task_definition_check` and `modification_time_check`",
        lambda step: f"{step}_*.pkl",
    ),
    Peer("redun", ("redun",), "`@task` on each function, a `File` for the input", lambda _: ""),
    Peer("pytask", ("pytask",), "`@task` on each function, with `PickleNode`s", lambda step: f"{step}.pkl"),
)


@dataclass(frozen=True)
class Result:
    """What came of one scenario with one tool. `failed`: the tool gave no result at all."""

    stale: tuple[str, ...] = ()
    needless: tuple[str, ...] = ()
    failed: str = ""

    def __str__(self) -> str:
        if self.failed:
            return "failed"
        words = [f"stale: {_few(self.stale)}"] if self.stale else []
        words += [f"needless: {_few(self.needless)}"] if self.needless else []
        return "; ".join(words) or "right"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 2 else f"{len(names)} steps"


#: Which steps ran and what each gave; words where the tool stopped with an error; None where it cannot be said.
Given = tuple[list[str], dict[str, str]] | str | None


# luigi-warp


def ask_ours(work: Path) -> tuple[dict[str, Given], dict[str, dict[str, str]]]:
    """What luigi-warp does in each scenario, and what every step gives in an empty store: the truth for all tools."""
    given: dict[str, Given] = {}
    truths: dict[str, dict[str, str]] = {}
    with tempfile.TemporaryDirectory(dir=work) as scratch, ThreadPoolExecutor(max_workers=2) as pool:
        built = Path(scratch) / "built"
        ours.build_once(built)
        answers = pool.map(lambda pair: ours.perform(pair[1], built, Path(scratch) / str(pair[0])), enumerate(SCENARIOS))
        for scenario, answer in zip(SCENARIOS, answers, strict=True):
            given[scenario.name] = sorted(answer.ran), answer.outputs
            truths[scenario.name] = answer.afresh
    return given, truths


def _differing(outputs: dict[str, str], truth: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name in outputs if name in truth and outputs[name] != truth[name])


# Peers


def can_say(peer: Peer, scenario: Scenario) -> bool:
    """Whether a scenario exists for a tool that is given the plain functions alone."""
    if scenario.force:
        return False
    for action in scenario.edits:
        if isinstance(action, Trim):
            return False
        if isinstance(action, (Remove, Flip)):
            if not peer.output(action.step):
                return False
        elif action.file in _OURS_ALONE and not scenario.rewire:
            return False
    return True


def ask_peer(peer: Peer, work: Path) -> dict[str, Given]:
    """What a tool does in each scenario."""
    # Some tools know their files by absolute paths: the app is always in the same folder.
    folder, built = work / "runs" / peer.name / "app", work / "runs" / peer.name / "built"
    shutil.rmtree(folder.parent, ignore_errors=True)
    app.write(folder)
    (folder / "store").mkdir()
    given: dict[str, Given] = {}
    with _Server(peer, _environment(peer, work / "environments")) as server:
        first = server.ask(folder, GRAPH, {})
        if isinstance(first, str):
            raise RuntimeError(first)
        shutil.copytree(folder, built)
        for scenario in SCENARIOS:
            given[scenario.name] = None
            if can_say(peer, scenario):
                shutil.rmtree(folder)
                shutil.copytree(built, folder)
                given[scenario.name] = _perform(peer, server, folder, scenario)
    return given


def _perform(peer: Peer, server: _Server, folder: Path, scenario: Scenario) -> Given:
    for action in scenario.edits:
        if isinstance(action, (Remove, Flip)):
            files = list((folder / "store").glob(peer.output(action.step)))
            assert len(files) == 1, (peer.name, action, files)
            files[0].unlink() if isinstance(action, Remove) else ours.flip(files[0])
        elif action.file not in _OURS_ALONE:
            action.apply(folder)
    changed = {step.name: step for step in scenario.rewire}
    return server.ask(folder, [changed.get(step.name, step) for step in GRAPH], dict(scenario.environment))


def judge(scenario: Scenario, given: Given, truth: dict[str, str]) -> Result | None:
    """What is wrong with what a tool did."""
    if given is None:
        return None
    if isinstance(given, str):
        return Result(failed=given)
    ran, outputs = given
    looked_at = {name: text for name, text in outputs.items() if name not in scenario.unread}
    return Result(_differing(looked_at, truth), tuple(sorted(set(ran) - scenario.must_run)))


class _Server:
    """A process that has a tool imported, and runs it in forks."""

    def __init__(self, peer: Peer, python: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "PYTHON"))}
        command = [str(python), "-B", str(_PEERS / "serve.py"), str(_PEERS / f"with_{peer.name}.py"), peer.name]
        # Luigi reads the luigi.cfg of the folder that it is imported in: not this project's.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean, cwd=_PEERS)

    def __enter__(self) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def ask(self, folder: Path, graph: Iterable[Step], environment: dict[str, str]) -> Given:
        """Run the app; words where that fails."""
        log, output = folder / "ran.log", folder / "output.log"
        log.unlink(missing_ok=True)
        argument = json.dumps({"log": str(log), "graph": [{**asdict(step), "parameters": dict(step.parameters)} for step in graph]})
        question = {"folder": str(folder), "environment": environment, "argument": argument, "output": str(output)}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline().strip()
        text = output.read_text(errors="replace") if output.exists() else ""
        lines = [line for line in text.splitlines() if line.startswith("RESULT ")]
        if code != "0" or not lines:
            return (text.strip().splitlines() or ["it gave no answer"])[-1][:200]
        return sorted(set(log.read_text().split())) if log.exists() else [], json.loads(lines[-1][len("RESULT ") :])


def _environment(peer: Peer, folder: Path) -> Path:
    """The interpreter of the tool's own environment, which is made once."""
    place = folder / peer.name
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *peer.packages], check=True)
        (place / "complete").touch()
    return python


def _version(peer: Peer, work: Path) -> str:
    ask = f"import importlib.metadata as m; print(m.version({peer.packages[0]!r}))"
    return subprocess.run([_environment(peer, work / "environments"), "-c", ask], capture_output=True, text=True, check=True).stdout.strip()


# What is told


def _counts(results: dict[str, Result | None], names: Iterable[str]) -> list[int]:
    found = [results[name] for name in names]
    said = [result for result in found if result is not None]
    return [
        len(said),
        sum(not (result.stale or result.needless or result.failed) for result in said),
        sum(bool(result.stale) for result in said),
        sum(bool(result.needless) for result in said),
        sum(len(result.needless) for result in said),
        sum(bool(result.failed) for result in said),
        len(found) - len(said),
    ]


def _table(rows: dict[str, dict[str, Result | None]], names: list[str]) -> list[str]:
    head = ["tool", "scenarios", "right", "with a stale result", "with a needless run", "needless runs", "failed", "n/a"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join([tool, *map(str, _counts(results, names))]) + " |" for tool, results in rows.items()]
    return lines


def page(rows: dict[str, dict[str, Result | None]], versions: dict[str, str]) -> str:
    """The page of the documentation."""
    everything = [scenario.name for scenario in SCENARIOS]
    shared = [name for name in everything if all(rows[tool][name] is not None for tool in rows)]
    told = {f"{tool} {versions[tool]}".strip(): results for tool, results in rows.items()}
    lines = [
        "# Stale results and needless runs, compared",
        "",
        "Made by `python -m benchmarks.truth`; the scenarios are in `benchmarks/scenarios/table.py`, what each tool was told in",
        "`benchmarks/scenarios/peers/`. A small app is built once; then something is done to it, and it is built again in a fresh",
        "interpreter (other tools: in a fork that has imported the tool, and nothing of the app).",
        "",
        "A result is stale if it is not what an empty store would give. A run is needless if neither the meaning of the step's code",
        "nor what it is given has changed. `failed`: the tool stopped with an error. `n/a`: the tool has no way to say it, or the",
        "scenario is about something of luigi-warp's own. A step that did not run although its code changed is right if its result",
        "is what it would have been. The scenarios are luigi-warp's own tests, so they ask for what it promises.",
        "",
        f"The {len(shared)} scenarios that every tool can express:",
        "",
        *_table(told, shared),
        "",
        f"All {len(everything)}:",
        "",
        *_table(told, everything),
        "",
        "How each tool was set up:",
        "",
        *[f"- {peer.name}: {peer.how}" for peer in PEERS if peer.name in rows],
        "",
        "Tools that look at a function's own source are given the function itself, so that they see as much as they can. They",
        "differ in what they promise: Luigi asks only whether the output exists, and redun says that it does not look into",
        "plain functions.",
        "",
        "## Each scenario",
        "",
        "| scenario | must run | " + " | ".join(rows) + " |",
        "|" + "---|" * (len(rows) + 2),
    ]
    for scenario in SCENARIOS:
        must = tuple(sorted(scenario.must_run))
        cells = ["n/a" if (result := rows[tool][scenario.name]) is None else str(result) for tool in rows]
        lines.append("| " + " | ".join([scenario.name, _few(must) or "nothing", *cells]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description="Stale results and needless runs, compared.")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "luigi-warp-truth", help="environments and runs")
    parser.add_argument("--only", nargs="*", help="ask only these tools again; what the others did is still in the work folder")
    chosen = parser.parse_args()
    answers = chosen.work / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    wanted = {OURS, *(peer.name for peer in PEERS)} if chosen.only is None else set(chosen.only)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(_keep, answers / f"{peer.name}.json", ask_peer, peer, chosen.work) for peer in PEERS if peer.name in wanted]
        if OURS in wanted:
            _keep(answers / f"{OURS}.json", ask_ours, chosen.work)
        for future in asked:
            future.result()
    own, truths = json.loads((answers / f"{OURS}.json").read_text())
    rows = {OURS: own, **{peer.name: json.loads((answers / f"{peer.name}.json").read_text()) for peer in PEERS}}
    results = {tool: {one.name: judge(one, given[one.name], truths[one.name]) for one in SCENARIOS} for tool, given in rows.items()}
    versions = {OURS: "", **{peer.name: _version(peer, chosen.work) for peer in PEERS}}
    kept = {tool: {name: result and asdict(result) for name, result in found.items()} for tool, found in results.items()}
    (chosen.work / "results.json").write_text(json.dumps({"versions": versions, "results": kept}, indent=1))
    text = page(results, versions)
    (ROOT / "docs" / "comparison-truth.md").write_text(text)
    sys.stdout.write(text)


def _keep(file: Path, ask: Callable[..., object], *arguments: object) -> None:
    file.write_text(json.dumps(ask(*arguments)))


if __name__ == "__main__":
    main()

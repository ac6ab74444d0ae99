"""Kills, flipped bits, runs that overlap, failures and dying workers: luigi-warp and other tools.

    python -m benchmarks.faults [--work FOLDER] [--only TOOL ...]

Every tool has the same plain functions as steps (`fault_subjects/with_<tool>.py`), told as its own documentation says, in real
processes with real files and signals. Writes docs/comparison-faults.md, and results.json in the work folder.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.faults.hurt import Answer, Hurt
from benchmarks.faults.page import page
from benchmarks.faults.tools import TOOLS, Tool
from benchmarks.speed.environments import PACKAGES, Environments

ROOT = Path(__file__).resolve().parent.parent.parent
_SCENARIOS = ("kill", "flips", "overlap", "exit", "worker")


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

"""The page of the documentation: what each tool did, in a table."""

from __future__ import annotations

import platform
from collections.abc import Iterator

from benchmarks.fault_subjects import values
from benchmarks.faults.hurt import DEATHS, FLIPS, HANGS, KILLS, ROUNDS, TOGETHER, Answer
from benchmarks.faults.tools import TOOLS


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

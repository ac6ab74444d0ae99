"""`assert_reruns`: which steps run again after a change, and that no others do.

Promises: both builds go to a temporary store, and steps really run, so that what stays as it was stops the change from going further.
Give outputs of steps that take long (`mock_outputs`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
from collections.abc import Iterator
from typing import Any

from pipeline.building import build
from pipeline.reporting.summary import why
from pipeline.reporting.words import is_step
from pipeline.runs import Run
from pipeline.testing.stores import some_store


@dataclasses.dataclass(slots=True)
class Rerun:
    """What `assert_reruns` hands out: the run before the change, and, at the end, the one after it."""

    before: Run
    after: Run | None = None


@contextlib.contextmanager
def assert_reruns(tasks: Any, *expected: Any, **options: Any) -> Iterator[Rerun]:
    """Exactly these run again after what is changed inside: `with assert_reruns(get_tasks, "Train", "Evaluate"): ...`.

    `tasks`: tasks, or a function that lists them, which is asked again after the change (other parameters are other tasks). `expected`:
    families, classes or tasks; none at all: nothing may run. `options`: those of `build`.
    """
    with some_store():
        rerun = Rerun(_built(tasks, "before the change", options))
        yield rerun
        rerun.after = _built(tasks, "after the change", options)
        _compare(rerun.after, expected)


def _built(tasks: Any, when: str, options: dict[str, Any]) -> Run:
    run = build(tasks() if callable(tasks) and not isinstance(tasks, type) else tasks, **options)
    if not run.ok:
        raise AssertionError(f"{when} the build failed: {run.summary_text}")
    return run


def _compare(run: Run, expected: tuple[Any, ...]) -> None:
    steps = [task for task in run.outcomes if is_step(task)]
    unknown = [one for one in expected if not any(_is(task, one) for task in steps)]
    lines = [f"  is no step of this run: {_name(one)}{_hint(one, steps)}" for one in unknown]
    for task in run.ran:
        if not any(_is(task, one) for one in expected):
            lines.append(f"  ran, and was not expected to: {task!r} ({why(run.outcomes[task])})")
    for one in expected:
        if one not in unknown and not any(_is(task, one) for task in run.ran):
            lines.append(f"  did not run: {_name(one)}")
    if lines:
        raise AssertionError("\n".join(["other steps ran again than was expected", *lines, f"  in all: {run.one_line_summary}"]))


def _is(task: Any, expected: Any) -> bool:
    if isinstance(expected, str):
        return expected in (task.get_task_family(), type(task).__name__)
    return isinstance(task, expected) if isinstance(expected, type) else bool(task == expected)


def _name(expected: Any) -> str:
    return expected if isinstance(expected, str) else expected.__name__ if isinstance(expected, type) else repr(expected)


def _hint(expected: Any, steps: list[Any]) -> str:
    names = sorted({type(task).__name__ for task in steps})
    close = difflib.get_close_matches(_name(expected), names, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}"

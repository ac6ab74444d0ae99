"""A clear error where a step reads an input that it does not have."""

from __future__ import annotations

import linecache
import re
from typing import Any

from pipeline.errors import InputAccessError
from pipeline.facts import named


def explain(task: Any, inputs: Any, leaves: Any, error: Exception) -> InputAccessError | None:
    """A clear error where `inputs[...]` in easy_run itself is what failed."""
    traceback = error.__traceback__
    last = None
    while traceback is not None:
        last, traceback = traceback, traceback.tb_next
    if last is None or last.tb_frame.f_code.co_name not in ("easy_run", "task_function"):
        return None
    code = last.tb_frame.f_code
    position = list(code.co_positions())[last.tb_lasti // 2]
    line, end_line, start, end = position
    if line is None or line != end_line:
        return None
    text = linecache.getline(code.co_filename, line).encode()[start:end].decode(errors="replace")
    # Whatever the step calls them.
    called = next((name for name, value in last.tb_frame.f_locals.items() if value is inputs), None)
    if called is None or not re.match(rf"{re.escape(called)}\s*\[[^\[\]]*\]$", text.strip()):
        return None
    held = ", ".join(f"{called}{path}: {named(required)}" for path, required in list(leaves)[:10]) or "nothing: the step requires no task"
    return InputAccessError(f"{task!r} reads {text.strip()}, but its inputs are a {type(inputs).__name__} with {held}")

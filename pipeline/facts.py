"""What a record says of parameters, requirements and values, in plain values and words."""

from __future__ import annotations

import functools
from typing import Any

from targets.record import Part, Record


# What several steps in a row require is named for each of them.
@functools.lru_cache(maxsize=256)
def named(task: Any) -> str:
    text = repr(task)
    return text if len(text) <= 200 else text[:197] + "..."


def for_record(declared: Any, value: Any) -> Any:
    """Plain values as they are, anything else as the text that its parameter reads."""
    if value is None or type(value) in (str, int, bool) or (type(value) is float and abs(value) < float("inf")):
        return value
    return {"text": declared.serialize(value)}


def drift_of(replaced: Record, parts: tuple[Part, ...]) -> tuple[str, ...]:
    """How columns and dtypes differ from those of the output that is replaced."""
    before = {(part.name, name): kind for part in replaced.parts for name, kind in (part.columns or {}).items()}
    now = {(part.name, name): kind for part in parts for name, kind in (part.columns or {}).items()}
    if not before or not now:
        return ()
    words = [f"- {name} ({kind})" for (part, name), kind in before.items() if (part, name) not in now]
    words += [f"+ {name} ({kind})" for (part, name), kind in now.items() if (part, name) not in before]
    words += [f"{name}: {before[part, name]} -> {kind}" for (part, name), kind in now.items() if before.get((part, name), kind) != kind]
    return tuple(words)

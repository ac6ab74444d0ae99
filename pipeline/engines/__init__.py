"""Engines: where a task's body executes. One file each; `make` finds one by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipeline import settings
from pipeline.engines.engine import Engine, Job, Result
from pipeline.engines.inline import InlineEngine
from pipeline.engines.processes import ProcessEngine
from pipeline.errors import ConfigurationError

NAMES = settings.ENGINES


def make(name: str, describe: Callable[[Job], Any], find: Callable[[Any], Job], grace: float = 0.0) -> Engine:
    """The engine of a name. `describe` says in few bytes what a job is, None if it cannot; `find` makes a job of that.

    `grace`: seconds that running jobs have to end when the engine is closed.
    """
    if name == "inline":
        return InlineEngine(grace)
    if name == "processes":
        return ProcessEngine(describe, find, grace)
    raise ConfigurationError(f"there is no engine {name!r}: choose one of {', '.join(NAMES)}")


__all__ = ["NAMES", "Engine", "Job", "Result", "make"]

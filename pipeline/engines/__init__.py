"""Engines: where a task's body executes. One file each; `make` finds one by name."""

from __future__ import annotations

from typing import Any

from pipeline.engines.engine import Engine, Job, Result
from pipeline.errors import ConfigurationError

NAMES = ("inline", "processes")


def make(name: str, workers: int, run: Any, run_for_parent: Any) -> Engine:
    """The engine of a name; `run` executes one job and gives its result, `run_for_parent` one that can travel."""
    if name == "inline":
        from pipeline.engines.inline import InlineEngine

        return InlineEngine(run, run_for_parent)
    if name == "processes":
        from pipeline.engines.processes import ProcessEngine

        return ProcessEngine(run_for_parent, workers)
    raise ConfigurationError(f"there is no engine {name!r}: choose one of {', '.join(NAMES)}")


__all__ = ["NAMES", "Engine", "Job", "Result", "make"]

"""What can be done to the app after it was built, and what a scenario is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scenarios.app import Step


@dataclass(frozen=True)
class Edit:
    """Replace a text, which is there once, in a file."""

    file: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        path = folder / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} has {text.count(self.old)} times {self.old!r}"
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Add:
    """Write a new file."""

    file: str
    text: str

    def apply(self, folder: Path) -> None:
        assert not (folder / self.file).exists()
        (folder / self.file).write_text(self.text)


@dataclass(frozen=True)
class Touch:
    """Give a file another modification time."""

    file: str

    def apply(self, folder: Path) -> None:
        os.utime(folder / self.file, (1, 1))


@dataclass(frozen=True)
class Remove:
    """Remove the stored output of a step."""

    step: str


@dataclass(frozen=True)
class Flip:
    """Flip a bit in the middle of the stored output of a step."""

    step: str


@dataclass(frozen=True)
class Trim:
    """Let luigi-warp drop the data of a step and keep its record."""

    step: str


@dataclass(frozen=True)
class Scenario:
    """`unread`: steps whose output is not looked at afterwards, as it is damaged or trimmed and nothing needs it.

    `rewire`: how the wiring changed, for tools that are given `GRAPH` and not `flow.py`.
    """

    name: str
    edits: tuple[Any, ...]
    must_run: frozenset[str]
    why: str
    force: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    rewire: tuple[Step, ...] = ()


def scenario(name: str, edits: Any, must_run: str, why: str, **more: Any) -> Scenario:
    return Scenario(name, tuple(edits) if isinstance(edits, (list, tuple)) else (edits,), frozenset(must_run.split()), why, **more)

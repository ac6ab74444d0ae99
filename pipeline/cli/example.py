"""The example app as `new` copies it: in the repository the very files, in a wheel the copies that its build has made of them.

Imports nothing of ours, since the build reads the list before anything is installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

FILES = ("run.py", "luigi.cfg", "logging.cfg", ".env.example", ".gitignore", "Dockerfile", ".dockerignore")
FOLDER = "app"
#: Where a wheel has them, from its `pipeline`.
COPY = "cli/example"


def names(root: Path) -> Iterator[str]:
    """Every file of the app in this folder; nothing where there is no app."""
    if not (root / FOLDER).is_dir():
        return
    yield from FILES
    for path in sorted((root / FOLDER).rglob("*.py")):
        yield path.relative_to(root).as_posix()


def root() -> Path | None:
    """The folder that has the app; None where this installation has none."""
    package = Path(__file__).parent.parent
    for folder in (package / COPY, package.parent):
        if all((folder / name).is_file() for name in FILES) and (folder / FOLDER).is_dir():
            return folder
    return None


def copy(source: str | os.PathLike[str], destination: str | os.PathLike[str]) -> list[str]:
    """Copy the app's files, byte by byte; their names."""
    copied = list(names(Path(source)))
    for name in copied:
        place = Path(destination) / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((Path(source) / name).read_bytes())
    return copied

"""What a step was given is not its own: a file that it hands on is copied, where one that it made would be moved into the store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import luigi.target

from targets import FileTarget
from targets.naming import unique


class Given:
    """Where the files lie that a step was given. Nothing is looked for where its class stores no files."""

    def __init__(self, cls: Any) -> None:
        self._outputs = cls.outputs
        self._kind = cls.target_type
        self._matters = any(map(_is_of_files, self._outputs.values())) if self._outputs else _is_of_files(self._kind)
        self._paths: list[str] = []

    def add(self, value: Any) -> None:
        """What one requirement has given: a path, a plain Luigi task's targets, or a step's several outputs."""
        if self._matters:
            self._paths += _paths_in(value)

    def owned(self, value: Any, directory: Callable[[], Path]) -> Any:
        """The value that the step has returned, with copies in its directory in the place of what it was given."""
        if not self._matters:
            return value
        if not self._outputs:
            return self._copied(self._kind, value, directory)
        return {name: self._copied(self._outputs.get(name), one, directory) for name, one in value.items()} if isinstance(value, dict) else value

    def _copied(self, kind: Any, value: Any, directory: Callable[[], Path]) -> Any:
        if not _is_of_files(kind) or not isinstance(value, (str, os.PathLike)) or os.path.islink(value) or not os.path.exists(value):
            return value
        path = os.path.realpath(value)
        if not any(path == one or path.startswith(one + os.sep) or one.startswith(path + os.sep) for one in self._paths):
            return value
        copy = directory() / f"{unique()}{Path(value).suffix}"
        return shutil.copytree(path, copy) if os.path.isdir(path) else shutil.copyfile(path, copy)


def _is_of_files(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, FileTarget)


def _paths_in(value: Any) -> Iterator[str]:
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [value]:
        path = getattr(one, "path", None) if isinstance(one, luigi.target.Target) else one if isinstance(one, os.PathLike) else None
        if path is not None:
            yield os.path.realpath(path)

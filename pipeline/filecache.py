"""Digests of files that somebody else makes, without reading an unchanged file twice.

A digest is remembered for inode, size and modification time in nanoseconds, that of a directory for those of all in it. Times never decide
validity: a file that changed within the clock's grain of being read is read again. `forget` makes every file be re-read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from targets import seal
from targets.verifying import looks_of

# A file written this shortly before it was read could be written again under the same time stamp.
_GRAIN_NS = 2_000_000_000

_known: dict[str, tuple[Any, str]] = {}


def cached_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a file's content; `FileNotFoundError` where there is none."""
    where = os.path.abspath(path)
    found = os.stat(where)
    return _digest(where, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns), found.st_mtime_ns, seal.file_digest)


def cached_tree_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a directory with all that is in it; `DamagedError` where that cannot be told."""
    where = os.path.abspath(path)
    return _digest(where, *looks_of(where), lambda directory: seal.tree_digest(directory)[0])


def _digest(where: str, state: Any, changed: int, read: Callable[[str], str]) -> str:
    known = _known.get(where)
    if known is not None and known[0] == state:
        return known[1]
    digest = read(where)
    if time.time_ns() - changed > _GRAIN_NS:
        _known[where] = (state, digest)
    return digest


def forget() -> None:
    """Read every file again."""
    _known.clear()

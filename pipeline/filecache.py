"""Digests of files that somebody else makes, without reading an unchanged file twice.

A digest is remembered for inode, size and modification time in nanoseconds. Times never decide validity: a
file that changed within the clock's grain of being read is read again. `forget` makes every file be re-read.
"""

from __future__ import annotations

import os
import time

from targets import seal

# A file written this shortly before it was read could be written again under the same time stamp.
_GRAIN_NS = 2_000_000_000

_known: dict[str, tuple[tuple[int, int, int, int], str]] = {}


def cached_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a file's content; `FileNotFoundError` where there is none."""
    where = os.path.abspath(path)
    found = os.stat(where)
    state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    known = _known.get(where)
    if known is not None and known[0] == state:
        return known[1]
    digest = seal.file_digest(where)
    if time.time_ns() - found.st_mtime_ns > _GRAIN_NS:
        _known[where] = (state, digest)
    return digest


def forget() -> None:
    """Read every file again."""
    _known.clear()

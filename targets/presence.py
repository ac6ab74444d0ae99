"""Whether what a record speaks of is there, as far as names and sizes tell: nothing is read, so a plan can ask it of every output.

What was added to a directory, or is other bytes of the same size, shows when the output is loaded (`targets.verifying`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from targets.paths import walk
from targets.record import Record
from targets.store import Store

if TYPE_CHECKING:
    from targets.snapshot import Snapshot


def lacking(record: Record, store: Store, side_files: str, through: Store | Snapshot) -> tuple[str, str] | None:
    """(rule, reason) where something is gone. `side_files`: the directory for them; `through`: what to ask for names and sizes."""
    if not record.parts:
        return "DAMAGED", "its record names no data"
    for part in record.parts:
        if part.kind == "none":
            continue
        size = through.size(part.file)
        if size is None:
            return "MISSING", f"{part.file} is gone"
        if part.kind == "file" and size != part.size:
            return "DAMAGED", f"{part.file} has {size} bytes, not {part.size}"
        if part.kind == "directory" and _is_short(store, part.file, part.size):
            return "DAMAGED", f"of {part.file} something is gone"
    if record.directory is not None:
        if through.size(side_files) is None:
            return "MISSING", f"{side_files} is gone"
        if _is_short(store, side_files, record.directory_size):
            return "DAMAGED", f"of {side_files} something is gone"
    return None


def _is_short(store: Store, directory: str, size: int) -> bool:
    """Whether the files below have fewer bytes than were written; of a far store that is too much to ask."""
    if store.reads_in_bulk:
        return False
    found = 0
    for folder, _, files in walk(store.where(directory)):
        for file in files:
            with suppress(FileNotFoundError):  # removed meanwhile
                found += os.lstat(os.path.join(folder, file)).st_size
    return found < size

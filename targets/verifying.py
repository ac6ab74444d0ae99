"""Reading every byte of what is stored, and saying whether it is what was written."""

from __future__ import annotations

import os

from targets import seal
from targets.errors import DamagedError, DumpError
from targets.paths import walk
from targets.record import Part
from targets.store import Stamp, Store


def seal_directory(directory: str | os.PathLike[str]) -> tuple[str, int]:
    """Digest and size of a directory that is about to be stored."""
    try:
        return seal.tree_digest(directory)
    except DamagedError as error:
        raise DumpError(f"{error}: replace it by what it stands for") from error


_whole: dict[tuple[str, str], Stamp] = {}


def verify_once(store: Store, part: Part) -> os.PathLike[str]:
    """A local path to map a file from, after every byte of it was verified in this process since it was written."""
    where = (store.url, part.file)
    stamp = store.stamp(part.file)
    if stamp is None or _whole.get(where) != stamp:
        verify_part(store, part)
        if stamp is not None:
            _whole[where] = stamp
    return store.path(part.file)


_directories: dict[tuple[str, str], tuple[str, str]] = {}


def verify_directory(store: Store, name: str, digest: str, *, again: bool = False) -> None:
    """`DamagedError` unless a directory is what was written. `again`: also where this process has looked, and no file looks changed since."""
    where, root = (store.url, name), store.path(name)
    looks = digest, looks_of(root)[0]
    if not again and _directories.get(where) == looks:
        return
    if seal.tree_digest(root)[0] != digest:
        raise DamagedError(f"{store.where(name)} is not what was written")
    _directories[where] = looks


def looks_of(directory: str | os.PathLike[str]) -> tuple[str, int]:
    """A digest of how all below a directory looks from outside, and when the latest of it was changed."""
    parts, latest = [], 0
    for folder, folders, files in walk(directory):
        folders.sort()  # the order in which it goes on
        parts.append(folder)
        for file in sorted([*files, *folders]):
            found = os.lstat(os.path.join(folder, file))
            parts.append(f"{file} {found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ino} {found.st_ctime_ns}")
            latest = max(latest, found.st_mtime_ns)
    return seal.combine(parts), latest


def verify_part(store: Store, part: Part) -> None:
    if part.kind == "none":
        return
    if part.kind == "directory":
        # What is not there has the digest of an empty directory.
        if store.size(part.file) is None or seal.tree_digest(store.path(part.file))[0] != part.digest:
            raise DamagedError(f"{store.where(part.file)} is not what was written")
        return
    if store.size(part.file) != part.size or not _is_whole(store.path(part.file), part):
        raise DamagedError(f"{store.where(part.file)} is not what was written")


def _is_whole(path: os.PathLike[str], part: Part) -> bool:
    # A directory and a pipe have the size of an empty file, and a pipe would be waited for.
    return (part.size > 0 or os.path.isfile(path)) and seal.file_digest(path) == part.digest

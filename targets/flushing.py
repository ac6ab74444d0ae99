"""Bringing what was written to the disk, so that it outlives a power cut. `OSError` where that fails: what was written may be lost."""

from __future__ import annotations

import ctypes
import os
import sys


def flush_file(path: str) -> None:
    """A file, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(path: str) -> None:
    """A file, or a directory with all that is below it."""
    if os.path.isdir(path):
        for name in os.listdir(path):
            flush_tree(os.path.join(path, name))
    flush_file(path)


def forget_cached(path: str | os.PathLike[str]) -> None:
    """What is read next of a file, or of all below a directory, comes from the disk; where that cannot be asked for, nothing happens.

    After a flush that failed, the system goes on to show what it could not write.
    """
    if os.path.isdir(path):
        for name in os.listdir(path):
            forget_cached(os.path.join(path, name))
    elif hasattr(os, "posix_fadvise") and os.path.isfile(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def flush_file_system(path: str) -> None:
    """Everything that was written to the file system on which this directory is."""
    if sys.platform != "linux":
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        # Unlike `sync`, it tells of errors and leaves other disks alone.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)

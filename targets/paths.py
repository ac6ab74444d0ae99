"""Putting files and directories in the place of others, and out of the way."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator

from targets.errors import StoreError

log = logging.getLogger("pipeline")


def absolute(path: str | os.PathLike[str]) -> str:
    """Like `os.path.abspath`, also of `~`; `StoreError` where the current folder has been removed, so that a relative path leads nowhere."""
    try:
        return os.path.abspath(os.path.expanduser(path))
    except FileNotFoundError as error:
        raise StoreError(
            f"{os.fspath(path)} lies in the current folder, which has been removed: change to another one, or give an absolute path"
        ) from error


def walk(directory: str | os.PathLike[str]) -> Iterator[tuple[str, list[str], list[str]]]:
    """Like `os.walk`; `StoreError` for what cannot be looked into, which is not empty. What is not there has nothing below it."""
    return os.walk(os.fspath(directory), onerror=_refuse)


def _refuse(error: OSError) -> None:
    if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
        raise StoreError(f"cannot look into {error.filename}: {error.strerror}. Mend the cause and run again") from error


def remove_path(path: str) -> None:
    """Remove a file, a link or a directory with all it holds; fine if it is gone already."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            raise


def clean_away(path: str) -> None:
    """Remove what is no part of an output. Where that fails now, a later run sweeps it: whether something was stored does not depend on it."""
    try:
        remove_path(path)
    except OSError as error:
        log.warning("%s is left for the next run to remove: %s", path, error)


def replace(written: str, final: str) -> None:
    try:
        os.replace(written, final)
    except OSError:
        if not os.path.isdir(final) and not os.path.isdir(written):
            raise
        # A rename puts a directory in the place of nothing but an empty one; no record vouches for what is there any more.
        remove_path(final)
        os.rename(written, final)

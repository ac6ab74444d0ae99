"""A store for the length of a test."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline import instead
from targets.opening import close_store

_VARIABLE = "PIPELINE_TARGET_DIR"


@contextlib.contextmanager
def temporary_store(folder: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """All tasks keep their outputs here meanwhile, also those whose `TARGET_DIR` says otherwise, and so do programs that are started.

    Without a `folder` it is a temporary one, removed at the end. (A program that is started, and sets `TARGET_DIR` in its code, goes there.)
    """
    with contextlib.ExitStack() as after:
        chosen = folder or after.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-testing-"))
        path = Path(os.path.abspath(chosen))
        path.mkdir(parents=True, exist_ok=True)
        before, known = instead.store, os.environ.get(_VARIABLE)
        instead.store, os.environ[_VARIABLE] = str(path), str(path)
        try:
            yield path
        finally:
            instead.store = before
            close_store(str(path))
            if known is None:
                os.environ.pop(_VARIABLE, None)
            else:
                os.environ[_VARIABLE] = known


@contextlib.contextmanager
def some_store() -> Iterator[None]:
    """The temporary store that there is, else one of our own."""
    if instead.store is not None:
        yield
        return
    with temporary_store():
        yield

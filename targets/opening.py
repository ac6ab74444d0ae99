"""From a path or a URL to a store."""

from __future__ import annotations

import functools
import os

from targets.local_store import LocalStore
from targets.store import Store


def open_store(url: str) -> Store:
    """The store at a local path or an fsspec URL (`s3://bucket/prefix`, `memory://x`); the same one each time."""
    if "://" in url and not url.startswith("file://"):
        return _remote(url.rstrip("/"))
    return _local(os.path.abspath(url.removeprefix("file://")))


# One object for each place: the locks of two would not know of each other.
@functools.lru_cache(maxsize=256)
def _local(path: str) -> Store:
    return LocalStore(path)


@functools.lru_cache(maxsize=256)
def _remote(url: str) -> Store:
    from targets.remote_store import RemoteStore

    return RemoteStore(url)

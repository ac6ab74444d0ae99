"""From a path or a URL to a store."""

from __future__ import annotations

import functools
import os

from targets.local_store import LocalStore
from targets.store import Store


@functools.lru_cache(maxsize=64)
def open_store(url: str) -> Store:
    """The store at a local path or an fsspec URL (`s3://bucket/prefix`, `memory://x`); the same one each time."""
    if "://" in url and not url.startswith("file://"):
        from targets.remote_store import RemoteStore

        return RemoteStore(url)
    return LocalStore(os.path.abspath(url.removeprefix("file://")))

"""From a path or a URL to a store."""

from __future__ import annotations

import functools
import os

from targets import trust
from targets.errors import StoreError
from targets.local_store import LocalStore
from targets.paths import absolute
from targets.store import Store

#: Protocols of which the first part of a place is a bucket.
BUCKETS = frozenset({"s3", "s3a", "gs", "gcs"})


def open_store(url: str) -> Store:
    """The store at a local path or an fsspec URL (`s3://bucket/prefix`, `memory://x`); the same one each time.

    `StoreError` where the URL names no place.
    """
    known = _absolute.get(url)
    if known is not None:
        return known
    if "://" in url and not url.startswith("file://"):
        _insist_on_a_place(url)
        store = _remote(url.rstrip("/"))
    else:
        path = url.removeprefix("file://")
        if not path.strip():
            raise StoreError("the store has no name: name a directory or a URL")  # an empty one would be the current folder
        store = _local(absolute(path))
        if not os.path.isabs(path):
            return store  # means another place after a change of the current folder
    _absolute[url] = store
    return store


def close_store(url: str) -> None:
    """Nobody will ask for this store soon: what it holds open is closed, and opened again if somebody does."""
    store = _absolute.pop(url, None)
    if isinstance(store, LocalStore):
        store.close()


#: Asked for several times for each task, so these are not looked at again.
_absolute: dict[str, Store] = {}


# One object for each place: the locks of two would not know of each other.
@functools.lru_cache(maxsize=256)
def _local(path: str) -> Store:
    trust.check_key_is_outside(path)
    return LocalStore(path)


@functools.lru_cache(maxsize=256)
def _remote(url: str) -> Store:
    from targets.remote_store import RemoteStore

    return RemoteStore(url)


def _insist_on_a_place(url: str) -> None:
    protocol, _, place = url.partition("://")
    if protocol in BUCKETS and not place.partition("/")[0]:
        raise StoreError(f"the store {url!r} names no bucket: write {protocol}://bucket/folder")
    if not place.strip("/"):
        raise StoreError(f"the store {url!r} names no folder: write {protocol}://folder")

"""A store behind an fsspec URL: `s3://bucket/prefix`, `gs://...`, `memory://...`.

Outputs are serialised on the local disk and uploaded in one piece each, the record last, so a reader never
sees a part of an output. Writers of one key are kept apart within one process only: let one process at a
time write to such a store. The package for the protocol (s3fs, gcsfs, ...) is installed by the app.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from targets.errors import MissingExtraError, StoreError
from targets.local_store import named_key
from targets.store import Draft, Listed, Stamp
from targets.writing import HashingWriter

_EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
QUARANTINE = ".luigi-warp/quarantine"


class RemoteStore:
    """See `targets.store.Store` for the contract."""

    reads_in_bulk = True

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url.rstrip("/")
        try:
            self.files, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            protocol = url.partition("://")[0]
            package, extra = _EXTRAS.get(protocol, (f"that fsspec needs for {protocol}", protocol))
            raise MissingExtraError(package, extra, f"the store {url}") from error
        except ValueError as error:
            raise StoreError(f"the store {url} cannot be opened: {error}") from error
        self._locks: dict[str, threading.Lock] = {}
        self._fetched = tempfile.TemporaryDirectory(prefix="luigi-warp-")

    def __repr__(self) -> str:
        return f"RemoteStore({self.url!r})"

    def full(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def draft(self) -> Draft:
        return RemoteDraft(self)

    def is_shared(self) -> bool:
        # A store in this process's memory is nobody else's; of any other we cannot know.
        return not self.url.startswith("memory:")

    def where(self, name: str) -> str:
        return f"{self.url}/{name}"

    def open(self, name: str) -> BinaryIO:
        return self.files.open(self.full(name), "rb")  # type: ignore[no-any-return]

    def read(self, name: str, size: int) -> bytes:
        return self.files.cat_file(self.full(name))  # type: ignore[no-any-return]

    def read_stamped(self, name: str, size: int) -> tuple[bytes, Stamp] | None:
        stamp = self.stamp(name)
        if stamp is None:
            return None
        try:
            return self.read(name, size), stamp
        except FileNotFoundError:
            return None

    def path(self, name: str) -> Path:
        local = Path(self._fetched.name, name)
        shutil.rmtree(local, ignore_errors=True)
        local.parent.mkdir(parents=True, exist_ok=True)
        # A listing, because an object store has no directory to ask about.
        self.files.get(self.full(name), str(local), recursive=self.files.isdir(self.full(name)))
        return local

    def stamp(self, name: str) -> Stamp | None:
        self.files.invalidate_cache()
        try:
            found = self.files.info(self.full(name))
        except FileNotFoundError:
            return None
        return _stamp_of(found)

    def size(self, name: str) -> int | None:
        self.files.invalidate_cache()
        try:
            found = self.files.info(self.full(name))
        except FileNotFoundError:
            return None
        return 0 if found["type"] == "directory" else int(found["size"])

    def list(self, folder: str) -> Iterator[str]:
        self.files.invalidate_cache()
        with suppress(FileNotFoundError):
            for found in self.files.ls(self.full(folder), detail=False):
                yield found.rstrip("/").rpartition("/")[2]

    def scan(self, folder: str) -> Iterator[tuple[str, Listed | None]]:
        self.files.invalidate_cache()
        with suppress(FileNotFoundError):
            for found in self.files.ls(self.full(folder), detail=True):
                size = 0 if found["type"] == "directory" else int(found["size"])
                yield found["name"].rstrip("/").rpartition("/")[2], Listed(_stamp_of(found), size)

    def read_all(self, names: Iterable[str]) -> Mapping[str, bytes]:
        by_path = {self.files._strip_protocol(self.full(name)): name for name in names}
        # fsspec fetches many at a time where its backend can.
        found = self.files.cat(list(by_path), on_error="omit") if by_path else {}
        return {by_path[path]: data for path, data in found.items()}

    def folders(self) -> Iterator[str]:
        self.files.invalidate_cache()
        base = self._root.rstrip("/")
        with suppress(FileNotFoundError):
            for folder, _, _ in self.files.walk(base):
                relative = folder[len(base) :].strip("/")
                parts = relative.split("/")
                if relative and not any(part.startswith(".") or named_key(part) for part in parts):
                    yield relative

    def delete(self, *names: str) -> None:
        for name in names:
            if not name:
                raise StoreError(f"the whole store {self.url} was about to be deleted: this is a mistake in luigi-warp, please report it")
            with suppress(FileNotFoundError):
                self.files.rm(self.full(name), recursive=True)

    def quarantine(self, *names: str) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                target = f"{QUARANTINE}/{os.urandom(8).hex()}-{name.rpartition('/')[2]}"
                self.files.mv(self.full(name), self.full(target), recursive=self.files.isdir(self.full(name)))

    def write(self, name: str, data: bytes) -> None:
        self.files.pipe_file(self.full(name), data)

    def lock(self, key: str, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        return self._hold(self._locks.setdefault(key, threading.Lock()), waiting)

    @contextmanager
    def _hold(self, lock: threading.Lock, waiting: Callable[[], None] | None) -> Iterator[None]:
        if not lock.acquire(blocking=False):
            if waiting:
                waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def sweep(self, folder: str) -> int:
        """Nothing to do: an upload that was cut off leaves no object."""
        return 0


def _stamp_of(found: Mapping[str, Any]) -> Stamp:
    """From what the backend says of an object, alone or in a listing; the two agree on the first of these that there is."""
    told = next((found[field] for field in ("ETag", "etag", "generation", "md5Hash", "created", "mtime", "LastModified") if found.get(field)), "")
    if isinstance(told, datetime.datetime):
        told = told.timestamp()
    return (int.from_bytes(hashlib.sha256(f"{told}|{found.get('size')}".encode()).digest()[:12], "big"),)


class RemoteDraft:
    """See `targets.store.Draft` for the contract."""

    def __init__(self, store: RemoteStore) -> None:
        self._store = store
        self._local = tempfile.TemporaryDirectory(prefix="luigi-warp-")
        self._files: dict[str, Path] = {}

    def __enter__(self) -> Draft:
        return self

    def create(self, name: str) -> Path:
        self._files[name] = Path(self._local.name, str(len(self._files)), name.rpartition("/")[2])
        self._files[name].parent.mkdir()
        return self._files[name]

    def directory(self, name: str, record: str) -> Path:
        path = self.create(name)
        path.mkdir()
        return path

    def writer(self, name: str) -> HashingWriter:
        return HashingWriter(self.create(name))

    def commit(self, record: str, data: bytes, *, obsolete: tuple[str, ...] = (), replaces: bool = True) -> Stamp:
        files: Any = self._store.files
        full = self._store.full
        try:
            self._store.delete(record, *obsolete)
            for name, written in self._files.items():
                if not written.exists():
                    continue  # a directory in which nothing was left
                if written.is_dir():
                    self._store.delete(name)
                    files.put(str(written), full(name), recursive=True)
                else:
                    files.put_file(str(written), full(name))
            files.pipe_file(full(record), data)
        except OSError as error:
            raise StoreError(f"cannot write {self._store.where(record)}: {error}") from error
        stamp = self._store.stamp(record)
        if stamp is None:
            raise StoreError(f"{self._store.where(record)} was written and is not there")
        return stamp

    def __exit__(self, *exception: object) -> None:
        self._local.cleanup()

"""A store behind an fsspec URL: `s3://bucket/prefix`, `gs://...`, `memory://...`.

Outputs are serialised on the local disk and uploaded in one piece each, the record last, so a reader never
sees a part of an output. Writers of one key are kept apart by leases, and one that was thought dead and comes back is fenced
out before it commits; that needs a backend which can create an object only if it is not there (S3, GCS). On any other, which is
said once in the log, let one process at a time write. The package for the protocol (s3fs, gcsfs, ...) is installed by the app.
Whatever a backend raises is a `StoreError` here, and so is a bucket that is not there.
"""

from __future__ import annotations

import datetime
import errno
import functools
import hashlib
import inspect
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from targets import processes, scratch
from targets.errors import DumpError, LeaseLostError, MissingExtraError, PipelineError, StoreError
from targets.leases import FOLDER as LEASES
from targets.leases import Lease, Leases
from targets.naming import key_of, named_key
from targets.opening import BUCKETS
from targets.store import QUARANTINE, Draft, Listed, Stamp
from targets.writing import HashingWriter

_EXTRAS = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
log = logging.getLogger("targets")

_Asks = TypeVar("_Asks", bound=Callable[..., Any])
#: Answers, to whoever asks for one object: what is there, or is not.
_ANSWERS = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)


def _told(asks: _Asks) -> _Asks:
    """What a backend raises becomes a `StoreError`: each has exceptions of its own, of which nobody else knows. An answer stays one."""

    @functools.wraps(asks)
    def ask(store: RemoteStore, *arguments: Any, **options: Any) -> Any:
        try:
            return asks(store, *arguments, **options)
        except FileNotFoundError:
            store.insist_on_bucket()
            raise
        except (PipelineError, *_ANSWERS):
            raise
        except Exception as error:
            raise StoreError(f"the store {store.url} does not answer as it should: {type(error).__name__}: {error}") from error

    return ask  # type: ignore[return-value]


class RemoteStore:
    """See `targets.store.Store` for the contract."""

    reads_in_bulk = True
    is_volatile = False

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._process = processes.current
        self._open()
        self._locks: dict[str, threading.RLock] = {}
        self._leases = Leases(self)
        #: What the folders are called in which each process has copies of what it has loaded.
        self._copies = uuid.uuid4().hex
        with suppress(StoreError):  # who only looks needs none
            scratch.folder()  # before a process is forked, so that what is in its own goes with ours
        self._has_bucket = self.url.partition("://")[0] not in BUCKETS

    def _open(self) -> None:
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            protocol = self.url.partition("://")[0]
            package, extra = _EXTRAS.get(protocol, (f"that fsspec needs for {protocol}", protocol))
            raise MissingExtraError(package, extra, f"the store {self.url}") from error
        except Exception as error:  # of the backend: what it is told may be wrong in every way
            raise StoreError(f"the store {self.url} cannot be opened: {type(error).__name__}: {error}") from error

    @property
    def files(self) -> Any:
        """The file system of this process: its connections are not inherited."""
        if self._process != processes.current:
            self._process = processes.current
            self._locks = {}
            self._open()
        return self._files

    def __repr__(self) -> str:
        return f"RemoteStore({self.url!r})"

    def full(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def insist_on_bucket(self) -> None:
        """Something is not there: `StoreError` where that is so because the bucket is not. Asked until it was found once."""
        if self._has_bucket:
            return
        bucket = self._root.partition("/")[0]
        try:
            self.files.info(bucket)
        except FileNotFoundError as error:
            raise StoreError(f"the store {self.url} is not there: there is no bucket {bucket!r}. Make it, or correct the store's address") from error
        except Exception as error:  # it may not be for us to know
            log.debug("%s: %s: %s", self.url, type(error).__name__, error)
        self._has_bucket = True

    def draft(self) -> Draft:
        return RemoteDraft(self)

    def is_shared(self) -> bool:
        # A store in this process's memory is nobody else's; of any other we cannot know.
        return not self.url.startswith("memory:")

    def where(self, name: str) -> str:
        return f"{self.url}/{name}"

    @_told
    def open(self, name: str) -> BinaryIO:
        return self.files.open(self.full(name), "rb")  # type: ignore[no-any-return]

    @_told
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

    @_told
    def path(self, name: str) -> Path:
        local = Path(scratch.folder(), f"{self._copies}-{processes.current}", name)
        shutil.rmtree(local, ignore_errors=True)
        try:
            local.parent.mkdir(parents=True, exist_ok=True)
            # A listing, because an object store has no directory to ask about.
            self.files.get(self.full(name), str(local), recursive=self.files.isdir(self.full(name)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise scratch.no_room(error) from error
            raise
        return local

    def stamp(self, name: str) -> Stamp | None:
        try:
            return _stamp_of(self._info(name))
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        try:
            found = self._info(name)
        except FileNotFoundError:
            return None
        return 0 if found["type"] == "directory" else int(found["size"])

    @_told
    def _info(self, name: str) -> Mapping[str, Any]:
        self.files.invalidate_cache()
        return self.files.info(self.full(name))  # type: ignore[no-any-return]

    def list(self, folder: str) -> Iterator[str]:
        with suppress(FileNotFoundError):
            for found in self._ls(folder, detail=False):
                yield found.rstrip("/").rpartition("/")[2]

    def scan(self, folder: str) -> Iterator[tuple[str, Listed | None]]:
        with suppress(FileNotFoundError):
            for found in self._ls(folder, detail=True):
                size = 0 if found["type"] == "directory" else int(found["size"])
                yield found["name"].rstrip("/").rpartition("/")[2], Listed(_stamp_of(found), size)

    @_told
    def _ls(self, folder: str, *, detail: bool) -> Sequence[Any]:
        self.files.invalidate_cache()
        return self.files.ls(self.full(folder), detail=detail)  # type: ignore[no-any-return]

    @_told
    def read_all(self, names: Iterable[str]) -> Mapping[str, bytes]:
        by_path = {self.files._strip_protocol(self.full(name)): name for name in names}
        # fsspec fetches many at a time where its backend can.
        found = self.files.cat(list(by_path), on_error="omit") if by_path else {}
        return {by_path[path]: data for path, data in found.items()}

    def folders(self) -> Iterator[str]:
        base = self._root.rstrip("/")
        with suppress(FileNotFoundError):
            for folder in self._walk(base):
                relative = folder[len(base) :].strip("/")
                parts = relative.split("/")
                if relative and not any(part.startswith(".") or named_key(part) for part in parts):
                    yield relative

    @_told
    def _walk(self, base: str) -> Sequence[str]:
        self.files.invalidate_cache()
        return [folder for folder, _, _ in self.files.walk(base, on_error="raise")]

    @_told
    def delete(self, *names: str) -> None:
        for name in names:
            if not name:
                raise StoreError(f"the whole store {self.url} was about to be deleted: this is a mistake in luigi-warp, please report it")
            with suppress(FileNotFoundError):
                self.files.rm(self.full(name), recursive=True)

    @_told
    def quarantine(self, *names: str) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                target = f"{QUARANTINE}/{os.urandom(8).hex()}-{name.rpartition('/')[2]}"
                self.files.mv(self.full(name), self.full(target), recursive=self.files.isdir(self.full(name)))

    @_told
    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        self.files.pipe_file(self.full(name), data)

    def flush(self) -> None:
        """Nothing to do: an object that was put is stored."""

    def is_locked(self, key: str) -> bool:
        return self._leases.held(key) is None and any(self.list(f"{LEASES}/{key}"))

    @_told
    def create(self, name: str, data: bytes) -> bool:
        """Put an object where there is none; False, and nothing changed, if there is one that says something else."""
        try:
            self.files.pipe_file(self.full(name), data, mode="create")
            return True
        except OSError as error:
            # S3 says "exists" also of what it stored itself when its first answer was lost, and "conflict" where two try at once.
            try:
                return self.read(name, len(data)) == data
            except FileNotFoundError:
                if isinstance(error, FileExistsError):
                    return False  # it was removed just now
                raise error from None

    def lock(self, key: str, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        return self._hold(key, waiting)

    @contextmanager
    def _hold(self, key: str, waiting: Callable[[], None] | None) -> Iterator[None]:
        _ = self.files  # after a fork, before any lock is taken
        told = False

        def tell() -> None:
            nonlocal told
            if waiting and not told:
                told = True
                waiting()

        lock = self._locks.setdefault(key, threading.RLock())
        if not lock.acquire(blocking=False):
            tell()
            lock.acquire()
        lease: Lease | None = None
        try:
            if self.is_shared() and self._leases.held(key) is None and self.creates_exclusively:
                lease = self._leases.take(key, tell)
            yield
        finally:
            if lease is not None:
                self._leases.give_back(lease)
            lock.release()

    @functools.cached_property
    def creates_exclusively(self) -> bool:
        """Whether this backend can create an object only if it is not there, in one step."""
        put = getattr(type(self.files), "_pipe_file", type(self.files).pipe_file)
        probe = f"{LEASES}/{uuid.uuid4().hex}"
        able = not put.__module__.startswith(("fsspec.spec", "fsspec.asyn")) and "mode" in inspect.signature(put).parameters
        if able:
            # Again: an answer that fails for a moment must not leave the whole run without leases.
            able = self._creates(probe) or self._creates(probe)
        if not able:
            log.warning("%s cannot keep several writers apart: let one process at a time write to it", self.url)
        return able

    def _creates(self, probe: str) -> bool:
        try:
            able = self.create(probe, b"1") and not self.create(probe, b"2")
            self.delete(probe)
            return able
        except Exception as error:  # each backend has exceptions of its own for what it does not know
            log.debug("%s: %s: %s", self.url, type(error).__name__, error)
            any(self.list(LEASES))  # `StoreError` where it is the store that does not answer, or is not there
            return False

    def insist_on_lease(self, record: str) -> None:
        """`LeaseLostError` where this process had the lease for what it is about to write, and has lost it."""
        lease = self._leases.held(key_of(record.rpartition("/")[2]))
        if lease is not None:
            self._leases.insist(lease)

    def abandoned(self, folder: str) -> Sequence[str]:
        return ()

    def sweep(self, folder: str) -> int:
        """Nothing to do: an upload that was cut off leaves no object."""
        return 0


def _stamp_of(found: Mapping[str, Any]) -> Stamp:
    """From what the backend says of an object, alone or in a listing; the two agree on the first of these that there is."""
    told = next((found[field] for field in ("ETag", "etag", "generation", "md5Hash", "created", "mtime", "LastModified") if found.get(field)), "")
    if isinstance(told, datetime.datetime):
        told = told.timestamp()
    return (int.from_bytes(hashlib.sha256(f"{told}|{found.get('size')}".encode()).digest()[:12], "big"),)


def _empty_folder(written: Path) -> str | None:
    """One in a directory, or itself, by its name there."""
    folders = [written, *(path for path in written.rglob("*") if path.is_dir())] if written.is_dir() else []
    return next((path.relative_to(written).as_posix() for path in folders if not any(path.iterdir())), None)


class RemoteDraft:
    """See `targets.store.Draft` for the contract."""

    is_first = False

    def __init__(self, store: RemoteStore) -> None:
        self._store = store
        self._local = scratch.part()
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
        store, files, full = self._store, self._store.files, self._store.full
        for name, written in self._files.items():
            if (empty := _empty_folder(written)) is not None:
                raise DumpError(f"{name}/{empty} is an empty folder, which no object store keeps: remove it, or put a file into it")
        try:
            store.insist_on_lease(record)
            store.delete(record, *obsolete)
            for name, written in self._files.items():
                if not written.exists():
                    continue  # a directory in which nothing was left
                if written.is_dir():
                    store.delete(name)
                    files.put(str(written), full(name), recursive=True)
                else:
                    files.put_file(str(written), full(name))
            store.insist_on_lease(record)
            if not store.is_shared() or not store.creates_exclusively:
                files.pipe_file(full(record), data)
            elif not store.create(record, data):
                raise LeaseLostError(f"another writer has committed {store.where(record)} meanwhile")
        except PipelineError:
            raise
        except Exception as error:
            raise StoreError(f"cannot write {self._store.where(record)}: {type(error).__name__}: {error}") from error
        stamp = self._store.stamp(record)
        if stamp is None:
            raise StoreError(f"{self._store.where(record)} was written and is not there")
        return stamp

    def __exit__(self, *exception: object) -> None:
        self._local.cleanup()

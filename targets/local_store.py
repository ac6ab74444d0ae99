"""A store in a local directory.

A file is written beside its final place under a name of its own and renamed; the record is written before
anything old is touched, so that a full disk costs nothing. Directories are created as they are needed. What a commit
has written is on the disk when it returns if the store is durable, otherwise after `flush`. Files and directories are for this user
only, or for whom the umask of the store's options lets in.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from targets import flushing, processes, store_options
from targets.errors import StoreError
from targets.locks import KeyLocks
from targets.permissions import create, let_in_tree, make_private
from targets.seal import short_digest
from targets.store import QUARANTINE, UNFINISHED, Draft, Listed, Stamp
from targets.writing import HashingWriter

log = logging.getLogger("pipeline")

INTERNAL = ".luigi-warp"
_TEMPORARY = ".tmp"
_ASIDE = ".aside"
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_NEW = os.O_EXCL | os.O_WRONLY

_counter = itertools.count()
_token = uuid.uuid4().hex[:20]
_token_owner = processes.current


def _unique() -> str:
    """Names nobody else uses, on any host; never from `random`, which a step may have seeded."""
    global _token, _token_owner
    if _token_owner != processes.current:
        _token, _token_owner = uuid.uuid4().hex[:20], processes.current
    return f"{_token}{next(_counter):x}"


class LocalStore:
    """See `targets.store.Store` for the contract."""

    reads_in_bulk = False

    def __init__(self, root: str, *, durable: bool | None = None) -> None:
        self.url = root
        self._durable = durable
        self._prefix = root.rstrip(os.sep) + os.sep
        self._locks = KeyLocks(os.path.join(root, INTERNAL, "locks"))
        self._made: set[str] = set()
        self._flushed: set[str] = set()
        self._shared: bool | None = None

    def __repr__(self) -> str:
        return f"LocalStore({self.url!r})"

    def draft(self) -> Draft:
        return LocalDraft(self)

    def is_shared(self) -> bool:
        if self._shared is None:
            try:
                found = os.stat(self.url)
            except OSError:
                return False  # there is nothing yet
            others = hasattr(os, "getuid") and (found.st_uid not in (os.getuid(), 0) or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)))
            self._shared = others
        return self._shared

    def path(self, name: str) -> Path:
        return Path(self._prefix + name)

    def where(self, name: str) -> str:
        return self._prefix + name

    def open(self, name: str) -> BinaryIO:
        return open(self._prefix + name, "rb", buffering=0)

    def read(self, name: str, size: int) -> bytes:
        descriptor = os.open(self._prefix + name, _READ)
        try:
            return _read_all(descriptor, size)
        finally:
            os.close(descriptor)

    def read_stamped(self, name: str, size: int) -> tuple[bytes, Stamp] | None:
        try:
            descriptor = os.open(self._prefix + name, _READ)
            try:
                found = os.fstat(descriptor)
                return _read_all(descriptor, size), (found.st_mtime_ns, found.st_ino, found.st_size)
            finally:
                os.close(descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise
        except OSError as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: OSError) -> StoreError:
        """What is there cannot be told from what is not: nobody may take it for missing, and make it again."""
        return StoreError(f"cannot read {self._prefix}{name}: {error}. Mend the cause and run again")

    def stamp(self, name: str) -> Stamp | None:
        try:
            found = os.stat(self._prefix + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error
        return found.st_mtime_ns, found.st_ino, found.st_size

    def size(self, name: str) -> int | None:
        try:
            found = os.lstat(self._prefix + name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(name, error) from error
        return 0 if stat.S_ISDIR(found.st_mode) else found.st_size

    def list(self, folder: str) -> Iterator[str]:
        try:
            with os.scandir(self._prefix + folder) as entries:
                for entry in entries:
                    yield entry.name
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._unreadable(folder, error) from error

    def scan(self, folder: str) -> Iterator[tuple[str, Listed | None]]:
        return ((name, None) for name in self.list(folder))

    def read_all(self, names: Iterable[str]) -> Mapping[str, bytes]:
        found = {}
        for name in names:
            with suppress(FileNotFoundError):
                found[name] = self.read(name, 4096)
        return found

    def folders(self) -> Iterator[str]:
        for directory, below, _ in os.walk(self.url):
            relative = os.path.relpath(directory, self.url)
            below[:] = sorted(name for name in below if not name.startswith(".") and named_key(name) is None)
            if relative != ".":
                yield relative.replace(os.sep, "/")

    def delete(self, *names: str) -> None:
        for name in names:
            if not name:
                raise StoreError(f"the whole store {self.url} was about to be deleted: this is a mistake in luigi-warp, please report it")
            try:
                remove_path(self._prefix + name)
            except OSError as error:
                raise StoreError(f"cannot remove {self._prefix}{name}: {error}. Mend the cause and try again") from error

    def quarantine(self, *names: str) -> None:
        folder = self._prefix + QUARANTINE
        make_private(folder)
        for name in names:
            with suppress(FileNotFoundError):
                os.rename(self._prefix + name, os.path.join(folder, f"{_unique()}-{os.path.basename(name)}"))

    @property
    def durable(self) -> bool:
        """Whether every commit goes to the disk at once."""
        return store_options.current().durable if self._durable is None else self._durable

    @property
    def is_volatile(self) -> bool:
        return not self.durable

    def flush(self) -> None:
        try:
            flushing.flush_file_system(self.url)
        except FileNotFoundError:
            return  # nothing was ever written
        except OSError as error:
            raise StoreError(f"what was written to {self.url} cannot be brought to the disk: {error}. Check the disk, and run again") from error

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        # Under the key's lock, as everything that leaves a temporary: whoever sweeps takes what nobody holds for abandoned.
        with self.lock(key_of(name.rpartition("/")[2])), LocalDraft(self, durable=durable or None) as draft:
            draft.commit(name, data)

    def is_locked(self, key: str) -> bool:
        with self._locks.try_hold(key) as free:
            return not free

    def lock(self, key: str, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        return self._locks.hold(key, waiting)

    def abandoned(self, folder: str) -> Sequence[str]:
        return [name for name, key in self._begun(folder) if not self.is_locked(key)]

    def sweep(self, folder: str) -> int:
        removed = 0
        for name, key in self._begun(folder):
            with self._locks.try_hold(key) as free:
                if free:
                    remove_path(f"{self._prefix}{folder}/{name}")
                    removed += 1
        return removed

    def _begun(self, folder: str) -> Sequence[tuple[str, str]]:
        """`.<key>.<unique>.tmp`: whoever holds the key's lock may judge what was left for it. What has no key is another program's."""
        names = [name for name in self.list(folder) if is_begun(name)]
        return [(name, key) for name in names if (key := named_key(name[1:])) is not None]

    def make_folder(self, name: str, *, surely: bool = False) -> None:
        """The folder of `name`, unless it was made before: it may be gone since, `surely` looks again."""
        folder = (self._prefix + name).rpartition(os.sep)[0]
        if surely or folder not in self._made:
            try:
                make_private(folder)
            except OSError as error:
                raise StoreError(f"the store {self.url} cannot be written: {error}") from error
            self._made.add(folder)

    def flush_folders(self, folder: str) -> None:
        """Bring the names of these folders to the disk, up to that of the store itself; once, since they stay."""
        while folder not in self._flushed and len(folder) >= len(self.url):
            above = os.path.dirname(folder)
            flushing.flush_file(above)
            self._flushed.add(folder)
            folder = above

    def forget_folders(self) -> None:
        """Somebody removed a folder that was made: make them again."""
        self._made.clear()
        self._flushed.clear()


_open_drafts: set[LocalDraft] = set()


def abandon_drafts() -> None:
    """Undo what this process has begun to write and not committed: it is about to end without leaving its blocks."""
    for draft in list(_open_drafts):
        if draft.process == processes.current:
            draft.__exit__()


class LocalDraft:
    """See `targets.store.Draft` for the contract."""

    is_first = False

    def __init__(self, store: LocalStore, *, durable: bool | None = None) -> None:
        self._store = store
        self._durable = store.durable if durable is None else durable
        self._files: dict[str, str] = {}
        self._record: str | None = None
        self._aside: list[tuple[str, str]] = []
        self._directories: list[str] = []
        #: Written by others than us: with what permissions, nobody knows.
        self._foreign: list[str] = []
        self._old_is_gone = False
        self.process = processes.current

    def __enter__(self) -> Draft:
        _open_drafts.add(self)
        return self

    def create(self, name: str) -> Path:
        temporary = self._temporary(name, _TEMPORARY)
        if not os.path.isdir(os.path.dirname(temporary)):
            self._make_folder_again(name)
        self._files[name] = temporary
        self._foreign.append(temporary)
        return Path(temporary)

    def writer(self, name: str) -> HashingWriter:
        temporary = self._files[name] = self._temporary(name, _TEMPORARY)
        try:
            return HashingWriter(temporary)
        except FileNotFoundError:
            self._make_folder_again(name)
            return HashingWriter(temporary)

    def directory(self, name: str, record: str) -> Path:
        # Side files are written where they stay, since an output may name their path. The old ones, and the record
        # that vouches for them, are put aside and come back if the step fails.
        final = self._store.where(name)
        try:
            self._put_aside(record)
            self._put_aside(name)
            self._store.make_folder(name)
            try:
                os.mkdir(final, 0o700)
            except FileNotFoundError:
                self._make_folder_again(name)
                os.mkdir(final, 0o700)
        except OSError as error:
            raise StoreError(f"cannot make the directory {final}: {error}. Nothing was changed: mend the cause and run again") from error
        self._directories.append(final)
        return Path(final)

    def commit(self, record: str, data: bytes, *, obsolete: tuple[str, ...] = (), replaces: bool = True) -> Stamp:
        where = self._store.where
        final_record = where(record)
        self._record = temporary = self._temporary(record, _TEMPORARY)
        try:
            for written in [*self._foreign, *self._directories]:
                if os.path.lexists(written):
                    let_in_tree(written)
            try:
                descriptor = create(temporary, _NEW)
            except FileNotFoundError:
                self._make_folder_again(record)
                descriptor = create(temporary, _NEW)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(descriptor, view) :]
                if self._durable:
                    for written in [*self._files.values(), *self._directories]:
                        flushing.flush_tree(written)
                    os.fsync(descriptor)
                found = os.fstat(descriptor)
            finally:
                os.close(descriptor)
            if replaces:
                with suppress(FileNotFoundError):
                    os.unlink(final_record)
            # What was put aside must not come back beside new data.
            self._old_is_gone = True
            for name in obsolete:
                remove_path(where(name))
            for name, written in self._files.items():
                _replace(written, where(name))
            os.rename(temporary, final_record)
            if self._durable:
                try:
                    folder = os.path.dirname(final_record)
                    flushing.flush_file(folder)
                    self._store.flush_folders(folder)
                except OSError:
                    # A second attempt would succeed without having written anything: what the disk refused is discarded.
                    os.unlink(final_record)
                    raise
        except OSError as error:
            raise StoreError(f"cannot write {final_record}: {error}; nothing was changed that a reader could mistake") from error
        self._files.clear()
        self._record = None
        self._directories.clear()
        for _, aside in self._aside:
            _clean_away(aside)
        self._aside.clear()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def __exit__(self, *exception: object) -> None:
        _open_drafts.discard(self)
        for written in self._files.values():
            _clean_away(written)
        if self._record is not None:
            _clean_away(self._record)
        for made in self._directories:
            _clean_away(made)
        try:
            # The record last: without what it speaks of it must not come back.
            for final, aside in reversed(self._aside):
                if self._old_is_gone:
                    _clean_away(aside)
                else:
                    os.rename(aside, final)
        except OSError as error:
            log.warning("the old output stays aside: %s", error)
        self._files.clear()
        self._record = None
        self._directories.clear()
        self._aside.clear()

    def _put_aside(self, name: str) -> None:
        final, aside = self._store.where(name), self._temporary(name, _ASIDE)
        with suppress(FileNotFoundError):
            os.rename(final, aside)
            self._aside.append((final, aside))

    def _temporary(self, name: str, ending: str) -> str:
        beside = _written_beside(name)
        # That somebody has removed the folder shows as the temporary is created; where that lies elsewhere, nothing shows it.
        self._store.make_folder(name, surely=beside is not name)
        if beside is not name:
            self._store.make_folder(beside)
        folder, _, base = self._store.where(beside).rpartition(os.sep)
        return f"{folder}{os.sep}.{key_of(base)}.{_unique()}{ending}"

    def _make_folder_again(self, name: str) -> None:
        """Somebody has removed it since it was made."""
        self._store.forget_folders()
        self._store.make_folder(name)
        self._store.make_folder(_written_beside(name))


def _written_beside(name: str) -> str:
    """Beside what the temporary for `name` is made: itself, so that a run which makes it again finds what a dead one has left.

    What is written once, under a name of its own, nobody would look for there: it is begun in one folder that every run sweeps.
    """
    return f"{UNFINISHED}/{name.rpartition('/')[2]}" if name.startswith(INTERNAL + "/") else name


def _read_all(descriptor: int, size: int) -> bytes:
    # One byte more, so that an answer that is not full says that this was all.
    data = os.read(descriptor, size + 1)
    while len(data) > size and (more := os.read(descriptor, 1 << 20)):
        data += more
    return data


def is_begun(base: str) -> bool:
    """Whether a file of this name is one that somebody is writing, or was."""
    return base.startswith(".") and base.endswith((_TEMPORARY, _ASIDE))


def key_of(base: str) -> str:
    """The key in a file name `<slug>-<key>.<ext>`, or as many hexadecimal characters made from the name.

    All files of an output have the same: its data, its record and what is written for them.
    """
    return named_key(base) or short_digest(base.split(".", 1)[0].encode("utf-8", "surrogatepass"))


def named_key(base: str) -> str | None:
    """The key in a file name, None where the name has none."""
    key = base.split(".", 1)[0][-32:]
    return key if len(key) == 32 and not key.strip("0123456789abcdef") else None


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


def _clean_away(path: str) -> None:
    """Remove what is no part of an output. Where that fails now, a later run sweeps it: whether something was stored does not depend on it."""
    try:
        remove_path(path)
    except OSError as error:
        log.warning("%s is left for the next run to remove: %s", path, error)


def _replace(written: str, final: str) -> None:
    try:
        os.replace(written, final)
    except OSError:
        if not os.path.isdir(final) and not os.path.isdir(written):
            raise
        # A rename puts a directory in the place of nothing but an empty one; no record vouches for what is there any more.
        remove_path(final)
        os.rename(written, final)

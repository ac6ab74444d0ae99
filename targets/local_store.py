"""A store in a local directory.

Directories are created as they are needed. What a commit (see `targets.local_draft`) has written is on the disk when it returns if the
store is durable, otherwise after `flush`. Files and directories are for this user only, or for whom the umask of the store's options
lets in.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import BinaryIO

from targets import flushing, store_options
from targets.errors import StoreError
from targets.local_draft import LocalDraft
from targets.locks import KeyLocks
from targets.naming import INTERNAL, is_begun, key_of, named_key, unique
from targets.paths import remove_path, walk
from targets.permissions import make_private
from targets.store import QUARANTINE, Draft, Listed, Stamp

log = logging.getLogger("pipeline")

# A pipe that stands in the place of a file is not waited for: nothing is in it.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


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
        return open(self._prefix + name, "rb", buffering=0, opener=_opened)

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
        for directory, below, _ in walk(self.url):
            relative = os.path.relpath(directory, self.url)
            if relative != "." and INTERNAL in below:
                below.clear()  # a store of its own
                continue
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
        try:
            make_private(folder)
            for name in names:
                with suppress(FileNotFoundError):
                    os.rename(self._prefix + name, os.path.join(folder, f"{unique()}-{os.path.basename(name)}"))
        except OSError as error:
            raise StoreError(f"cannot set aside what is damaged in {self.url}: {error}. Mend the cause and try again") from error

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
            # A rename takes the place of what is there. Were that removed before, whoever is killed meanwhile would leave neither.
            draft.commit(name, data, replaces=os.path.isdir(self.where(name)))

    def close(self) -> None:
        """Close the file of its locks, which nobody holds any more."""
        self._locks.let_go()

    def is_locked(self, key: str) -> bool:
        return self._locks.is_held(key)

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


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _READ)


def _read_all(descriptor: int, size: int) -> bytes:
    try:
        # One byte more, so that an answer that is not full says that this was all.
        data = os.read(descriptor, size + 1)
        while len(data) > size and (more := os.read(descriptor, 1 << 20)):
            data += more
        return data
    except BlockingIOError:
        return b""  # a pipe to which somebody may write

"""What is being written to a store in a local directory, and is not there yet.

A file is written beside its final place under a name of its own and renamed; the record is written before
anything old is touched, so that a full disk costs nothing. What was not committed is removed when it is left, or by the next run.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from targets import flushing, processes
from targets.errors import StoreError
from targets.naming import ASIDE, INTERNAL, TEMPORARY, key_of, unique
from targets.paths import clean_away, remove_path, replace
from targets.permissions import create, let_in_tree
from targets.store import UNFINISHED, Draft, Stamp
from targets.writing import HashingWriter

if TYPE_CHECKING:
    from targets.local_store import LocalStore

log = logging.getLogger("pipeline")

_NEW = os.O_EXCL | os.O_WRONLY

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
        temporary = self._temporary(name, TEMPORARY)
        if not os.path.isdir(os.path.dirname(temporary)):
            self._make_folder_again(name)
        self._files[name] = temporary
        self._foreign.append(temporary)
        return Path(temporary)

    def writer(self, name: str) -> HashingWriter:
        temporary = self._files[name] = self._temporary(name, TEMPORARY)
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
        self._record = temporary = self._temporary(record, TEMPORARY)
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
                self._take_away(record)
            # What was put aside must not come back beside new data.
            self._old_is_gone = True
            for name in obsolete:
                remove_path(where(name))
            for name, written in self._files.items():
                replace(written, where(name))
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
            clean_away(aside)
        self._aside.clear()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def __exit__(self, *exception: object) -> None:
        _open_drafts.discard(self)
        for written in self._files.values():
            clean_away(written)
        if self._record is not None:
            clean_away(self._record)
        for made in self._directories:
            clean_away(made)
        try:
            # The record last: without what it speaks of it must not come back.
            for final, aside in reversed(self._aside):
                if self._old_is_gone:
                    clean_away(aside)
                else:
                    os.rename(aside, final)
        except OSError as error:
            log.warning("the old output stays aside: %s", error)
        self._files.clear()
        self._record = None
        self._directories.clear()
        self._aside.clear()

    def _take_away(self, record: str) -> None:
        path = self._store.where(record)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):  # macOS says the latter of a directory
            if not os.path.isdir(path):
                raise
            self._store.quarantine(record)  # what was a record is none any more: that is damage

    def _put_aside(self, name: str) -> None:
        final, aside = self._store.where(name), self._temporary(name, ASIDE)
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
        return f"{folder}{os.sep}.{key_of(base)}.{unique()}{ending}"

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

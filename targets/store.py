"""The store's contract: bytes in a place, committed all or nothing.

A `Draft` is an output that is not there yet. Files are written under names nobody else uses; `commit`
puts them, and the record last, where readers look. Promises: whatever happens at any moment (exception,
`kill -9`, full disk), a reader finds the old output, the new one or none, never a mixture; what a draft
that was not committed has written is removed, at the latest by the next run (`sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from targets.writing import HashingWriter

# What a remembered verdict is held against: a record whose stamp changed must be read again.
Stamp = tuple[int, ...]

#: Where a store begins what is no output: the history's entries, code.
UNFINISHED = ".luigi-warp/unfinished"
#: Where damaged outputs are moved to.
QUARANTINE = ".luigi-warp/quarantine"


class Listed(NamedTuple):
    """What a listing says of a file."""

    stamp: Stamp
    size: int


class Draft(Protocol):
    """What a step is writing. Used as a context manager: left without `commit`, everything is undone."""

    #: Whoever writes has seen, with the key's lock, that there is no record.
    is_first: bool

    def create(self, name: str) -> Path:
        """A local path, in use by nobody, for the file or directory that will be `name`."""

    def writer(self, name: str) -> HashingWriter:
        """A new file for what will be `name`, open for writing."""

    def directory(self, name: str, record: str) -> Path:
        """The empty directory `name` at its final place, for side files; the old one is kept aside."""

    def commit(self, record: str, data: bytes, *, obsolete: tuple[str, ...] = (), replaces: bool = True) -> Stamp:
        """Make the new output visible: the old record, if it `replaces` one, goes first, the new one comes last."""

    def __enter__(self) -> Draft: ...

    def __exit__(self, *exception: object) -> None: ...


class Store(Protocol):
    """A place that holds outputs, records and locks. Names are relative, with `/` between parts."""

    url: str

    def draft(self) -> Draft: ...

    def is_shared(self) -> bool:
        """Whether somebody else than this user can write here, as far as can be told."""

    def open(self, name: str) -> BinaryIO:
        """Open for reading; `FileNotFoundError` where there is nothing."""

    def read(self, name: str, size: int) -> bytes:
        """The content of a file of about this size, in as few steps as there are; `FileNotFoundError` where there is nothing."""

    def read_stamped(self, name: str, size: int) -> tuple[bytes, Stamp] | None:
        """The content and the stamp of one and the same file; None where there is nothing."""

    def path(self, name: str) -> Path:
        """A local path that holds the content of `name`; a remote store brings it first."""

    def where(self, name: str) -> str:
        """How a person or another tool would name it: a path or a URL."""

    def stamp(self, name: str) -> Stamp | None:
        """Changes whenever `name` is replaced; None where there is nothing."""

    def size(self, name: str) -> int | None:
        """Size of a file, 0 for a directory, None where there is nothing."""

    def list(self, folder: str) -> Iterator[str]:
        """Names directly below a folder, nothing for a folder that is not there."""

    #: A listing says sizes, and several files are read faster together than one after the other.
    reads_in_bulk: bool

    def scan(self, folder: str) -> Iterator[tuple[str, Listed | None]]:
        """Like `list`, with what the listing says for nothing; None where that is not enough."""

    def read_all(self, names: Iterable[str]) -> Mapping[str, bytes]:
        """The contents of files, without those that are not there."""

    def folders(self) -> Iterator[str]:
        """Every folder that may hold outputs."""

    def delete(self, *names: str) -> None:
        """Remove files or directories; what is not there is removed already."""

    def quarantine(self, *names: str) -> None:
        """Move damaged files out of every reader's sight, for a person to look at."""

    def write(self, name: str, data: bytes, *, durable: bool = False) -> None:
        """A small file, all or nothing; on the disk when this returns, if it is to be `durable`."""

    @property
    def is_volatile(self) -> bool:
        """Whether what was committed may be lost when the power fails, until `flush`."""

    def flush(self) -> None:
        """All that was committed is on the disk when this returns; `StoreError` if it cannot be brought there."""

    def is_locked(self, key: str) -> bool:
        """Whether another process holds the lock of this key now."""

    def lock(self, key: str, waiting: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """The only writer of this key, across processes; `waiting` is called once if another has it, and what it raises ends the wait."""

    def abandoned(self, folder: str) -> Sequence[str]:
        """What dead writers left in a folder."""

    def sweep(self, folder: str) -> int:
        """Remove what dead writers left in a folder; how many things were removed."""

"""Reading a stored file, verified before anybody sees a byte of it.

Promises: what is handed out is, bit for bit, what was written; a byte is read once, hashed, and only then decoded, so that nothing that changes the
file meanwhile can come between. A large file is verified in the pieces of its record, and only those that are asked for: it is never held
in memory twice, and two columns of a wide table cost two columns. Anything else raises `DamagedError`.
"""

from __future__ import annotations

import errno
import io
import os
import pickle
import queue
from collections.abc import Callable
from typing import Any, BinaryIO

from targets import seal, trust
from targets.errors import DamagedError, StoreError
from targets.helping import helped
from targets.record import Part
from targets.room import room
from targets.seal import CHECKSUM_BYTES, DIGEST_BYTES, PIECE
from targets.store import Store

# Small: pickle copies what is left in the buffer each time it looks ahead. What is larger than it goes past it.
_BUFFER = 1 << 14
#: The names in a pickle of an old protocol end with a line.
_LINE = 1 << 8


def verified_bytes(store: Store, part: Part) -> BinaryIO:
    """The one piece of a small file, in memory."""
    data = store.read(part.file, part.size)
    if len(data) != part.size:
        raise _other_size(store, part, len(data))
    if seal.digest(data) != part.digest:
        raise DamagedError(f"{store.where(part.file)} is not what was written (its digest differs); it will be made again")
    return io.BytesIO(data)


def verified_file(store: Store, part: Part) -> BinaryIO:
    """A file of several pieces, open for reading."""
    name = store.where(part.file)
    count = -(-part.size // PIECE)
    lengths = len(part.pieces), len(part.checksums or bytes(count * CHECKSUM_BYTES))  # earlier records have none
    if seal.digest_of_pieces(part.pieces) != part.digest or lengths != (count * DIGEST_BYTES, count * CHECKSUM_BYTES):
        raise DamagedError(f"the record of {name} contradicts itself: the digests of its pieces do not make that of the whole")
    file = store.open(part.file)
    try:
        found = file.seek(0, os.SEEK_END)
    except OSError as error:
        file.close()
        if error.errno != errno.ESPIPE:
            raise
        raise DamagedError(f"{name} is a pipe where a file was written; it will be made again") from error
    if found != part.size:
        file.close()
        raise _other_size(store, part, found)
    return io.BufferedReader(_Pieces(file, part, name), _BUFFER)


def _other_size(store: Store, part: Part, found: int) -> DamagedError:
    return DamagedError(f"{store.where(part.file)} has {found} bytes where its record says {part.size}; it will be made again")


class _Pieces(io.RawIOBase):
    """A file whose pieces are compared with their checksums as they are read, or with their digests where records are signed.

    Other data that fit the checksums can be made on purpose. Without a key whoever does that might as well replace the record.
    """

    def __init__(self, file: BinaryIO, part: Part, name: str) -> None:
        self._file = file
        self._size = size = part.size
        self._is_quick = bool(part.checksums) and not trust.keyring()
        self._expected = part.checksums if self._is_quick else part.pieces
        self._name = name
        self._position = 0
        #: The piece that was read last for the sake of a part of it.
        self._at = -1
        self._room = room(min(PIECE, size))
        #: What went wrong, since a decoder may tell it in words of its own.
        self.damage: DamagedError | StoreError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"negative position {start + offset}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), max(self._size - self._position, 0))
        if self._is_quick or wanted < 4 * PIECE:
            self._read(view[:wanted], self._check)
        else:
            # The second thread lives no longer than this call: a file may be closed by the garbage collector, in any thread and at any moment,
            # and whoever waits for a thread then may wait for itself. And what it reads is not ours once we have returned.
            waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
            with helped(lambda: self._check_all(waiting), end=lambda: waiting.put(None)) as is_checked:
                self._read(view[:wanted], (lambda *piece: waiting.put(piece)) if is_checked else self._check)
        self._position += wanted
        return wanted

    def _read(self, view: memoryview, check: Callable[[int, memoryview], None]) -> None:
        done = 0
        while done < len(view):
            at, offset = divmod(self._position + done, PIECE)
            length = self._length(at)
            if offset == 0 and len(view) - done >= length:
                # Straight to where it is wanted; hashed while the next piece is read.
                piece = view[done : done + length]
                self._fill(at, piece)
                check(at, piece)
                done += length
            else:
                portion = self._part_of(at)[offset : offset + len(view) - done]
                view[done : done + len(portion)] = portion
                done += len(portion)

    def _check_all(self, waiting: queue.SimpleQueue[Any]) -> None:
        for piece in iter(waiting.get, None):
            self._check(*piece)

    def rest(self) -> memoryview:
        """What is left of the piece at this position."""
        at, offset = divmod(self._position, PIECE)
        return self._part_of(at)[offset:] if self._position < self._size else self._room[:0]

    def _length(self, at: int) -> int:
        return min(PIECE, self._size - at * PIECE)

    def _part_of(self, at: int) -> memoryview:
        piece = self._room[: self._length(at)]
        if at != self._at:
            self._at = -1
            self._fill(at, piece)
            self._check(at, piece)
            self._at = at
        return piece

    def _fill(self, at: int, piece: memoryview) -> None:
        done = 0
        try:
            self._file.seek(at * PIECE)
            while done < len(piece) and (count := self._file.readinto(piece[done:])):  # type: ignore[attr-defined]
                done += count
        except Exception as error:  # each backend has exceptions of its own
            self.damage = StoreError(f"cannot read {self._name}: {type(error).__name__}: {error}. Mend the cause and run again")
            raise self.damage from error
        if done < len(piece):
            raise self._damaged(f"{self._name} has fewer bytes than its record says; it will be made again")

    def _check(self, at: int, piece: memoryview) -> None:
        found = seal.checksum(piece) if self._is_quick else seal.digest_bytes(piece)
        if found != self._expected[at * len(found) : (at + 1) * len(found)]:
            what = "checksum" if self._is_quick else "digest"
            raise self._damaged(f"{self._name} is not what was written (its {what} differs); it will be made again")

    def _damaged(self, words: str) -> DamagedError:
        self.damage = damage = DamagedError(words)
        return damage

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class _Lender:
    """What `pickle` asks of a file, answered with the reader's own memory instead of two copies of it.

    What is lent is verified. It is overwritten when bytes beyond its piece are asked for; the unpickler has done with it by then.
    """

    def __init__(self, pieces: _Pieces) -> None:
        self._pieces = pieces
        self.readinto = pieces.readinto

    def peek(self, size: int = 0, /) -> memoryview:
        return self._pieces.rest()

    def read(self, size: int, /) -> memoryview:
        rest = self._pieces.rest()
        if len(rest) < size:
            found = room(size)
            return found[: self._pieces.readinto(found)]
        self._pieces.seek(size, os.SEEK_CUR)
        return rest[:size]

    def readline(self) -> bytes:
        line: list[bytes] = []
        while rest := self._pieces.rest():
            portion = bytes(rest[:_LINE])
            end = portion.find(b"\n") + 1
            line.append(portion[:end] if end else portion)
            self._pieces.seek(len(line[-1]), os.SEEK_CUR)
            if end:
                break
        return b"".join(line)


def lent(file: BinaryIO) -> Any:
    """The same file, for `pickle.load` alone, which copies what it keeps; nobody else reads it before or afterwards."""
    raw = getattr(file, "raw", None)
    return _Lender(raw) if isinstance(raw, _Pieces) and pickle.load.__module__ == "_pickle" else file


def damage_of(file: BinaryIO) -> DamagedError | StoreError | None:
    """The damage that was found while a file was read, or why it could not be, however its reader tells it."""
    return getattr(getattr(file, "raw", None), "damage", None)

"""Writing a file and hashing it in one go.

Promises: what `finish` returns is the seal of what is in the file. A small output costs one system call. Of a larger one a few megabytes are
held back, as references to what stays as it is meanwhile. A second thread hashes them while they are written; what it has not come to by
then both hash. Where a format goes back (`seek`, as zip and HDF5 do) or reads what it wrote, the finished file is hashed instead. A write
that fails raises `OSError` and leaves the file to whoever made it.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from typing import Any

from targets.helping import helped
from targets.permissions import create
from targets.seal import PIECE, Piece, Pieces, Seal, file_seal

#: Smaller portions are copied into one, which costs less than to handle each.
_PORTION = 1 << 14
#: So much is held back: worth the start of a thread, and still in the processor's cache for the second who reads it.
_BATCH = 8 * PIECE
#: Less is hashed and written one after the other.
_WORTH_A_THREAD = PIECE
#: As many portions as a system takes in one call.
_AT_ONCE = 1024
_MOST = 1 << 30
_NEW = os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)


class HashingWriter(io.BufferedIOBase):
    """A new file, open for writing. See the module."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._descriptor: int | None = None
        #: What was handed over and is not written yet, in order; at its end the small portions that came last.
        self._held: list[Any] = []
        self._small = bytearray()
        self._waiting = 0
        self._pieces = Pieces()
        self._size = 0
        #: The file as any other, once somebody has gone back in it.
        self._revisited: Any = None
        # Last: where there is no file, there is still something to close.
        self._descriptor = create(path, _NEW)

    def write(self, data: Any) -> int:
        if self.closed:
            raise ValueError("write to closed file")
        # Whatever it is (an array of floats that pickle hands over as it is, say), as the bytes that it occupies.
        kind = type(data)
        raw = data if kind is bytes else pickle.PickleBuffer(data).raw()
        if self._revisited is not None:
            return int(self._revisited.write(raw))
        size = len(raw)
        self._size += size
        self._waiting += size
        if size < _PORTION:
            self._small += raw
            stays = True
        else:
            self._hold_small()
            self._held.append(raw)
            stays = kind is bytes or (kind is pickle.PickleBuffer and _is_its_own(raw.obj))
        # Other memory may be filled with the next portion as soon as we return.
        if self._waiting >= _BATCH or not stays:
            self._let_go()
        return size

    def _hold_small(self) -> None:
        if self._small:
            small, self._small = self._small, bytearray()
            self._held.append(small)

    def _let_go(self) -> None:
        """Nothing is held back any more."""
        self._hold_small()
        held, self._held = self._held, []
        waiting, self._waiting = self._waiting, 0
        if waiting < _WORTH_A_THREAD:
            for data in held:
                self._pieces.update(data)
            self._write(held)
            return
        pieces = self._pieces.add(held)
        with helped(lambda: _hash(pieces.popleft)):
            self._write(held)
            # What the second thread has not come to; first what was written last, which is still in this processor's cache.
            _hash(pieces.pop)

    def _write(self, held: list[Any]) -> None:
        assert self._descriptor is not None
        try:
            _write_all(self._descriptor, held)
        except OSError as error:
            error.filename = os.fspath(self._path)  # which disk is full: what is on its way to a far store lies in a temporary folder
            raise

    def _revisit(self) -> Any:
        if self._revisited is None:
            self._let_go()
            descriptor, self._descriptor = self._descriptor, None
            assert descriptor is not None
            self._revisited = os.fdopen(descriptor, "r+b")
        return self._revisited

    def read(self, size: int | None = -1, /) -> bytes:
        return self._revisit().read(-1 if size is None else size)  # type: ignore[no-any-return]

    def tell(self) -> int:
        return self._size if self._revisited is None else int(self._revisited.tell())

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if self._revisited is None and (offset, whence) in ((self._size, os.SEEK_SET), (0, os.SEEK_CUR), (0, os.SEEK_END)):
            return self._size
        return int(self._revisit().seek(offset, whence))

    def truncate(self, size: int | None = None, /) -> int:
        return int(self._revisit().truncate(size))

    def flush(self) -> None:
        if self._revisited is not None and not self._revisited.closed:
            self._revisited.flush()

    def fileno(self) -> int:
        # Bytes written straight to the descriptor would escape the hash.
        raise io.UnsupportedOperation("fileno")

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """A format may close it; what was written stays to be finished."""
        try:
            if self._descriptor is not None:
                descriptor = self._descriptor
                try:
                    self._let_go()
                finally:
                    self._descriptor = None
                    os.close(descriptor)
            if self._revisited is not None:
                self._revisited.close()
        finally:
            super().close()

    def abandon(self) -> None:
        """Close the file, whatever is missing in it."""
        self._held, self._small, self._waiting = [], bytearray(), 0
        self.close()

    def finish(self) -> tuple[Seal, int]:
        """Close the file; returns the seal and the size of what it holds."""
        self.close()
        if self._revisited is None:
            return self._pieces.finish(), self._size
        return file_seal(self._path), os.stat(self._path).st_size


def _hash(take: Callable[[], Piece]) -> None:
    """All pieces that are left. The thread beside takes them as well."""
    while True:
        try:
            piece = take()
        except IndexError:
            return
        piece.hash()


def _is_its_own(array: Any) -> bool:
    """Whether this is an array whose memory is no part of another buffer, through which somebody could fill it again."""
    if type(array).__module__ != "numpy":
        return False
    try:
        memoryview(array.base)
    except TypeError:
        return True  # None, or an object that keeps it to itself
    return False


def _write_all(descriptor: int, held: list[Any]) -> None:
    for start in range(0, len(held), _AT_ONCE):
        portions = held[start : start + _AT_ONCE]
        written = _write_some(descriptor, portions)
        # A disk that is nearly full takes less than it was given; what is missing says why.
        for portion in portions:
            view = memoryview(portion)[written:]
            written = max(written - len(portion), 0)
            while view:
                view = view[os.write(descriptor, view) :]


def _write_some(descriptor: int, portions: list[Any]) -> int:
    # macOS refuses more than 2 GiB in one call, and `os.write` heeds that.
    if len(portions) > 1 and hasattr(os, "writev") and sum(map(len, portions)) < _MOST:
        return os.writev(descriptor, portions)
    return os.write(descriptor, portions[0])

"""Writing a file and hashing it in one go.

Promises: what `finish` returns is the digest of what is in the file. Little is held back in memory: a small output costs one system call, and
what comes in portions (a forest is some hundred arrays) is written in larger ones; what is large already is hashed in a second thread while it is
written. Where a format goes back (`seek`, as zip and HDF5 do) or reads what it wrote, the finished file is hashed instead. A write that fails
raises `OSError` and leaves the file to whoever made it.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
from typing import Any

from targets.permissions import create
from targets.seal import PIECE, Pieces, file_seal

#: An output of no more bytes is given to the system in one call.
_LITTLE = 1 << 16
#: So many are gathered: what is copied there is still in the processor's cache when it is hashed and written.
_ROOM = 1 << 18
_NEW = os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)


class HashingWriter(io.BufferedIOBase):
    """A new file, open for writing. See the module."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._descriptor: int | None = create(path, _NEW)
        #: The beginning of the file, until it is more than a little.
        self._held_back = bytearray()
        #: Then as much as has room: a file system takes that much faster than the portions that formats write.
        self._room: memoryview | None = None
        self._filled = 0
        self._pieces = Pieces()
        self._size = 0
        #: The file as any other, once somebody has gone back in it.
        self._revisited: Any = None

    def write(self, data: Any) -> int:
        # Whatever it is (an array of floats that pickle hands over as it is, say), as the bytes that it occupies.
        raw = data if type(data) is bytes else pickle.PickleBuffer(data).raw()
        if self._revisited is not None:
            return int(self._revisited.write(raw))
        size = len(raw)
        self._size += size
        if self._room is None:
            if len(self._held_back) + size <= _LITTLE:
                self._held_back += raw
                return size
            self._room = memoryview(bytearray(_ROOM))
            held_back, self._held_back = self._held_back, bytearray()
            self._gather(memoryview(held_back))
        self._gather(memoryview(raw))
        return size

    def _gather(self, view: memoryview) -> None:
        """Into the room, and on from there when it is full."""
        assert self._room is not None
        while view:
            if not self._filled and len(view) >= _ROOM:
                whole = len(view) // _ROOM * _ROOM
                self._put(view[:whole])
                view = view[whole:]
                continue
            portion = view[: _ROOM - self._filled]
            self._room[self._filled : self._filled + len(portion)] = portion
            self._filled += len(portion)
            view = view[len(portion) :]
            if self._filled == _ROOM:
                self._let_go()

    def _let_go(self) -> None:
        """Nothing is held back any more."""
        if self._room is None:
            held_back, self._held_back = self._held_back, bytearray()
            self._put(memoryview(held_back))
        else:
            filled, self._filled = self._filled, 0
            self._put(self._room[:filled])

    def _put(self, view: memoryview) -> None:
        assert self._descriptor is not None
        if len(view) < 4 * PIECE:
            if view:
                self._pieces.update(view)
                _write_all(self._descriptor, view)
            return
        hashing = threading.Thread(target=self._pieces.update, args=(view,), daemon=True)
        hashing.start()
        try:
            _write_all(self._descriptor, view)
        finally:
            hashing.join()

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
        self._held_back = bytearray()
        self._filled = 0
        self.close()

    def finish(self) -> tuple[str, int, bytes]:
        """Close the file; returns the digest and the size of what it holds, and the digests of its pieces if there are several."""
        self.close()
        if self._revisited is None:
            digest, pieces = self._pieces.finish()
            return digest, self._size, pieces
        digest, pieces = file_seal(self._path)
        return digest, os.stat(self._path).st_size, pieces


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]

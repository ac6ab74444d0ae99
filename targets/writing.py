"""Writing a file and hashing it in one go.

Promises: what `finish` returns is the digest of what is in the file. Little is held back in memory, so that a small output costs one
system call; large portions are hashed in a second thread while they are written. Where a format goes back (`seek`, as zip and
HDF5 do) or reads what it wrote, the finished file is hashed instead. A write that fails raises `OSError` and leaves the file to whoever made it.
"""

from __future__ import annotations

import io
import os
import pickle
import threading
from typing import Any

from targets.permissions import create
from targets.seal import PIECE, Pieces, file_seal

_HELD_BACK = 1 << 18
#: What is as large as this is written as it is: gathering it would cost as much as writing it.
_LARGE = 1 << 16
_NEW = os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)


class HashingWriter(io.BufferedIOBase):
    """A new file, open for writing. See the module."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._descriptor: int | None = create(path, _NEW)
        self._held_back = bytearray()
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
        if size < _LARGE:
            self._held_back += raw
            if len(self._held_back) >= _HELD_BACK:
                self._let_go()
        else:
            self._let_go()
            self._put(memoryview(raw))
        return size

    def _let_go(self) -> None:
        if self._held_back:
            held_back, self._held_back = self._held_back, bytearray()
            self._put(memoryview(held_back))

    def _put(self, view: memoryview) -> None:
        assert self._descriptor is not None
        if len(view) < 4 * PIECE:
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
        self._held_back.clear()
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

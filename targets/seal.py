"""Digests: the one place where bytes are turned into the hash that says whether they are still the same.

Promises that what is read back is, bit for bit, what was written: a writer is hashed while it writes,
a reader gets the very bytes that were verified, never a second read of the same file. A mismatch is a
`DamagedError`; nothing is decoded from bytes that did not verify.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from targets.errors import DamagedError

CHUNK = 1 << 20


def digest(data: bytes | bytearray | memoryview) -> str:
    """The digest of these bytes, as 64 hexadecimal characters."""
    return blake3(data).hexdigest()


def short_digest(data: bytes) -> str:
    """128 bits of digest, as 32 hexadecimal characters: enough to name things."""
    return blake3(data).hexdigest(length=16)


def combine(parts: Iterable[str]) -> str:
    """One digest for an ordered list of strings; no two different lists collide by concatenation."""
    hasher = blake3()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        hasher.update(len(raw).to_bytes(8, "big"))
        hasher.update(raw)
    return hasher.hexdigest()


def file_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a file's content, read in pieces."""
    hasher = blake3()
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        while count := file.readinto(buffer):
            hasher.update(view[:count])
    return hasher.hexdigest()


def tree_digest(directory: str | os.PathLike[str]) -> tuple[str, int]:
    """The digest and the size of a directory: every file's relative path and content, in a fixed order.

    Empty directories count; links are refused, since what they point to can change behind the digest.
    """
    root = Path(directory)
    parts: list[str] = []
    size = 0
    for path in sorted(root.rglob("*"), key=lambda found: found.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            raise DamagedError(f"{path} is a link; an output directory may hold files and directories only")
        if not (path.is_dir() or path.is_file()):
            raise DamagedError(f"{path} is a pipe, a socket or a device; an output directory may hold files and directories only")
        if path.is_dir():
            parts.append(f"d {name}")
        else:
            parts.append(f"f {name} {file_digest(path)}")
            size += path.stat().st_size
    return combine(parts), size


class HashingWriter(io.BufferedIOBase):
    """A new file that is hashed while it is written.

    A format that goes back (`seek`, as zip and HDF5 do) is hashed from the finished file instead.
    """

    def __init__(self, path: str | os.PathLike[str], mode: int = 0o600) -> None:
        self._path = path
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), mode)
        self._file = os.fdopen(descriptor, "w+b")
        self._hasher = blake3()
        self._size = 0
        self._sequential = True

    def write(self, data) -> int:  # type: ignore[no-untyped-def,override]
        # Whatever it is (an array of floats that pickle hands over as it is, say), as the bytes that it occupies.
        raw = pickle.PickleBuffer(data).raw()
        written = self._file.write(raw)
        if self._sequential:
            self._hasher.update(raw)
            self._size += written
        return written

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(-1 if size is None else size)

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        before = self._file.tell()
        after = self._file.seek(offset, whence)
        if after != before:
            self._sequential = False
        return after

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()

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
        if not self._file.closed:
            self._file.close()
        super().close()

    def finish(self, *, durable: bool = False) -> tuple[str, int]:
        """Close the file; returns digest and size of what it holds. `durable`: it is on the disk as well."""
        if not self._file.closed:
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
            self._file.close()
        if self._sequential:
            return self._hasher.hexdigest(), self._size
        return file_digest(self._path), os.stat(self._path).st_size


def verified(file: BinaryIO, *, expected: str, size: int, name: str) -> bytes:
    """All bytes of an open file, verified against the record; `DamagedError` if they differ."""
    data = file.read()
    if len(data) != size:
        raise DamagedError(f"{name} has {len(data)} bytes where its record says {size}; it will be made again")
    if digest(data) != expected:
        raise DamagedError(f"{name} is not what was written (its digest differs); it will be made again")
    return data

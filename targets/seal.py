"""Digests: the one place where bytes are turned into the hash that says whether they are still the same.

A file is hashed in pieces of 1 MiB, so that a part of it can be verified without reading the rest: its digest is that of its only piece,
or one made from the digests of its pieces. Each of several pieces has a checksum as well, of 128 bits, which is computed ten times as fast: it
tells what a disk or a network has done to bytes, a digest also what a person has. `targets.writing` hashes while it writes, `targets.reading`
hands out nothing that does not verify.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3
from xxhash import xxh3_128, xxh3_128_digest

from targets.errors import DamagedError
from targets.paths import walk
from targets.room import room

PIECE = 1 << 20
DIGEST_BYTES = 32
CHECKSUM_BYTES = 16
_PORTION = 1 << 16
# Another hash function than that of contents, so that no content can have the digest of a longer one.
_OF_PIECES = "luigi-warp 2026-11 digests of the pieces of a file"


def digest(data: bytes | bytearray | memoryview) -> str:
    """The digest of these bytes in one piece, as 64 hexadecimal characters."""
    return blake3(data).hexdigest()


def digest_bytes(data: bytes | bytearray | memoryview) -> bytes:
    return blake3(data).digest()


def checksum(data: bytes | bytearray | memoryview) -> bytes:
    """What tells whether these bytes are the same, as long as nobody has tried to deceive."""
    return xxh3_128_digest(data)


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


class Seal(NamedTuple):
    """What a record says of the content of a file; where it has several pieces, their joined digests and checksums."""

    digest: str
    pieces: bytes = b""
    checksums: bytes = b""


class Pieces:
    """A seal in the making. Give it the bytes in any portions, then `finish`."""

    __slots__ = ("_last", "_whole")

    def __init__(self) -> None:
        self._whole: list[Piece] = []
        self._last = Piece()

    def update(self, data: memoryview | bytes | bytearray) -> None:
        if not len(data):
            return
        if self._last.size + len(data) <= PIECE:
            self._last.add(data)
            self._last.hash()
            return
        for piece in self.add([data]):
            piece.hash()

    def add(self, portions: Iterable[memoryview | bytes | bytearray]) -> deque[Piece]:
        """The pieces that these bytes belong to. Each is to be hashed, in any order and by any thread, before more is added."""
        touched = deque([self._last])
        for data in portions:
            view = memoryview(data)
            while view:
                # A piece is begun only when more comes: a file of exactly one piece has no list of pieces.
                if self._last.size == PIECE:
                    self._whole.append(self._last)
                    self._last = Piece()
                    touched.append(self._last)
                portion = view[: PIECE - self._last.size]
                self._last.add(portion)
                view = view[len(portion) :]
        return touched

    def finish(self) -> Seal:
        if not self._whole:
            return Seal(self._last.digest().hex())
        every = [*self._whole, self._last]
        pieces = b"".join([piece.digest() for piece in every])
        return Seal(digest_of_pieces(pieces), pieces, b"".join([piece.checksum() for piece in every]))


class Piece:
    """A part of a file on its way to be hashed."""

    __slots__ = ("_checksum", "_digest", "_waiting", "size")

    def __init__(self) -> None:
        # Hashers, and what they say once nothing more can come: they are a hundred times as large.
        self._digest: Any = blake3()
        self._checksum: Any = xxh3_128()
        self._waiting: list[memoryview | bytes | bytearray] = []
        self.size = 0

    def add(self, data: memoryview | bytes | bytearray) -> None:
        self._waiting.append(data)
        self.size += len(data)

    def hash(self) -> None:
        for data in self._waiting:
            self._digest.update(data)
            self._checksum.update(data)
        self._waiting.clear()
        if self.size == PIECE:
            self._digest, self._checksum = self.digest(), self.checksum()

    def digest(self) -> bytes:
        return self._digest if isinstance(self._digest, bytes) else self._digest.digest()

    def checksum(self) -> bytes:
        return self._checksum if isinstance(self._checksum, bytes) else self._checksum.digest()


def digest_of_pieces(pieces: bytes) -> str:
    """The digest of a file from those of its pieces."""
    return blake3(pieces, derive_key_context=_OF_PIECES).hexdigest()


def file_seal(path: str | os.PathLike[str]) -> Seal:
    """The seal of a file's content, read in portions."""
    hasher = Pieces()
    with open(path, "rb", buffering=0) as file:
        # A file's size is a hint: some file systems do not know it, and it may grow.
        portion = room(min(PIECE, max(os.fstat(file.fileno()).st_size, _PORTION)))
        while count := file.readinto(portion):
            hasher.update(portion[:count])
    return hasher.finish()


def file_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a file's content."""
    return file_seal(path).digest


def tree_digest(directory: str | os.PathLike[str]) -> tuple[str, int]:
    """The digest and the size of a directory: every file's relative path and content, in a fixed order.

    Empty directories count; links are refused, since what they point to can change behind the digest.
    """
    root = Path(directory)
    parts: list[str] = []
    size = 0
    below = [Path(folder, name) for folder, folders, files in walk(root) for name in [*folders, *files]]
    for path in sorted(below, key=lambda found: found.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            raise DamagedError(f"{path} is a link; what is known by its content may hold files and directories only")
        if not (path.is_dir() or path.is_file()):
            raise DamagedError(f"{path} is a pipe, a socket or a device; what is known by its content may hold files and directories only")
        if path.is_dir():
            parts.append(f"d {name}")
        else:
            parts.append(f"f {name} {file_digest(path)}")
            size += path.stat().st_size
    return combine(parts), size

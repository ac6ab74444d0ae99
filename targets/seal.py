"""Digests: the one place where bytes are turned into the hash that says whether they are still the same.

A file is hashed in pieces of 1 MiB, so that a part of it can be verified without reading the rest: its digest is that of its only piece,
or one made from the digests of its pieces. `targets.writing` hashes while it writes, `targets.reading` hands out nothing that does not verify.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from blake3 import blake3

from targets.errors import DamagedError
from targets.paths import walk
from targets.room import room

PIECE = 1 << 20
DIGEST_BYTES = 32
_PORTION = 1 << 16
# Another hash function than that of contents, so that no content can have the digest of a longer one.
_OF_PIECES = "luigi-warp 2026-11 digests of the pieces of a file"


def digest(data: bytes | bytearray | memoryview) -> str:
    """The digest of these bytes in one piece, as 64 hexadecimal characters."""
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


class Pieces:
    """A digest in the making. Give it the bytes in any portions, then `finish`."""

    __slots__ = ("_current", "_done", "_filled")

    def __init__(self) -> None:
        self._current = blake3()
        self._done: list[bytes] = []
        self._filled = 0

    def update(self, data: memoryview | bytes | bytearray) -> None:
        # A piece is closed only when more comes: a file of exactly one piece has no list of pieces.
        if self._filled + len(data) <= PIECE:
            self._current.update(data)
            self._filled += len(data)
            return
        view = memoryview(data)
        while view:
            if self._filled == PIECE:
                self._done.append(self._current.digest())
                self._current, self._filled = blake3(), 0
            portion = view[: PIECE - self._filled]
            self._current.update(portion)
            self._filled += len(portion)
            view = view[len(portion) :]

    def update_all(self, portions: Iterable[memoryview | bytes | bytearray]) -> None:
        for portion in portions:
            self.update(portion)

    def finish(self) -> tuple[str, bytes]:
        """The digest, and the joined digests of the pieces where there are several."""
        if not self._done:
            return self._current.hexdigest(), b""
        pieces = b"".join([*self._done, self._current.digest()])
        return digest_of_pieces(pieces), pieces


def digest_of_pieces(pieces: bytes) -> str:
    """The digest of a file from those of its pieces."""
    return blake3(pieces, derive_key_context=_OF_PIECES).hexdigest()


def file_seal(path: str | os.PathLike[str]) -> tuple[str, bytes]:
    """The digest of a file's content and those of its pieces, read in portions."""
    hasher = Pieces()
    with open(path, "rb", buffering=0) as file:
        # A file's size is a hint: some file systems do not know it, and it may grow.
        portion = room(min(PIECE, max(os.fstat(file.fileno()).st_size, _PORTION)))
        while count := file.readinto(portion):
            hasher.update(portion[:count])
    return hasher.finish()


def file_digest(path: str | os.PathLike[str]) -> str:
    """The digest of a file's content."""
    return file_seal(path)[0]


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

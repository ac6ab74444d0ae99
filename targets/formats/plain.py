"""Text and bytes, as they are."""

from __future__ import annotations

from typing import Any, BinaryIO

from targets.errors import DumpError
from targets.target import Target


class TextTarget(Target[str]):
    """A str, as UTF-8."""

    extension = "txt"

    def write(self, value: str, file: BinaryIO) -> None:
        if not isinstance(value, str):
            raise DumpError(f"TextTarget stores a str, and got a {type(value).__name__}")
        file.write(value.encode("utf-8"))

    def read(self, file: BinaryIO, **options: Any) -> str:
        return file.read().decode("utf-8")


class BytesTarget(Target[bytes]):
    """Bytes."""

    extension = "bin"

    def write(self, value: bytes, file: BinaryIO) -> None:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise DumpError(f"BytesTarget stores bytes, and got a {type(value).__name__}")
        file.write(value)

    def read(self, file: BinaryIO, **options: Any) -> bytes:
        return file.read()

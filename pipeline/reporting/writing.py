"""A text goes to standard output or, whole or not at all, into a file."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile

from pipeline.errors import OutputFileError


def write(text: str, path: str) -> None:
    """`-` is standard output. Always UTF-8, whatever the terminal's locale says."""
    data = text.encode("utf-8", "backslashreplace")
    if path == "-":
        sys.stdout.flush()
        binary = getattr(sys.stdout, "buffer", None)  # what a test has put in its place may have none
        sys.stdout.write(text) if binary is None else binary.write(data)
        sys.stdout.flush()
        return
    try:
        folder, name = os.path.split(os.path.abspath(path))
        if os.path.exists(path) and not os.path.isfile(path):
            # A device or a pipe is written to; a folder says that it is one.
            with open(path, "wb") as file:
                file.write(data)
            return
        with _draft(folder, name) as file:
            file.write(data)
    except OSError as error:
        raise OutputFileError(f"{path} cannot be written: {error.strerror}. Name another file with --output") from error


@contextlib.contextmanager
def _draft(folder: str, name: str):  # type: ignore[no-untyped-def]
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{name[:50]}.", suffix=".tmp", delete=False) as file:
        try:
            yield file
            file.flush()
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(file.name, 0o666 & ~mask)
            os.replace(file.name, os.path.join(folder, name))
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(file.name)
            raise

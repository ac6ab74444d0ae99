"""Where and with what a run takes place: host, versions, git. Captured once a run.

Never fails: what cannot be found out is left out.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from typing import Any

_LIBRARIES = ("luigi", "luigi-warp", "numpy", "pandas", "pyarrow", "scikit-learn", "cloudpickle")


@functools.cache
def host() -> str:
    return socket.gethostname()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the main libraries, without importing any."""
    found = {"python": platform.python_version()}
    installed = _installed()
    for name in _LIBRARIES:
        version = installed.get(name) or _version_of(name)
        if version:
            found[name] = version
    return found


def _installed() -> dict[str, str]:
    """What the names of folders say of what is installed, which is read in a hundredth of the time that asking for each takes."""
    found: dict[str, str] = {}
    for folder in sys.path:
        with contextlib.suppress(OSError):
            for name in os.listdir(folder or "."):
                if name.endswith(".dist-info"):
                    distribution, _, version = name.removesuffix(".dist-info").partition("-")
                    found.setdefault(distribution.lower().replace("_", "-"), version)
    return found


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


class Git:
    """A question to git about the working tree around a folder, which it answers while others work."""

    def __init__(self, folder: str) -> None:
        command = ["git", "-C", folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
        quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        self._process: subprocess.Popen[str] | None = None
        with contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True, env=quiet, start_new_session=True
            )

    def answer(self) -> dict[str, Any]:
        """Commit and dirty flag; nothing where there is no working tree, or no answer within five seconds."""
        process, self._process = self._process, None
        if process is None:
            return {}
        with process:
            try:
                lines = process.communicate(timeout=5)[0].splitlines()
            except (OSError, ValueError, subprocess.SubprocessError):
                process.kill()
                return {}
        if process.returncode != 0:
            return {}
        commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "")
        return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}

    def close(self) -> None:
        """Nobody wants to know any more."""
        if self._process is not None:
            self._process.kill()
            self.answer()

"""Where and with what a run takes place: host, versions, git. Captured once a run, and only if something runs.

Never fails: what cannot be found out is left out.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import socket
import subprocess
from typing import Any

_LIBRARIES = ("luigi", "luigi-warp", "numpy", "pandas", "pyarrow", "scikit-learn", "cloudpickle")


@functools.cache
def host() -> str:
    return socket.gethostname()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the main libraries, without importing any."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git(folder: str) -> dict[str, Any]:
    """Commit and dirty flag of the working tree around `folder`; nothing where there is none."""
    command = ["git", "-C", folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=True, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"}, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = done.stdout.splitlines()
    commit = next((line.split()[2] for line in lines if line.startswith("# branch.oid ")), "")
    return {"commit": commit, "dirty": any(not line.startswith("#") for line in lines)}

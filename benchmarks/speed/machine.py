"""What the numbers were measured on; nothing that would name a person or a path."""

from __future__ import annotations

import os
import pathlib
import platform
import subprocess
from importlib import metadata
from typing import Any


def facts() -> dict[str, Any]:
    """Cores, system, Python and the versions that matter."""
    versions = {name: _version(name) for name in ("luigi", "pyarrow", "pandas", "numpy", "scikit-learn", "blake3")}
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": versions,
        "commit": _commit(),
    }


def load() -> float:
    """How many processes have wanted a core during the last minute, ours included."""
    return round(os.getloadavg()[0], 1)


def _commit() -> str:
    """What was measured; "+" if files were changed since."""
    folder = pathlib.Path(__file__).parent
    try:
        names = [["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain", "--untracked-files=no", ":/pipeline", ":/targets"]]
        commit, changed = (subprocess.run(name, cwd=folder, capture_output=True, text=True, check=True).stdout.strip() for name in names)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"

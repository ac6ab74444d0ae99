"""What the numbers were measured on; nothing that would name a person or a path."""

from __future__ import annotations

import os
import platform
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
    }


def load() -> float:
    """How many processes have wanted a core during the last minute, ours included."""
    return round(os.getloadavg()[0], 1)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"

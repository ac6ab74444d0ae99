"""Telling somebody whose own `pipeline.py` or `targets.py` hides our package of that name.

Without this the first sign would be an AttributeError about something that is plainly in the documentation.
"""

from __future__ import annotations

import importlib.util
import os
import sys

from targets.errors import ShadowedPackageError

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check(name: str) -> None:
    """`ShadowedPackageError` where `import <name>` gives something else than our package."""
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return
        origin = spec.origin if spec is not None else None
    if origin is None or os.path.dirname(os.path.abspath(origin)) == os.path.join(_HOME, name):
        return
    raise ShadowedPackageError(
        f"{origin} hides the package {name!r} of luigi-warp: rename your {os.path.basename(origin)}, or move it into a package of your app"
    )

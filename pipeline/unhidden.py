"""Makes sure that `targets` is our package, before anything is imported from it.

A user's own `targets.py` would hide it, and with it the exception that says so; that one is loaded by its place.
"""

from __future__ import annotations

import importlib.util
import os
import sys

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def insist() -> None:
    """`ShadowedPackageError` where another module is named `targets`."""
    loaded = sys.modules.get("targets")
    spec = None if loaded is not None else importlib.util.find_spec("targets")
    origin = getattr(loaded, "__file__", None) or (spec.origin if spec is not None else None)
    if origin is None or os.path.dirname(os.path.abspath(origin)) == os.path.join(_HOME, "targets"):
        return
    place = importlib.util.spec_from_file_location("luigi_warp_errors", os.path.join(_HOME, "targets", "errors.py"))
    assert place is not None
    assert place.loader is not None
    errors = importlib.util.module_from_spec(place)
    place.loader.exec_module(errors)
    raise errors.ShadowedPackageError(
        f"{origin} hides the package 'targets' of luigi-warp: rename your {os.path.basename(origin)}, or move it into a package of your app"
    )

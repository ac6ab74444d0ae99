"""Which modules are project code, and where a dotted name leads without importing libraries.

Project code is the task's own top-level package wherever it lies, what `[pipeline] project` names, and any module
outside the standard library and site-packages. `pipeline` and `targets` themselves never are.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import site
import sys
from pathlib import Path

_OURS = frozenset({"pipeline", "targets"})
_BUILTIN = frozenset(sys.builtin_module_names) | frozenset(sys.stdlib_module_names)


@functools.cache
def main_name() -> str:
    """What the program's own module is called where it is imported, so that `python run.py` and `luigi-warp --module run` agree."""
    main = sys.modules.get("__main__")
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec is not None else Path(file).stem if file else "__main__"


@functools.cache
def _library_folders() -> tuple[str, ...]:
    # `sysconfig` says it, too, and takes longer to import than all that is asked here.
    folders = {os.path.dirname(os.__file__)}
    folders.update(entry for entry in sys.path if _holds_installed(entry))
    folders.update(site.getsitepackages() if hasattr(site, "getsitepackages") else [])
    folders.add(site.getusersitepackages() if hasattr(site, "getusersitepackages") else "")
    return tuple(sorted(os.path.realpath(folder) + os.sep for folder in folders if folder))


def _holds_installed(entry: str) -> bool:
    """Whether a folder of `sys.path` is one into which packages are installed, be it by `pip install --target`."""
    if os.path.basename(entry) in ("site-packages", "dist-packages"):
        return True
    try:
        return any(name.endswith(".dist-info") for name in os.listdir(entry or os.curdir))
    except OSError:  # an archive, or it is not there
        return False


@functools.cache
def _lies_among_libraries(top: str) -> bool | None:
    """Whether a top-level module is installed; None where it cannot be found."""
    module = sys.modules.get(top)
    origin = getattr(module, "__file__", None)
    paths = list(getattr(module, "__path__", []) or [])
    if module is None:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        origin, paths = spec.origin, list(spec.submodule_search_locations or [])
    places = [origin] if origin and origin not in ("built-in", "frozen") else paths
    if not places:
        return None
    return all(os.path.realpath(place).startswith(_library_folders()) for place in places)


class Project:
    """What is project code for tasks of one top-level package."""

    def __init__(self, tops: frozenset[str]) -> None:
        self.tops = tops

    def owns(self, module: str | None) -> bool:
        """Whether a module is project code."""
        if not isinstance(module, str) or not module:  # a library may have put anything there
            return False
        top = module.split(".")[0]
        if top in _OURS:
            return False
        if top in self.tops or top == "__main__":
            return True
        if top in _BUILTIN:
            return False
        return _lies_among_libraries(top) is False

    @staticmethod
    def is_library(module: str | None) -> bool:
        """Whether a module belongs to an installed library (neither project, ours, nor the standard library)."""
        top = module.split(".")[0] if isinstance(module, str) else ""
        return bool(top) and top not in _OURS and top not in _BUILTIN and top != "__main__" and _lies_among_libraries(top) is True

"""Modules of the project by their names, as code that imports them means it."""

from __future__ import annotations

import importlib
import logging
import sys
import types
from collections.abc import Mapping
from typing import Any

log = logging.getLogger("pipeline")


def absolute(name: str, level: int, environment: Mapping[str, Any]) -> str:
    """The whole name of a module that is imported in one with these names."""
    if not level:
        return name
    package = (environment.get("__package__") or environment.get("__name__") or "").split(".")
    base = package[: len(package) - (level - 1)]
    return ".".join([*base, name]) if name else ".".join(base)


def imported(name: str) -> types.ModuleType | None:
    """The module of this name, imported now where it was not; None where it cannot be."""
    module = sys.modules.get(name)
    if module is None:
        try:
            module = importlib.import_module(name)
        except ImportError:
            return None
        except (Exception, SystemExit) as error:
            # It may never be imported where it matters: on a machine without a GPU, say.
            log.warning("%s cannot be imported here, so that changes of it will not be noticed: %s: %s", name, type(error).__name__, error)
            return None
    return module

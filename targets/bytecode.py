"""Bytecode: what functions are compiled to that a pickle holds by value.

Another version of Python cannot run it, and does not say so: to load it may end the process. So a part says by which Python its code was
compiled, where it has any, and no other decodes it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterable
from typing import Any

from targets.errors import LoadError
from targets.record import Part

THIS = sys.implementation.cache_tag or sys.version


def among(named: frozenset[Any]) -> str:
    """Who compiled the code in a pickle that names these; empty where there is none."""
    return THIS if types.CodeType in named else ""


def misfit(parts: Iterable[Part]) -> str:
    """In words, why these cannot be loaded by this Python; empty where they can."""
    others = [part.bytecode for part in parts if part.bytecode not in ("", THIS)]
    return f"it holds functions that {others[0]} has compiled, and {THIS} cannot run" if others else ""


def insist_on_this(part: Part, owner: object) -> None:
    words = misfit([part])
    if words:
        raise LoadError(f"{owner} cannot be loaded: {words}: build it again")

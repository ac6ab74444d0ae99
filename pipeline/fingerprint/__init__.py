"""Fingerprints: a hash of the project code that a task reaches, and the pieces it is made of.

Promises: the same code gives the same fingerprint in every process, on every machine, in every folder and under
every supported version of Python; a changed piece gives another one and can be named. It describes the code that is
loaded; where that is not the code on disk, `StaleSourceError`.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from typing import Any

from pipeline import definitions, settings
from pipeline.errors import ConfigurationError
from pipeline.fingerprint import normal
from pipeline.fingerprint.names import Chain
from pipeline.fingerprint.project import Project
from pipeline.fingerprint.reach import Walk
from targets import seal


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hash, the hash of each piece by name, and the libraries that the pieces import."""

    digest: str
    pieces: dict[str, str]
    libraries: tuple[str, ...]
    #: How each piece looks, for a diff; asked for only when code is stored or shown.
    nodes: dict[str, list[Any]] = field(repr=False, compare=False)

    def text(self, name: str) -> str:
        return normal.text(self.nodes.get(name, []))


def of_task(cls: Any) -> Fingerprint:
    """The fingerprint of a task class."""
    walk = Walk(project_of(cls.__module__.split(".")[0])).run(cls)
    extra: dict[str, str] = {}
    version = definitions.version_of(cls)
    if version:
        extra["version"] = version
    for name in getattr(cls, "reads", ()):
        extra[f"reads {name}"] = seal.file_digest(_beside(cls, name))
    return _made_from(walk, extra)


def of_object(value: Any) -> str:
    """The fingerprint of a class or function that an output names; empty where it is not project code."""
    module = getattr(value, "__module__", None) or ""
    return _made_from(_walk_from(module).run(value), {}).digest if is_project(module) else ""


def of_chain(module: str, chain: Chain) -> str:
    """The fingerprint of what code that a pickle has by value asks a module for, be it a number; empty where that is not project code."""
    return _made_from(_walk_from(module).follow(module, chain), {}).digest if is_project(module) else ""


def is_project(module: Any) -> bool:
    """Whether a module is project code for every task; imports nothing."""
    return project_of("").owns(module)


def _walk_from(module: str) -> Walk:
    return Walk(project_of(module.split(".")[0]))


def _made_from(walk: Walk, extra: dict[str, str]) -> Fingerprint:
    pieces = {name: seal.short_digest(form.encode("utf-8", "surrogatepass"))[:16] for name, (form, _) in walk.pieces.items()}
    pieces.update({name: seal.short_digest(text.encode())[:16] for name, text in extra.items()})
    digest = seal.combine(f"{name} {piece}" for name, piece in sorted(pieces.items()))
    return Fingerprint(digest, pieces, tuple(sorted(walk.libraries)), {name: nodes for name, (_, nodes) in walk.pieces.items()})


@functools.lru_cache(maxsize=64)
def project_of(top: str) -> Project:
    """What is project code for tasks of this top-level package, by today's settings."""
    named = settings.read().project.replace(",", " ").split()
    return Project(frozenset([*named, *([top] if top else [])]))


def _beside(cls: Any, name: str) -> str:
    import sys

    says = next((base for base in cls.__mro__ if "reads" in vars(base)), cls)
    folder = os.path.dirname(getattr(sys.modules.get(says.__module__), "__file__", None) or "") or os.curdir
    for place in (folder, os.curdir):
        path = os.path.join(place, name)
        if os.path.isfile(path):
            return path
    if any(os.path.isdir(os.path.join(place, name)) for place in (folder, os.curdir)):
        raise ConfigurationError(f"{cls.__name__} reads {name!r}, which is a folder: name its files, or require ExternalFile({name!r})")
    raise ConfigurationError(f"{cls.__name__} reads {name!r}, which is neither in {folder} nor in the current folder: correct the path")

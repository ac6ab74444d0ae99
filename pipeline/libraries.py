"""Versions of libraries: of those that the code of a step imports and that its pickle names."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterable, Mapping

from targets.record import Constant


@functools.cache
def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


@functools.cache
def distribution_of(module: str) -> str | None:
    """The distribution that a top-level module belongs to (`sklearn`: `scikit-learn`)."""
    if version_of(module) is not None:
        return module
    found = _distributions().get(module)
    return found[0] if found else None


@functools.cache
def versions_of(modules: frozenset[str]) -> Mapping[str, str]:
    """Distribution and version of each of these modules that is an installed library."""
    found: dict[str, str] = {}
    for module in sorted(modules):
        distribution = distribution_of(module)
        version = version_of(distribution) if distribution else None
        if distribution and version:
            found[distribution] = version
    return Constant(found)


def today(distributions: Iterable[str]) -> dict[str, str]:
    """The versions that these have now; empty for one that is not installed."""
    return {distribution: version_of(distribution) or "" for distribution in distributions}


def changes(recorded: Mapping[str, str]) -> str:
    """Which of the recorded versions are not today's, in words; empty where all are."""
    words = []
    for distribution, version in recorded.items():
        today = version_of(distribution)
        if today != version:
            words.append(f"{distribution} {version} -> {today or 'not installed'}")
    return ", ".join(words)

"""All outputs that a store holds, found by their records. What cannot be read as a record is among them: whoever looks at it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from targets.record import SUFFIX
from targets.store import Store
from targets.target import Place, Target


def outputs(store: Store) -> Iterator[Target[Any]]:
    """A target for each record of a store, folder by folder. Its format is not known: it finds records and verifies bytes, and does not load."""
    for folder in store.folders():
        for name in sorted(name for name in store.list(folder) if name.endswith(SUFFIX) and not name.startswith(".")):
            yield Target(Place(store, f"{folder}/{name.removesuffix(SUFFIX)}"))

"""All outputs that a store holds, found by their records. What cannot be read as a record is among them: whoever looks at it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from targets.place import Place
from targets.record import SUFFIX
from targets.store import Store
from targets.target import Target


def outputs(store: Store, folder: str | None = None) -> Iterator[Target[Any]]:
    """A target for each record of a store, or of one folder. Its format is not known: it finds records and verifies bytes, and does not load."""
    for place in store.folders() if folder is None else (folder,):
        for name in sorted(name for name in store.list(place) if name.endswith(SUFFIX) and not name.startswith(".")):
            yield Target(Place(store, f"{place}/{name.removesuffix(SUFFIX)}"))

"""What a store held when its folders were looked through: one listing in the place of a question for each output.

Promises: a name of a folder that was looked through is answered from the listing as far as the listing says anything; every other
question goes to the store. It is as old as the listing, so it serves to plan; what is about to be written or loaded asks the store.
"""

from __future__ import annotations

from collections.abc import Iterable

from targets.record import SUFFIX
from targets.store import Listed, Stamp, Store

_AT_A_TIME = 1000


class Snapshot:
    """The reading half of a store. See the module."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folders: dict[str, dict[str, Listed | None]] = {}
        self._batches: dict[str, list[str]] = {}
        self._read: dict[str, bytes] = {}

    def look_through(self, folder: str, records: Iterable[str]) -> None:
        """List a folder; of its files these records will be asked for."""
        # Where a listing does not say sizes, what is beside the records serves nobody.
        listed = self._folders[folder] = {name: found for name, found in self._store.scan(folder) if found is not None or name.endswith(SUFFIX)}
        if self._store.reads_in_bulk:
            waiting = [record for record in records if record.rpartition("/")[2] in listed]
            for at in range(0, len(waiting), _AT_A_TIME):
                batch = waiting[at : at + _AT_A_TIME]
                self._batches.update(dict.fromkeys(batch, batch))

    def stamp(self, name: str) -> Stamp | None:
        known, found = self._find(name)
        return self._store.stamp(name) if not known else found.stamp if found is not None else None

    def size(self, name: str) -> int | None:
        known, found = self._find(name)
        return self._store.size(name) if not known else found.size if found is not None else None

    def read_stamped(self, name: str, size: int) -> tuple[bytes, Stamp] | None:
        if name in self._batches and name not in self._read:
            batch = [one for one in self._batches[name] if self._batches.pop(one, None)]
            self._read.update(self._store.read_all(batch))
        known, found = self._find(name)
        if known and found is None:
            return None
        data = self._read.pop(name, None)
        if data is not None and found is not None:
            return data, found.stamp
        return self._store.read_stamped(name, size)

    def _find(self, name: str) -> tuple[bool, Listed | None]:
        """Whether the listing answers, and what."""
        folder, _, base = name.rpartition("/")
        listed = self._folders.get(folder)
        if listed is None:
            return False, None
        found = listed.get(base)
        return found is not None or (base not in listed and (base.endswith(SUFFIX) or self._store.reads_in_bulk)), found

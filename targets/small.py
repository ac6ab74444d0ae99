"""Small outputs that several steps of one run load: their bytes are read and verified once, and decoded anew for each step.

Promises: what is decoded are the very bytes that a judged and trusted record speaks of. Before each use the file is looked at: where it is gone
or was touched, nothing is handed out, and the usual way of loading finds what is wrong. A bounded number of bytes is kept.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from targets import known, seal
from targets.record import Part
from targets.store import Stamp, Store
from targets.target import Target

#: Some hundred of the largest have room together.
_LARGEST = 1 << 14
#: The bytes that are kept together, each output with what there is around it.
_MOST = 1 << 22
_AROUND = 1500


@dataclass(slots=True)
class Small:
    """The verified bytes of one output, and the stamp of their file."""

    target: Target[Any]
    store: Store
    part: Part
    data: bytes
    stamp: Stamp

    def is_untouched(self) -> bool:
        return self.store.stamp(self.part.file) == self.stamp

    def decode(self) -> Any:
        return self.target.decode(io.BytesIO(self.data), self.part)


def read_small(target: Target[Any], stamp: Stamp | None) -> Small | None:
    """The output whose record had this stamp when it was judged; None where it is not small, is loaded in a way of its own, or is not in order."""
    cls, store, record = type(target), target.store, known.of_stamp(target.place, stamp)
    if record is None or record.size > _LARGEST or store.reads_in_bulk:
        return None
    if len(record.parts) != 1 or record.parts[0].kind != "file" or record.directory is not None:
        return None
    if cls.load is not Target.load or cls.load_from is not Target.load_from or cls.load_part is not Target.load_part:
        return None
    target.insist_on_trust(record)
    part = record.part(target.part)
    try:
        found = store.read_stamped(part.file, part.size)
    except IsADirectoryError:
        return None
    if found is None or len(found[0]) != part.size or seal.digest(found[0]) != part.digest:
        return None
    return Small(target, store, part, *found)


class SmallOutputs:
    """Those of one run, by the tasks that they belong to and what was found out about them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Any, Small]] = {}
        self._bytes = 0

    def find(self, task_id: str, found: Any) -> Small | None:
        """The output of a task, if this very finding is still what is known of it."""
        known = self._known.get(task_id)
        return known[1] if known is not None and known[0] is found and known[1].is_untouched() else None

    def keep(self, task_id: str, found: Any, small: Small) -> None:
        if self._bytes > _MOST:
            self._known.clear()
            self._bytes = 0
        self._known[task_id] = (found, small)
        self._bytes += len(small.data) + _AROUND

"""Where an output lives: a store, and the name that all its files share."""

from __future__ import annotations

import dataclasses

from targets.naming import key_of
from targets.record import SUFFIX
from targets.store import Store


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A store and the name, without extension, that all files of an output share."""

    store: Store
    stem: str

    @property
    def record_name(self) -> str:
        return self.stem + SUFFIX

    @property
    def key(self) -> str:
        return key_of(self.stem.rpartition("/")[2])

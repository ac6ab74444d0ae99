"""How stores are written: what the configuration of the app says, and what holds where there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True, slots=True)
class StoreOptions:
    """`durable`: every commit is on the disk before it counts. `umask`: what others may not do with files and directories of a store.
    `lease`: seconds after which a writer on an object store that gives no sign of life counts as dead."""

    durable: bool = False
    umask: int = 0o077
    lease: float = 60.0


_default = StoreOptions()


def _usual() -> StoreOptions:
    return _default


#: Asked for every commit. An app's settings put their own in this place.
current: Callable[[], StoreOptions] = _usual

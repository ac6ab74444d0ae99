"""Loads that steps of one process share (`share_inputs = True`): opt-in, since each sees what another does to the object.

Promises: a shared value belongs to the record that was judged; it is let go when the last step of the plan that wants it is done, at the latest
at the end of the run. A child process knows only its own steps, so it also lets go of what its next step does not require.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from targets.store import Stamp


class Shared:
    """What was loaded and is still wanted, by task id."""

    def __init__(self) -> None:
        self._wanted: Counter[str] = Counter()
        self._wants: dict[str, list[str]] = {}
        self._values: dict[str, tuple[Stamp, Mapping[str, Any], Any]] = {}

    def expect(self, task_id: str, required: Iterable[str]) -> None:
        """A step is going to load these."""
        self._wants[task_id] = names = list(dict.fromkeys(required))
        self._wanted.update(names)

    def begin(self, task_id: str, *, alone: bool) -> None:
        """A step begins; where other processes work too (not `alone`), nothing is kept that it does not want."""
        if not alone:
            wanted = self._wants.get(task_id, ())
            for name in [name for name in self._values if name not in wanted]:
                del self._values[name]

    def get(self, task_id: str, stamp: Stamp | None, options: Mapping[str, Any]) -> tuple[bool, Any]:
        """Whether there is such a value, and the value."""
        found = self._values.get(task_id)
        if found is None or stamp is None or found[0] != stamp or found[1] != options:
            return False, None
        return True, found[2]

    def keep(self, task_id: str, stamp: Stamp | None, options: Mapping[str, Any], value: Any) -> None:
        """Keep a value for as long as it is wanted."""
        if stamp is not None and self._wanted[task_id] > 0:
            self._values[task_id] = (stamp, options, value)

    def done(self, task_id: str) -> None:
        """A step is done with what it wanted."""
        for name in self._wants.pop(task_id, ()):
            self._wanted[name] -= 1
            if not self._wanted[name]:
                self._values.pop(name, None)

"""What stands in the place of stores and of stored outputs while a test says so: see `pipeline.testing`, which alone sets it.

Promises: a test's stand-ins hold for the whole process and what it forks, in whatever way tasks are run or asked; outside of tests nothing
is set, and looking costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from targets import Target


class Mock(Protocol):
    """Stands in for the output of a task."""

    @property
    def identity(self) -> str: ...

    def target(self, task: Any) -> Target[Any]: ...

    def load(self) -> Any: ...


class Mocks(Protocol):
    """Which tasks have one."""

    def of(self, task: Any) -> Mock | None: ...


#: Where every task's output lives, whatever code and settings say.
store: str | None = None
#: Outputs that count as stored and current.
outputs: Mocks | None = None


def mock_of(task: Any) -> Mock | None:
    return outputs.of(task) if outputs is not None else None

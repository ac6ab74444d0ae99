"""How our own tasks are told from plain Luigi ones, by modules that come before those that define them.

Promises: a plain task is never taken for one of ours, whatever its attributes and parameters are called; asking costs less than
`isinstance(task, BaseTask)`, which goes through an abstract class.
"""

from __future__ import annotations

from typing import Any


class Ours:
    """What every task of this package is, and no other."""

    key: str


def name_of(task: Any) -> str:
    """What a task is listed and chosen by: its key, for a plain Luigi task its id."""
    return task.key if isinstance(task, Ours) else str(task.task_id)

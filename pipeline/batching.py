"""Tasks for which another one has run, by Luigi's `batch_method`: what became of that became of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from luigi.scheduler import DONE, FAILED

from pipeline.settled import Settled


def settle(members: Iterable[Any], task_id: str, status: str, settled: dict[str, Settled]) -> None:
    """The members of a batch have failed with the task that ran for them; what failed before has not, where this time it did not.

    That they are complete otherwise is not said here: whether they are is asked at the end of the run.
    """
    for member in members:
        if member.task_id == task_id:
            continue
        if status == FAILED and task_id in settled:
            settled[member.task_id] = settled[task_id]._replace(task_id=member.task_id)
        elif status == DONE and member.task_id in settled and settled[member.task_id].state == "failed":
            del settled[member.task_id]

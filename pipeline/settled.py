"""What became of one task while a job ran: what travels from where it ran to the run's outcomes."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.verdict import Verdict


class Settled(NamedTuple):
    task_id: str
    #: ran, kept, failed or skipped.
    state: str
    duration: float = 0.0
    #: The exception; from another process (message, traceback, the same in short), since many cannot be pickled.
    error: Any = None
    #: When it began, in seconds since the epoch.
    begun: float | None = None
    identity: str | None = None
    #: Why it ran, as it was judged just before.
    verdict: Verdict | None = None

"""Old entries of the history are removed, where a setting says how old they may become.

Promises: what is left of a run is never taken for one that did not come to its end, also where this is cut off. What did not come to its end
stays: it may still be at work. A history that cannot be removed from does not fail a run.
"""

from __future__ import annotations

import logging
import time

from pipeline.entry import BEGUN, ENDED, FOLDER, TASKS
from targets.errors import PipelineError
from targets.store import Store

log = logging.getLogger("pipeline")


def old_runs(store: Store, days: float, *, but: str) -> None:
    """Forget the runs that began more than so many days ago, but not this one, however long it took; 0: none."""
    if not days:
        return
    from pipeline import entries

    # An id begins with the moment at which its run did.
    first = time.strftime("%Y%m%dT%H%M%S", time.gmtime(time.time() - days * 86_400))
    try:
        old = [run for run, head in entries.ids(store).items() if run < first and run != but and not head.endswith(BEGUN)]
        # The head last: a beginning alone is that of a run that was killed.
        store.delete(*(f"{FOLDER}/{run}{ending}" for run in old for ending in (TASKS, BEGUN)))
        store.delete(*(f"{FOLDER}/{run}{ENDED}" for run in old))
    except (OSError, PipelineError) as error:
        log.warning("the history is kept for longer than history_days: %s", error)

"""The ends of the logs of steps that failed in a run, for its report.

A log is that of a step's last execution: one that has run again since has another, which is not shown. Logs are looked for in the store
that has the history; what cannot be read is left out, with a warning, since the report has the error in any case.
"""

from __future__ import annotations

import logging

from pipeline import steplogs
from pipeline.entries import RunEntry
from targets.errors import PipelineError
from targets.naming import named_key
from targets.store import Store
from targets.target import LOG

log = logging.getLogger("pipeline")

#: So many lines of each, of so many steps.
LINES, STEPS = 60, 25


def of_failed(store: Store, entry: RunEntry) -> dict[str, str]:
    """The last lines of the logs of failed steps, with the traceback, by their keys."""
    wanted = [task.key for task in entry.tasks if task.state == "failed"][:STEPS]
    found: dict[str, str] = {}
    for name in steplogs.find(store, "") if wanted else ():
        key = named_key(name.rpartition("/")[2].removesuffix(LOG))
        if key not in wanted or key is None:
            continue
        try:
            last = steplogs.read_at(store, name)
        except (OSError, PipelineError) as error:
            log.warning("the log %s cannot be read: %s", name, error)
            continue
        if last is not None and last.run == entry.id:
            found[key] = "\n".join(line[:500] for line in last.text.splitlines()[-LINES:])
    return found

"""A process that a step forks, and that comes back from the step as if it were the run: it ends there.

It would go on to store, schedule and clean up in the place of its parent, which does all that itself. So it ends with the exit code that it asked
for (`sys.exit`), 0 where it came back, and 1 with the traceback where it was left by an exception.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from pipeline import capture
from pipeline.secrets import redact
from targets import processes


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """No other process than the one that enters the block leaves it."""
    here = processes.current
    try:
        yield
    except SystemExit as asked:
        if processes.current != here:
            _end(asked.code if isinstance(asked.code, int) else int(asked.code is not None))
        raise
    except BaseException:
        if processes.current != here:
            print(redact(traceback.format_exc()), file=sys.stderr)
            _end(1)
        raise
    if processes.current != here:
        _end(0)


def _end(code: int) -> NoReturn:
    try:
        capture.flush()
    finally:
        os._exit(code & 0xFF)

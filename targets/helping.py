"""A second thread that does a part of the work.

Promises: it is done when the block is left, and no thread outlives it. What goes wrong in it is raised then, unless the block is left by an
exception of its own.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def helped(work: Callable[[], None], *, end: Callable[[], None] = lambda: None) -> Iterator[bool]:
    """Do this in a second thread meanwhile; `end` tells it that nothing more will come. False: this process may have no more threads."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    helper = threading.Thread(target=run, daemon=True, name="luigi-warp helper")
    try:
        helper.start()
    except RuntimeError:
        yield False
        return
    try:
        yield True
    finally:
        end()
        helper.join()
    if errors:
        raise errors[0]

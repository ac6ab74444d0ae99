"""Directories of a store: made as they are needed, for this user only, with all that is missing above them."""

from __future__ import annotations

import os


def make_private(folder: str) -> None:
    """Like `os.makedirs`, which gives the directories on the way to everybody."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    except FileNotFoundError:
        make_private(os.path.dirname(folder))
        make_private(folder)

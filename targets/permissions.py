"""Who may read and write what lies in a store: this user alone, or whom the umask of the store's options lets in.

The umask of the process cannot do it: it may be narrower than a team wants, and wider than a store should be.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from targets import store_options

_ALONE = 0o077


def make_private(folder: str, *, again: bool = False) -> None:
    """Like `os.makedirs`, which gives the directories on the way to everybody. `again`: the folder above was there a moment ago."""
    umask = store_options.current().umask
    try:
        os.mkdir(folder, 0o777 & ~umask)
        if umask != _ALONE:
            let_in(folder, umask)
    except FileExistsError:
        if not os.path.isdir(folder):
            words = "a file, or a link that leads nowhere, is where a folder should be: move it away"
            raise NotADirectoryError(errno.ENOTDIR, words, folder) from None
    except FileNotFoundError:
        above = os.path.dirname(folder)
        if again and os.path.isdir(above):
            raise  # a file system in which nobody can make anything, as /proc, says so in these words
        make_private(above)
        make_private(folder, again=True)


def create(path: str | os.PathLike[str], flags: int) -> int:
    """Open a file that may be new; returns the descriptor."""
    umask = store_options.current().umask
    descriptor = os.open(path, flags | os.O_CREAT, 0o666 & ~umask)
    if umask != _ALONE:
        with suppress(PermissionError):  # it was there, and is somebody else's
            os.fchmod(descriptor, 0o666 & ~umask)
    return descriptor


def let_in(path: str, umask: int | None = None) -> None:
    """Give a file or directory that somebody else has made the permissions of a store; a link is left alone."""
    umask = store_options.current().umask if umask is None else umask
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        return
    wanted = permissions(found.st_mode, umask)
    if stat.S_IMODE(found.st_mode) != wanted:
        os.chmod(path, wanted)


def let_in_tree(path: str) -> None:
    """The same for a directory with all that is below it."""
    umask = store_options.current().umask
    let_in(path, umask)
    for folder, below, files in os.walk(path):
        for name in [*below, *files]:
            let_in(os.path.join(folder, name), umask)


def permissions(mode: int, umask: int) -> int:
    """What a file or directory of this mode should have. Who may run a file is its maker's to say; a group that is inherited stays."""
    everything = 0o777 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o666
    return (stat.S_IMODE(mode) & (stat.S_ISGID if stat.S_ISDIR(mode) else 0)) | (everything & ~umask)

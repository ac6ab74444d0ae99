"""Looking a store over, and putting right what can be put right.

Promises: looking changes nothing. Whatever is repaired is repaired as the next run would do it: under the key's lock, after another look, and what
is damaged or belongs to nobody is moved to the quarantine, not deleted. Outputs that are set aside are made again by the next run that
needs them. What a newer version wrote, or somebody else owns, is only named.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from typing import Any

from pipeline import entries, failures, recovery
from targets import known, leases, permissions, store_options, trust
from targets.errors import DamagedError, NewerRecordError, PipelineError, RecordError, StoreError
from targets.inventory import outputs
from targets.local_store import LocalStore
from targets.naming import INTERNAL, is_begun, named_key
from targets.record import SUFFIX
from targets.store import QUARANTINE, UNFINISHED, Store
from targets.target import Target

#: What lies beside a record and is no data.
_COMPANIONS = (SUFFIX, failures.SUFFIX, ".log")


@dataclasses.dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is not as it should be. `fixed`: it was, and is no more."""

    kind: str
    where: str
    words: str
    fixed: bool = False
    #: Nothing is wrong: somebody may want to know.
    is_note: bool = False


def examine(store: Store, *, fix: bool = False, read: bool = True) -> Iterator[Complaint]:
    """All that is not as it should be in a store. `read`: read every byte of all outputs, too."""
    known.forget_all()
    try:
        if fix:
            with store.lock("0" * 32):
                pass
        else:
            next(iter(store.folders()), None)
    except (StoreError, OSError) as error:
        yield Complaint("store", store.url, str(error))
        return
    if isinstance(store, LocalStore):
        unwritable = _unwritable(store)
        if unwritable is not None:
            yield Complaint("store", store.url, unwritable)
            if not os.path.isdir(store.url):
                return  # there is nothing to look at
        yield from _permissions(store, fix)
    yield from _power_cuts(store, fix)
    yield from _leftovers(store, fix)
    yield from _outputs(store, fix, read)
    yield from _strays(store, fix)
    yield from _leases(store, fix)
    yield from _notes(store)


def _unwritable(store: LocalStore) -> str | None:
    """Words where nothing can be written, as far as a look tells."""
    place = os.path.abspath(store.where(UNFINISHED))
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        return f"the store cannot be written: {place} is no directory"
    return None if os.access(place, os.W_OK | os.X_OK) else f"the store cannot be written: nothing can be made in {place}"


def _permissions(store: LocalStore, fix: bool) -> Iterator[Complaint]:
    umask = store_options.current().umask
    for path in _ours(store):
        with suppress(FileNotFoundError):
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                yield Complaint("link", path, f"is a link to {os.readlink(path)}; a store holds no links")
            elif hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0) and umask & 0o070:
                yield Complaint("owner", path, f"belongs to user {found.st_uid}, who can change it")
            elif stat.S_IMODE(found.st_mode) & umask:
                words = f"has mode {stat.S_IMODE(found.st_mode):04o}, which lets in others than umask {umask:03o} says"
                fixed = False
                if fix:
                    with suppress(PermissionError):
                        permissions.let_in(path, umask)
                        fixed = True
                yield Complaint("permissions", path, words, fixed)


def _ours(store: LocalStore) -> Iterator[str]:
    """What the layer has written. A store may lie in a folder with other things, which are nobody's business here."""
    internal = os.path.join(store.url, INTERNAL)
    families = list(_families(store))
    above = {"/".join(parts[:count]) for parts in (folder.split("/") for folder in families) for count in range(1, len(parts) + 1)}
    with suppress(OSError):  # nothing was ever stored, or another complaint says why not
        if {name for name in os.listdir(store.url) if name != INTERNAL} <= above:
            yield os.path.realpath(store.url)  # the store itself may be a link
    yield internal
    yield from _below(internal)
    for folder in sorted(above):
        yield os.path.join(store.url, folder)
    for folder in families:
        with os.scandir(os.path.join(store.url, folder)) as found:
            named = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in found if named_key(entry.name) is not None or entry.is_symlink()]
        for path, is_folder in sorted(named):
            yield path
            if is_folder:
                yield from _below(path)


def _below(root: str) -> Iterator[str]:
    for folder, below, files in os.walk(root):
        for name in sorted(name for name in [*below, *files] if not is_begun(name)):
            yield os.path.join(folder, name)


def _families(store: Store) -> Iterator[str]:
    """Folders in which outputs are stored, as their records say."""
    for folder in store.folders():
        if any(name.endswith(SUFFIX) and named_key(name) is not None for name in store.list(folder)):
            yield folder


def _power_cuts(store: Store, fix: bool) -> Iterator[Complaint]:
    lost = recovery.cut_off(store)
    if lost and fix:
        recovery.recover(store)
    for run in lost:
        yield Complaint(
            "power cut", store.url, f"run {run} was at work when the machine went down (or the disk refused); what it wrote may be damaged", fixed=fix
        )


def _leftovers(store: Store, fix: bool) -> Iterator[Complaint]:
    for folder in [*store.folders(), UNFINISHED]:
        for name in store.abandoned(folder):
            yield Complaint("leftover", store.where(f"{folder}/{name}"), "was begun by a process that is no more", fixed=fix)
        if fix:
            store.sweep(folder)


def _outputs(store: Store, fix: bool, read: bool) -> Iterator[Complaint]:
    for target in outputs(store):
        kind, words, mendable = _what_is_wrong(target, read)
        if kind:
            yield Complaint(kind, store.where(target.place.stem), words, fixed=fix and mendable and target.quarantine())


def _what_is_wrong(target: Target[Any], read: bool) -> tuple[str, str, bool]:
    """(kind, words, whether setting the output aside mends it)."""
    try:
        found = target.find_record()
        if found is None:
            return "", "", False
        record = found[0]
        distrusted = trust.distrust(record)
        if distrusted is not None:
            return "untrusted", distrusted, False
        if record.trimmed:
            return "", "", False
        wrong = target.what_is_wrong(record)
        if wrong is not None:
            return wrong[0].lower(), wrong[1], True
        if read:
            target.verify_bytes(record)
    except NewerRecordError as error:
        return "newer", str(error), False
    except (DamagedError, RecordError) as error:
        return "damaged", str(error), True
    except (PipelineError, OSError) as error:
        return "unreadable", f"{type(error).__name__}: {error}", False
    return "", "", False


def _strays(store: Store, fix: bool) -> Iterator[Complaint]:
    """Data without a record, beside others that have one: a writer died between the two, or a record was removed by hand."""
    for folder in _families(store):
        names = set(store.list(folder))
        for name in sorted(names):
            key = named_key(name)
            stem = name[: name.index(key) + len(key)] if key is not None else ""
            if key is None or name.startswith(".") or name.endswith(_COMPANIONS) or stem + SUFFIX in names:
                continue
            if not fix and store.is_locked(key):
                continue
            with store.lock(key) if fix else nullcontext():
                if store.size(f"{folder}/{name}") is None or store.size(f"{folder}/{stem}{SUFFIX}") is not None:
                    continue  # somebody was at it just now
                if fix:
                    store.quarantine(f"{folder}/{name}")
            yield Complaint("stray", store.where(f"{folder}/{name}"), "no record speaks of it, so nobody reads it", fixed=fix)


def _leases(store: Store, fix: bool) -> Iterator[Complaint]:
    """Leases whose holders give no sign of life while somebody looks."""
    before = _signs(store)
    if not before:
        return
    usual = store_options.current().lease
    time.sleep(max(leases.seconds_of(body, usual) for body in before.values()))  # a holder's own setting may be another one
    for name, sign in _signs(store).items():
        if before.get(name) == sign:
            if fix:
                store.delete(name)
            yield Complaint("lock", store.where(name), "its holder gives no sign of life", fixed=fix)


def _signs(store: Store) -> dict[str, bytes]:
    names = [f"{leases.FOLDER}/{key}/{number}" for key in store.list(leases.FOLDER) for number in store.list(f"{leases.FOLDER}/{key}")]
    return dict(store.read_all(names))


def _notes(store: Store) -> Iterator[Complaint]:
    set_aside = list(store.list(QUARANTINE))
    if set_aside:
        words = f"{len(set_aside)} damaged files were set aside; delete them when you have seen enough"
        yield Complaint("quarantine", store.where(QUARANTINE), words, is_note=True)
    unfinished = [entry.id for entry in entries.runs(store) if entry.outcome == "unfinished"]
    if unfinished:
        shown = ", ".join(unfinished[:3]) + (", ..." if len(unfinished) > 3 else "")
        yield Complaint("unfinished", store.url, f"{len(unfinished)} runs did not come to their end, or are at work: {shown}", is_note=True)

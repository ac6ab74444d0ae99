"""Code kept in the store: the pieces of a fingerprint with their normalised source, once for each fingerprint.

Records name a fingerprint only; what it was made of is needed when a later one differs, to say which piece changed and
how. Losing this costs words, never truth.
"""

from __future__ import annotations

import difflib
import json
import zlib
from typing import Any

from pipeline.fingerprint import Fingerprint
from targets.errors import StoreError
from targets.store import Store

_FOLDER = ".luigi-warp/code"
_kept: set[tuple[str, str]] = set()


def _name(digest: str) -> str:
    return f"{_FOLDER}/{digest[:2]}/{digest}.json.z"


def keep(store: Store, fingerprint: Fingerprint) -> None:
    """Make sure that the store knows what this fingerprint is made of."""
    mark = (store.url, fingerprint.digest)
    if mark in _kept:
        return
    if store.size(_name(fingerprint.digest)) is None:
        pieces = {name: [piece, fingerprint.text(name)] for name, piece in fingerprint.pieces.items()}
        store.write(_name(fingerprint.digest), zlib.compress(json.dumps(pieces).encode("utf-8", "surrogatepass"), 6))
    _kept.add(mark)


def recall(store: Store, digest: str) -> dict[str, tuple[str, str]] | None:
    """Pieces by name as (hash, source); None where the store does not know."""
    if not digest:
        return None
    try:
        with store.open(_name(digest)) as file:
            pieces = json.loads(zlib.decompress(file.read()))
        return {name: (piece, source) for name, (piece, source) in pieces.items()}
    except (OSError, StoreError, ValueError, TypeError, AttributeError, RecursionError, zlib.error):
        return None


def difference(store: Store, before: str, now: Fingerprint) -> str:
    """Which pieces changed, in words."""
    then = recall(store, before)
    if then is None:
        return "it was recorded without its code" if not before else "the code changed (what it was is not known any more)"
    changed = sorted(name for name, piece in now.pieces.items() if name in then and then[name][0] != piece)
    added = sorted(name for name in now.pieces if name not in then)
    gone = sorted(name for name in then if name not in now.pieces)
    words = [f"{_some(changed)} changed"] if changed else []
    words += [f"{_some(added)} {'are' if len(added) > 1 else 'is'} now used"] if added else []
    words += [f"{_some(gone)} {'are' if len(gone) > 1 else 'is'} no longer used"] if gone else []
    return "; ".join(words) or "the code changed"


def diff(store: Store, before: str, now: Fingerprint) -> str:
    """A unified diff of the normalised sources, piece by piece; empty where the old ones are not known."""
    then = recall(store, before)
    if then is None:
        return ""
    lines: list[str] = []
    for name in sorted(set(then) | set(now.pieces)):
        old: Any = then.get(name, ("", ""))
        if now.pieces.get(name) == old[0]:
            continue
        new = now.text(name) if name in now.pieces else ""
        lines += difflib.unified_diff(old[1].splitlines(), new.splitlines(), f"{name} (recorded)", f"{name} (today)", lineterm="")
    return "\n".join(lines)


def diff_of_two(store: Store, one: str, other: str) -> str:
    """The same between two fingerprints that the store knows; empty where it does not know both."""
    before, after = recall(store, one), recall(store, other)
    if before is None or after is None:
        return ""
    lines: list[str] = []
    for name in sorted(set(before) | set(after)):
        old, new = before.get(name, ("", "")), after.get(name, ("", ""))
        if old[0] != new[0]:
            lines += difflib.unified_diff(old[1].splitlines(), new[1].splitlines(), f"{name} (one)", f"{name} (other)", lineterm="")
    return "\n".join(lines)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

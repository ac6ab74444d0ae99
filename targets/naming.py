"""Names of files in a store: which output a file belongs to, and names that nobody else uses."""

from __future__ import annotations

import itertools
import uuid

from targets import processes
from targets.seal import short_digest

#: Where a store keeps what is no output.
INTERNAL = ".luigi-warp"
#: What a file is called that somebody is writing, and one that was put aside meanwhile.
TEMPORARY, ASIDE = ".tmp", ".aside"

_counter = itertools.count()
_token = uuid.uuid4().hex[:20]
_token_owner = processes.current


def unique() -> str:
    """Names nobody else uses, on any host; never from `random`, which a step may have seeded."""
    global _token, _token_owner
    if _token_owner != processes.current:
        _token, _token_owner = uuid.uuid4().hex[:20], processes.current
    return f"{_token}{next(_counter):x}"


def is_begun(base: str) -> bool:
    """Whether a file of this name is one that somebody is writing, or was."""
    return base.startswith(".") and base.endswith((TEMPORARY, ASIDE))


def key_of(base: str) -> str:
    """The key in a file name `<slug>-<key>.<ext>`, or as many hexadecimal characters made from the name.

    All files of an output have the same: its data, its record and what is written for them.
    """
    return named_key(base) or short_digest(base.split(".", 1)[0].encode("utf-8", "surrogatepass"))


def named_key(base: str) -> str | None:
    """The key in a file name, None where the name has none."""
    key = base.split(".", 1)[0][-32:]
    return key if len(key) == 32 and not key.strip("0123456789abcdef") else None

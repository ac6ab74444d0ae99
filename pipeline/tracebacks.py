"""An exception in few lines for a person: the project's own code, with what libraries did folded to a count.

Promises: made where the exception was raised, so that it can travel as text; what cannot be shown (a message that raises, a source that
is gone) is left out, since nothing may hide the failure itself. Secrets are not shown.
"""

from __future__ import annotations

import linecache
import os
import traceback
from collections.abc import Iterator
from types import TracebackType

from luigi.task_register import Register

from pipeline import fingerprint
from pipeline.errors import StepError
from pipeline.secrets import redact

_MOST_OWN, _MOST_CAUSES, _MOST_PARTS, _LONGEST = 12, 3, 5, 2000


def told(error: BaseException) -> str:
    """The exception, where in the project's code it came up, and what it came from."""
    lines: list[str] = []
    for how, one in _chain(error):
        lines += ["", how] if how else []
        lines += _places(one.__traceback__)
        lines += _words(one)
        if isinstance(one, BaseExceptionGroup):
            lines += [f"  - {' '.join(_words(part))}" for part in one.exceptions[:_MOST_PARTS]]
    return redact("\n".join(lines))


def _chain(error: BaseException) -> Iterator[tuple[str, BaseException]]:
    """The exception and those that it came from, each once."""
    seen: set[int] = set()
    how, one = "", error
    while len(seen) <= _MOST_CAUSES and id(one) not in seen:
        yield how, one
        seen.add(id(one))
        if one.__cause__ is not None:
            how, one = "which came from", one.__cause__
        elif one.__context__ is not None and not one.__suppress_context__:
            how, one = "which came up while this was handled", one.__context__
        else:
            return


def _words(error: BaseException) -> list[str]:
    try:
        lines = "".join(traceback.TracebackException.from_exception(error, lookup_lines=False).format_exception_only()).rstrip("\n")
    except Exception:
        lines = f"{type(error).__name__}: its message cannot be shown"
    return (lines if len(lines) <= _LONGEST else lines[:_LONGEST] + " ...").splitlines()


def _places(begin: TracebackType | None) -> list[str]:
    tops = {cls.__module__.partition(".")[0] for cls in Register._reg} - {"luigi"}
    found: list[tuple[str, list[str]]] = []
    for frame, number in traceback.walk_tb(begin):
        module = str(frame.f_globals.get("__name__") or "")
        owner = _owner(module, tops)
        if owner is None:
            continue
        if owner:
            if found and found[-1][0] == owner:
                found[-1][1].append("")
            else:
                found.append((owner, [""]))
            continue
        code = frame.f_code
        text = linecache.getline(code.co_filename, number, frame.f_globals).strip()
        found.append(("", [f"  {_short(code.co_filename)}:{number} in {code.co_name}", *([f"    {text}"] if text else [])]))
    own = [at for at, (owner, _) in enumerate(found) if not owner]
    if len(own) > _MOST_OWN:
        # A recursion: where it began and where it ended say enough.
        first, last = own[_MOST_OWN // 2], own[-_MOST_OWN // 2]
        found[first:last] = [(f"{last - first} more places of the project", [])]
    lines: list[str] = []
    for owner, folded in found:
        lines += folded if not owner else [f"  ({owner})" if not folded else f"  ({len(folded)} frame{'s' if len(folded) > 1 else ''} of {owner})"]
    return lines


def _owner(module: str, tops: set[str]) -> str | None:
    """Empty for the project's own code, else the library's name; None for what stands around every step."""
    top = module.partition(".")[0]
    if top in ("pipeline", "targets", "luigi"):
        return None
    return "" if fingerprint.project_of(top if top in tops else "").owns(module) else top or "a library"


def _short(path: str) -> str:
    """As a person in this folder would name it."""
    try:
        return path.removeprefix(os.getcwd() + os.sep)
    except OSError:  # a step has removed the current folder
        return path


def of(error: BaseException) -> str:
    """What was told where an error was raised, else what it tells here."""
    return error.told or str(error) if isinstance(error, StepError) else told(error)

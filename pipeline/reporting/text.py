"""Values as text that fits: printable, of a bounded width, and with its width known without a font.

Never fails: characters that XML cannot have, or that would turn the text around, are shown as their escapes.
"""

from __future__ import annotations

import re
import unicodedata

from pipeline.secrets import redact

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]")


def printable(value: object, *, lines: bool = False) -> str:
    """One line of text, or several; without secrets that this process knows."""
    text = redact(value if isinstance(value, str) else str(value))
    return _UNPRINTABLE.sub(_with_lines if lines else _escaped, text)


def shortened(text: str, columns: int, *, end: bool = False) -> str:
    """At most so many columns, with a … where something was left out: the end, or with `end` the beginning."""
    if width(text) <= columns:
        return text
    if end:
        return shortened(text[::-1], columns)[::-1]
    kept, used = [], 0
    for character in text:
        used += _columns(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def width(text: str) -> int:
    """How many columns it takes in a font with columns."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def visible(value: str) -> str:
    """A value as it is, and an empty one as something that can be seen."""
    return value or '""'


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _with_lines(match: re.Match[str]) -> str:
    return match[0] if match[0] in "\n\t" else "" if match[0] == "\r" else _escaped(match)

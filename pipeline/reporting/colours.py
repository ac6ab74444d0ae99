"""One calm colour for each verdict and each outcome, in light and in dark. A word always stands beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Tone:
    """A strong and a pale shade, for a light and for a dark page."""

    strong: str
    pale: str
    dark_strong: str
    dark_pale: str


_GREEN = Tone("#2f7d5b", "#eff7f2", "#6fc59d", "#17241e")
_BLUE = Tone("#2b6cb0", "#eef4fb", "#79b4ee", "#16212d")
_RED = Tone("#c0392b", "#fdf1ef", "#f08a7c", "#2e1b19")
_AMBER = Tone("#a86a12", "#fcf5e6", "#e2b25c", "#292213")
_GREY = Tone("#6b7280", "#f4f5f6", "#a4abb6", "#1e2126")

TONES: dict[str, Tone] = {
    "CURRENT": _GREEN,
    "MISSING": _BLUE,
    "DAMAGED": _RED,
    "UNTRUSTED": Tone("#a8326e", "#fcf0f6", "#ec8dbd", "#2b1923"),
    "CODE": Tone("#6b4fbb", "#f4f1fc", "#b3a0f2", "#201c2e"),
    "LIBRARY": Tone("#4656b4", "#f0f2fc", "#98a5f0", "#1a1e31"),
    "REQUIREMENTS": Tone("#1f7a80", "#ecf6f7", "#6cc5cb", "#152527"),
    "INPUT": _AMBER,
    "EXPIRED": Tone("#85592f", "#f8f3ed", "#cfa57a", "#272018"),
    "FORCED": Tone("#b84c74", "#fcf1f5", "#ee93b4", "#2c1a21"),
    "UPSTREAM": _GREY,
    "ran": _BLUE,
    "kept": _GREEN,
    "failed": _RED,
    "skipped": _AMBER,
    "unneeded": _GREY,
    "unfinished": _GREY,
}

#: From the one that needs attention most to the one that needs none.
ORDER = (
    *("failed", "skipped", "unfinished", "ran", "DAMAGED", "UNTRUSTED", "CODE", "LIBRARY", "REQUIREMENTS", "INPUT", "EXPIRED", "FORCED"),
    *("MISSING", "UPSTREAM", "CURRENT", "kept", "unneeded"),
)


def tone(name: str) -> Tone:
    """What a later version calls otherwise is grey."""
    return TONES.get(name, _GREY)


def sorted_by_attention(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

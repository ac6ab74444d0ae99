"""Durations and sizes as people write them, everywhere alike."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """What was measured, with the digits that matter: <1 ms, 12 ms, 3.4 s, 2 min 05 s, 1 h 20 min."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.00095 else "<1 ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def span(seconds: float) -> str:
    """An age or a limit, roughly: 12 s, 90 minutes, 3 days."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or seconds == length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:.0f} s" if seconds >= 1 else f"{max(seconds, 0) * 1000:.0f} ms"


def size(count: float) -> str:
    """Bytes: 512 B, 12 kB, 3.4 MB, 1.2 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.2g} {unit}" if unit != "B" and count < 9.95 else f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"

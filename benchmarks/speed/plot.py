"""A plot as SVG: CPU seconds over the number of tasks, both logarithmic, one line for each tool."""

from __future__ import annotations

import math

from benchmarks.speed.row import Row
from benchmarks.speed.suite import OURS

_WIDTH, _HEIGHT = 760, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 30, 50
_COLOURS = ("#1f6feb", "#58a6ff", "#6e7781", "#cf222e", "#bc4c00", "#8250df", "#1a7f37", "#d4a72c")


def svg(rows: list[Row], shape: str = "fan-in") -> str:
    """The plot of one shape; extrapolated points are hollow."""
    lines = _lines(rows, shape)
    points = [point for line in lines.values() for point in line]
    if not points:
        return ""
    least_x, most_x = _decades([x for x, _, _ in points])
    least_y, most_y = _decades([y for _, y, _ in points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - least_x) / (most_x - least_x)
        up = (math.log10(y) - least_y) / (most_y - least_y)
        return round(_LEFT + across * (_WIDTH - _LEFT - _RIGHT), 1), round(_HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="18" font-weight="bold">CPU seconds over tasks ({shape})</text>',
    ]
    for exponent in range(least_x, most_x + 1):
        x, low, high = at(10.0**exponent, 10.0**least_y)[0], _HEIGHT - _BOTTOM, _TOP
        parts.append(f'<path d="M{x} {low}V{high}" stroke="#d8dee4"/><text x="{x}" y="{low + 18}" text-anchor="middle">{_number(exponent)}</text>')
    for exponent in range(least_y, most_y + 1):
        y = at(10.0**least_x, 10.0**exponent)[1]
        parts.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#d8dee4"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{_number(exponent)}</text>')
    labels: list[tuple[float, float, str, str]] = []
    for (name, line), colour in zip(lines.items(), _COLOURS, strict=False):
        places = [at(x, y) for x, y, _ in line]
        parts.append(f'<polyline points="{" ".join(f"{x},{y}" for x, y in places)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), (_, _, measured) in zip(places, line, strict=True):
            parts.append(f'<circle cx="{x}" cy="{y}" r="3.5" stroke="{colour}" fill="{colour if measured else "#ffffff"}"/>')
        labels.append((places[-1][1], places[-1][0], name, colour))
    parts += _labels(labels)
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _lines(rows: list[Row], shape: str) -> dict[str, list[tuple[int, float, bool]]]:
    lines: dict[str, list[tuple[int, float, bool]]] = {}
    for row in rows:
        if row.group != shape or not row.cpu or row.phase not in ("cold", "nothing"):
            continue
        name = row.tool if row.tool != OURS else f"{row.tool}, {'cold' if row.phase == 'cold' else 'nothing to do'}"
        lines.setdefault(name, []).append((row.tasks, row.cpu, row.state == "measured"))
    return {name: sorted(line) for name, line in sorted(lines.items(), key=lambda item: not item[0].startswith(OURS))}


def _labels(wanted: list[tuple[float, float, str, str]]) -> list[str]:
    """One below the other, where lines end close to each other."""
    parts, last = [], -100.0
    for y, x, name, colour in sorted(wanted):
        last = max(y, last + 15)
        parts.append(f'<path d="M{x + 5} {y}L{_WIDTH - _RIGHT + 8} {last}" stroke="{colour}" stroke-dasharray="2 3"/>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 12}" y="{last + 4}" fill="{colour}">{name}</text>')
    return parts


def _decades(numbers: list[float]) -> tuple[int, int]:
    least, most = math.floor(math.log10(min(numbers))), math.ceil(math.log10(max(numbers)))
    return least, max(most, least + 1)


def _number(exponent: int) -> str:
    return f"{10**exponent:,}" if exponent >= 0 else f"{10.0**exponent:.{-exponent}f}"

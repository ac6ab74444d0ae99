"""A plot without a plotting library: an SVG file that any browser opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIZE = 480
MARGIN = 40


def scatter(real: np.ndarray, predicted: np.ndarray, path: Path) -> Path:
    """Real against predicted values, with the line on which a perfect model would lie."""
    low = float(min(real.min(), predicted.min()))
    high = float(max(real.max(), predicted.max()))

    def place(value: float) -> float:
        return MARGIN + (value - low) / (high - low or 1.0) * (SIZE - 2 * MARGIN)

    dots = "\n".join(
        f'<circle cx="{place(x):.1f}" cy="{SIZE - place(y):.1f}" r="3" fill="#1f77b4" fill-opacity="0.6"/>'
        for x, y in zip(real.tolist(), predicted.tolist(), strict=True)
    )
    start, end = place(low), place(high)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" font-family="sans-serif" font-size="13">\n'
        f'<rect width="{SIZE}" height="{SIZE}" fill="white"/>\n'
        f'<line x1="{start:.1f}" y1="{SIZE - start:.1f}" x2="{end:.1f}" y2="{SIZE - end:.1f}" stroke="#999" stroke-dasharray="5 4"/>\n'
        f"{dots}\n"
        f'<text x="{SIZE / 2}" y="{SIZE - 10}" text-anchor="middle">real ({low:.0f} to {high:.0f})</text>\n'
        f'<text x="14" y="{SIZE / 2}" text-anchor="middle" transform="rotate(-90 14 {SIZE / 2})">predicted</text>\n'
        "</svg>\n",
        encoding="utf-8",
    )
    return path

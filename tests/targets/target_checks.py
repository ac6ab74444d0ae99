"""What several of these tests ask: is this frame the same, what lies in the store, what does a fresh process say."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from targets.seal import PIECE, Pieces, Seal

ROOT = Path(__file__).resolve().parents[2]

#: Sizes around which a writer goes another way.
EDGES = [size + more for size in (1 << 14, 1 << 18, PIECE, 8 * PIECE) for more in (-1, 0, 1)]


def file_seal_of(data: bytes) -> Seal:
    """The seal of a file with this content."""
    pieces = Pieces()
    pieces.update(data)
    return pieces.finish()


def assert_same_frame(back: pd.DataFrame, frame: pd.DataFrame) -> None:
    """The same to pandas, and also where pandas looks away: None against NaN, order of categories, freq, attrs."""
    before, after = frame, back
    if isinstance(frame.index, pd.MultiIndex):
        # Values that no row uses are not part of the frame.
        before = frame.set_axis(frame.index.remove_unused_levels())
        after = back.set_axis(back.index.remove_unused_levels())
    pd.testing.assert_frame_equal(after, before, check_exact=True)
    assert back.attrs == frame.attrs
    assert getattr(back.index, "freq", None) == getattr(frame.index, "freq", None)
    for at, kind in enumerate(frame.dtypes):
        if isinstance(kind, pd.CategoricalDtype):
            assert list(back.dtypes.iloc[at].categories) == list(kind.categories)
        if pd.api.types.is_object_dtype(kind):
            assert [repr(cell) for cell in back.iloc[:, at]] == [repr(cell) for cell in frame.iloc[:, at]]


def everything_in(folder: Path) -> list[str]:
    """Every file and directory of a store but its locks and its quarantine, hidden ones too."""
    found = (path.relative_to(folder) for path in folder.rglob("*"))
    return sorted(path.as_posix() for path in found if path.parts[0] != ".luigi-warp")


def leftovers_in(folder: Path) -> list[str]:
    return [name for name in everything_in(folder) if "/." in f"/{name}"]


def fresh_python(code: str, *arguments: object) -> str:
    """What a new interpreter prints that runs this code."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()

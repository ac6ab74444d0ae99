"""The app that the scenarios edit: what is in `files`.

`shop` is made of plain functions, which every tool is given as they are; `flow.py` wires them up as luigi-warp's users
would, and has the steps that need something of luigi-warp's own. `GRAPH` is the wiring of the plain part as data, for
the tools that it is compared with. Each function that is a step says that it runs, in the file that SHOP_RAN names.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_FILES = Path(__file__).with_name("files")


@dataclass(frozen=True)
class Step:
    """A step of the plain part: its function, and what its arguments are: names of steps, then parameters."""

    name: str
    function: str
    needs: tuple[str, ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()


#: In an order in which they can run. `raw.txt` stands for the file.
GRAPH = (
    Step("Raw", "data.read", ("raw.txt",)),
    Step("Clean", "data.clean", ("Raw",)),
    Step("Score", "scoring.score", ("Clean",)),
    Step("Summarise", "summary.summary", ("Clean",)),
    Step("Final", "scoring.final", ("Score", "Summarise")),
    Step("Invoice", "invoice.invoice", ("Clean",)),
    Step("Labels", "labels.labels", ("Clean",)),
    Step("Dispatch", "dispatch.dispatch", ("Clean",)),
    Step("Wrapped", "wrapped.wrapped", ("Clean",)),
    Step("Imported", "imported.imported", ("Clean",)),
    Step("Inner", "inner.inner", ("Clean",)),
    Step("Chosen", "chosen.chosen", ("Clean",)),
    Step("Train", "model.train", ("Clean",)),
    Step("Predict", "model.predict", ("Train", "Clean")),
    Step("Window", "window.window", ("Clean",), (("size", 2),)),
)


def write(folder: Path) -> None:
    """Write the app into a folder."""
    shutil.copytree(_FILES, folder, dirs_exist_ok=True, copy_function=shutil.copyfile, ignore=shutil.ignore_patterns("__pycache__"))

"""One virtual environment for each tool, so that nobody's dependencies meet. Made with pip when it is first needed.

luigi-warp and the floor run in the environment of the benchmark itself.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import venv

PACKAGES = {
    "Luigi": ["luigi==3.8.1"],
    "gokart": ["gokart==1.12.2"],
    "labtech": ["labtech==1.1.0"],
    "taskproc": ["taskproc==0.25.3"],
}


class Environments:
    """The interpreters of all tools, kept below a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def python(self, tool: str) -> str:
        """The tool's interpreter; installs the tool if it is not there. `OSError` or `CalledProcessError` if it cannot."""
        if tool not in PACKAGES:
            return sys.executable
        place = self._folder / ("environment-" + "-".join(PACKAGES[tool]).replace("=", ""))
        python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
        if not (place / "complete").exists():
            venv.create(place, with_pip=True, clear=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[tool]]
            subprocess.run(command, check=True, capture_output=True, timeout=300)
            (place / "complete").touch()
        return str(python)

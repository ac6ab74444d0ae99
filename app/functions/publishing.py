"""Putting a model where it is served from."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path
from typing import Any


def publish(model: Any, directory: str) -> str:
    """Write `model.pkl` so that a reader sees the old model or the new one, never half of one."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".model-", delete=False) as file:
        try:
            pickle.dump(model, file, protocol=5)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, folder / "model.pkl")
        except BaseException:
            os.unlink(file.name)
            raise
    return str(folder / "model.pkl")

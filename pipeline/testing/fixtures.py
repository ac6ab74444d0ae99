"""Fixtures for pytest, which is imported here only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.testing.stores import temporary_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """The directory in which all outputs of this test live."""
    with temporary_store(tmp_path / "store") as folder:
        yield folder

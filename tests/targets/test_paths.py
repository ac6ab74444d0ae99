"""Looking through directories: what cannot be looked into is not empty."""

import os
import resource

import pytest

from targets import seal
from targets.errors import StoreError
from targets.paths import walk
from targets.verifying import looks_of


@pytest.fixture
def no_more_files():
    """This process may open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))

    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("look", [lambda folder: list(walk(folder)), seal.tree_digest, looks_of], ids=["walk", "digest", "looks"])
def test_what_cannot_be_looked_into_is_not_empty(look, no_more_files, tmp_path):
    (tmp_path / "a").write_text("x")
    no_more_files()
    with pytest.raises(StoreError, match="cannot look into .*Too many open files"):
        look(tmp_path)


def test_what_is_not_there_has_nothing_below_it(tmp_path):
    (tmp_path / "file").write_text("x")
    assert list(walk(tmp_path / "gone")) == list(walk(tmp_path / "file")) == []
    assert seal.tree_digest(tmp_path / "gone") == seal.tree_digest(tmp_path / "file")

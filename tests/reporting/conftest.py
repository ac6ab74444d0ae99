"""One Chromium for all tests that look at pages."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parent))

from browser import Browser, chromium  # noqa: E402


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    found = Browser(chromium(), tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()

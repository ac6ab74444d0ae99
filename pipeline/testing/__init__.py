"""Testing the steps of an app: one step without a store, a store for a test, outputs that are given, what runs again after a change.

Promises: nothing is ever written to the store that code, environment or `luigi.cfg` name, unless a test builds without any of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.testing.mocks import mock_outputs
from pipeline.testing.rehearsal import run_step
from pipeline.testing.reruns import Rerun, assert_reruns
from pipeline.testing.stores import temporary_store

if TYPE_CHECKING:
    #: A pytest fixture: `from pipeline.testing import store` in a `conftest.py`.
    store: Any


def __getattr__(name: str) -> Any:
    if name == "store":
        # pytest is there when tests run, not where the app does.
        from pipeline.testing.fixtures import store

        return store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Rerun", "assert_reruns", "mock_outputs", "run_step", "store", "temporary_store"]

"""A store of its own for every test, and Luigi's registry as it was.

The tests of faults take ten minutes, so they are run where they are asked for: by `--faults`, or by their path. `--heavy` tries ten times as
many cases.
"""

import logging
import os
import pathlib
import sys

import luigi
import pytest
from luigi.task_register import Register

import pipeline
from pipeline import Task, settings

FAULTS = pathlib.Path(__file__).parent / "faults"


def pytest_addoption(parser):
    parser.addoption("--faults", action="store_true", help="Also the tests that kill, cut off power, fill disks and flip bits: ten minutes.")
    parser.addoption("--heavy", action="store_true", help="Ten times as many cases in the tests that try faults and examples in numbers.")


def pytest_configure(config):
    # Modules read it as they are imported, where no fixture reaches.
    if config.getoption("heavy"):
        os.environ["PIPELINE_TEST_HEAVY"] = "10"


def pytest_ignore_collect(collection_path, config):
    if collection_path == FAULTS and not _with_faults(config):
        return True
    return None


def pytest_report_header(config):
    return None if _with_faults(config) else "tests/faults is left out: --faults runs it too"


def _with_faults(config):
    return config.getoption("faults") or config.getoption("heavy") or any("faults" in argument for argument in config.args)


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """The directory in which the test's outputs live."""
    folder = tmp_path / "store"
    monkeypatch.setattr(Task, "TARGET_DIR", str(folder))
    for name in ("PIPELINE_TARGET_DIR", "PIPELINE_WORKERS", "PIPELINE_KEEP_GOING"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture(autouse=True)
def luigi_as_it_was(request):
    """Classes and configuration of one test do not reach the next, nor do those of one file another."""
    known = list(Register._reg)
    homes = {request.module.__name__, *(getattr(value, "__module__", None) for value in vars(request.module).values())}
    Register._reg[:] = [kind for kind in known if kind.__module__ in homes or not _is_of_tests(kind)]
    Register.clear_instance_cache()
    luigi.configuration.LuigiConfigParser._instance = None
    yield
    settings.forget()
    Register._reg[:] = known
    luigi.configuration.LuigiConfigParser._instance = None


@pytest.fixture
def configured(luigi_as_it_was):
    """For tests in which several threads are the first to ask: Luigi reads its configuration as it is imported, and others would see it half read."""
    luigi.configuration.get_config()


def _is_of_tests(kind):
    """Whether a class is one of a test file or of a helper beside it, which is known to those that import from it."""
    source = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return "test_" in kind.__module__ or str(source).startswith(f"{FAULTS.parent}{os.sep}")


@pytest.fixture(autouse=True)
def logging_as_it_was():
    """What a command has set up writes to a stream that ends with its test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A folder for an app's modules; what is imported from there is forgotten after the test."""
    folder = tmp_path / "app_folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def names(tasks) -> list[str]:
    """Class names of tasks, sorted: `assert names(run.ran) == ["Ingest", "Train"]`."""
    return sorted(type(task).__name__ for task in tasks)


@pytest.fixture
def ran():
    """Build tasks, insist that all went well, and name what ran."""

    def build(*tasks, **options):
        run = pipeline.build(list(tasks), **options)
        assert run.ok, run
        return names(run.ran)

    return build

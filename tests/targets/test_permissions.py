"""Who can read what lies in a store: this user alone, or whom `umask` lets in, whatever the umask of the process is."""

import os
import stat

import luigi
import pandas as pd
import pytest

import pipeline
from pipeline import Task
from targets import FileTarget, ParquetTarget, PickleTarget

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


class Plain(Task):
    target_type = PickleTarget

    def easy_run(self, inputs):
        (self.task_directory / "below").mkdir()
        (self.task_directory / "below" / "side").write_text("x")
        return 1


class Frame(Task):
    target_type = ParquetTarget

    def easy_run(self, inputs):
        return pd.DataFrame({"a": [1]})


class Moved(Task):
    target_type = FileTarget
    kind = luigi.Parameter()

    def easy_run(self, inputs):
        path = self.task_directory / "made"
        if self.kind == "directory":
            path.mkdir()
            (path / "x").write_text("x")
        else:
            path.write_text("x")
            path.chmod(0o755)
        return path


@pytest.fixture
def modes(store):
    def build():
        run = pipeline.build([Plain(), Frame(), Moved(kind="file"), Moved(kind="directory")])
        assert run.ok, run
        found = {path: path.stat().st_mode for path in [store, *store.rglob("*")]}
        folders = {stat.S_IMODE(mode) for mode in found.values() if stat.S_ISDIR(mode)}
        files = {stat.S_IMODE(mode) for mode in found.values() if stat.S_ISREG(mode)}
        return folders, files

    return build


@pytest.mark.parametrize("process", [0o022, 0o000])
def test_for_this_user_alone(process, modes):
    before = os.umask(process)
    try:
        assert modes() == ({0o700}, {0o600, 0o700})  # a program stays one
    finally:
        os.umask(before)


@pytest.mark.parametrize("process", [0o022, 0o077])
def test_for_a_team(process, modes, monkeypatch):
    monkeypatch.setenv("PIPELINE_UMASK", "007")
    before = os.umask(process)
    try:
        assert modes() == ({0o770}, {0o660, 0o770})
    finally:
        os.umask(before)


def test_a_group_that_folders_inherit_stays(store, modes, monkeypatch):
    monkeypatch.setenv("PIPELINE_UMASK", "007")
    monkeypatch.setenv("PIPELINE_ALLOW_UNSIGNED_PICKLE", "true")
    store.mkdir()
    store.chmod(0o2770)
    folders, _ = modes()
    assert folders == {0o2770}


@pytest.mark.parametrize("wrong", ["", "abc", "9", "1000", "100"])
def test_another_umask_is_refused(wrong, monkeypatch):
    monkeypatch.setenv("PIPELINE_UMASK", wrong)
    with pytest.raises(pipeline.ConfigurationError, match="octal digits"):
        pipeline.build(Plain())

"""The current folder has been removed: what can go on goes on, and what cannot is told in a line."""

import os
import subprocess
import sys
import textwrap

import pytest

GONE_RUN_PY = """
    import os, sys, tempfile
    import pipeline
    from pipeline import Task
    class First(Task):
        def easy_run(self, inputs):
            if "REMOVES" in os.environ:
                folder = tempfile.mkdtemp()
                os.chdir(folder)
                os.rmdir(folder)
    class Second(Task):
        reads = ["words.txt"]
        def requires(self):
            return First()
        def easy_run(self, inputs):
            print("said")
            raise ValueError("too many")
    class Third(Task):
        def requires(self):
            return First()
        def easy_run(self, inputs):
            return 1
    if __name__ == "__main__":
        sys.exit(pipeline.main(lambda: [Second(), Third()]))
"""


@pytest.fixture
def gone(app, tmp_path):
    """Run the app; gives the exit code and all that was said."""
    (app / "run.py").write_text(textwrap.dedent(GONE_RUN_PY))
    (app / "words.txt").write_text("words")

    def run(*arguments, before="", **more):
        (tmp_path / "gone").mkdir(exist_ok=True)
        environment = {**os.environ, **more}
        command = [f"{before} exec {sys.executable} {app}/run.py {' '.join(arguments)}"]
        done = subprocess.run(["sh", "-c", *command], cwd=tmp_path / "gone", env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


REMOVE = 'rmdir "$PWD";'


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be removed")
def test_in_a_folder_that_was_removed_a_store_elsewhere_serves(gone, tmp_path):
    for command, code in {"run": 1, "ls": 0, "log Second": 0, "doctor": 0, "history last": 0}.items():
        found, said = gone(command, before=REMOVE, PIPELINE_TARGET_DIR=str(tmp_path / "store"))
        assert found == code, said
        assert "Traceback" not in said.replace("Traceback", "", command == "log Second")


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be removed")
@pytest.mark.parametrize("command", ["run", "ls", "doctor", "history"])
def test_a_store_in_a_folder_that_was_removed_is_named(command, gone):
    found, said = gone(command, before=REMOVE, PIPELINE_TARGET_DIR="TARGETS")
    assert found == 3
    assert said.splitlines() == [
        "StoreError: TARGETS lies in the current folder, which has been removed: change to another one, or give an absolute path"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be removed")
def test_a_report_into_a_folder_that_was_removed_is_refused_in_words(gone, tmp_path):
    store = {"PIPELINE_TARGET_DIR": str(tmp_path / "store")}
    gone("run", **store)
    found, said = gone("report", before=REMOVE, **store)
    assert found == 3
    assert "OutputFileError: report.html cannot be written" in said


@pytest.mark.skipif(sys.platform == "win32", reason="the current folder cannot be removed")
@pytest.mark.parametrize("store", ["store", "{}/store"])
def test_a_step_that_removes_the_current_folder_ends_no_run(store, gone, tmp_path):
    found, said = gone("run", REMOVES="yes", PIPELINE_TARGET_DIR=store.format(tmp_path))
    assert found == 1, said
    assert "2 ran, 0 kept, 1 failed" in said
    assert "its log: " in said
    assert "run.py:" in said
    assert "Traceback" not in said

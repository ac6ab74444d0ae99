"""What is put down on this machine on the way to a store that is far away, and from there, is gone when the run is, however it ends."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from . import s3
from .waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
APP = """
import os, signal, sys, time
from pathlib import Path
import luigi, pipeline
from pipeline import Task
from targets import FileTarget

END = sys.argv[1]
class Made(Task):
    target_type = FileTarget
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        path = self.task_directory / "x.txt"
        path.write_text("x" * 1000)
        return path

class Used(Task):
    n = luigi.IntParameter()
    timeout = 5 if END == "time limit" else None
    def requires(self):
        return Made(n=self.n)
    def easy_run(self, inputs):
        assert inputs.read_text()
        if END != "done elsewhere":
            Path("fetched").write_text(str(inputs))
        if END == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        while not END.startswith("done") and not Path("word").exists():
            try:
                time.sleep(0.1)
            except BaseException:
                if END != "deaf":
                    raise
        return 1

sys.exit(pipeline.main(lambda: [Used(n=n) for n in ([3] if END == "done elsewhere" else [1, 2])], ["run", "--workers", sys.argv[2]]))
"""


@pytest.fixture(scope="module")
def server():
    with s3.server("filled"):
        yield


@pytest.fixture
def begin(tmp_path, server):
    (tmp_path / "tmp").mkdir()
    (tmp_path / "run.py").write_text(APP)
    url = f"s3://filled/{uuid.uuid4().hex}"
    settings = {
        "PYTHONPATH": str(ROOT),
        "PIPELINE_TARGET_DIR": url,
        "PIPELINE_SIGNING_KEY": "k" * 40,
        "TMPDIR": str(tmp_path / "tmp"),
        "PIPELINE_GRACE": "0.5",
        "PIPELINE_LEASE": "1",
    }

    begun = []

    def begin(end, workers):
        command = [sys.executable, "run.py", end, str(workers)]
        begun.append(subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **settings}, stderr=subprocess.PIPE, text=True))
        return begun[-1]

    yield begin
    for run in begun:
        run.kill()
        run.wait()


def fetched(folder):
    """Where a step has found what it has loaded, once it has."""
    told = folder / "fetched"
    wait_until(lambda: told.exists() and told.read_text())
    return Path(told.read_text())


@pytest.mark.parametrize(("end", "workers", "code"), [("done", 1, 0), ("done", 2, 0), ("killed", 2, 1), ("time limit", 2, 1)])
def test_nothing_is_left_of_a_run_that_ends(end, workers, code, begin, tmp_path):
    run = begin(end, workers)
    words = run.communicate()[1]

    assert run.returncode == code, words
    assert fetched(tmp_path).is_relative_to(tmp_path / "tmp")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_run_has_left_is_removed_by_the_next_and_what_a_living_one_needs_is_not(begin, tmp_path):
    killed = begin("waits", 1)
    fetched(tmp_path)
    killed.kill()
    killed.communicate()
    left = set((tmp_path / "tmp").iterdir())
    (tmp_path / "fetched").unlink()
    living = begin("waits for a word", 2)
    path = fetched(tmp_path)

    assert len(left) == 1
    assert not left & set((tmp_path / "tmp").iterdir())

    done = begin("done elsewhere", 1)
    words = done.communicate()[1]
    assert done.returncode == 0, words
    assert path.read_text()
    (tmp_path / "word").touch()
    words = living.communicate()[1]
    assert living.returncode == 0, words
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("end", ["heeds it", "deaf"])
def test_nothing_is_left_of_a_run_that_is_told_to_end(end, workers, begin, tmp_path):
    run = begin(end, workers)
    fetched(tmp_path)
    run.send_signal(signal.SIGTERM)
    words = run.communicate()[1]

    assert run.returncode == 143, words
    assert list((tmp_path / "tmp").iterdir()) == []

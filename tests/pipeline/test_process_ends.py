"""Processes that would outlive their parent, and those that a step forks: each ends where it should."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import luigi
import pytest
from engines import ROOT, Sibling, is_there, linux, no_process_is_left, wait_until

import pipeline
from pipeline import Task, entries

__all__ = ["no_process_is_left"]


SCRIPT = """
import os, pathlib, subprocess, sys, time, luigi, pipeline
class Slow(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        started = [str(os.getpid())]
        if sys.argv[1] == "SIGINT":
            started.append(str(subprocess.Popen(["sleep", "60"]).pid))
        pathlib.Path(f"pids{self.n}").write_text(" ".join(started))
        time.sleep(60)
pipeline.build([Slow(n=n) for n in range(2)], workers=2)
"""


@linux
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_no_child_outlives_its_parent(name, tmp_path):
    (tmp_path / "go.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, "go.py", name], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    files = [tmp_path / f"pids{n}" for n in range(2)]
    try:
        assert wait_until(lambda: all(file.exists() and file.read_text() for file in files), 20)
        pids = [int(pid) for file in files for pid in file.read_text().split()]
        assert all(map(is_there, pids))
        # The whole group gets it, as when one presses Ctrl-C.
        os.killpg(parent.pid, signal.SIGINT) if name == "SIGINT" else parent.send_signal(getattr(signal, name))
        assert parent.wait(20) != 0
        assert wait_until(lambda: not any(map(is_there, pids)))
    finally:
        parent.kill()
        parent.communicate()


@linux
def test_a_step_may_start_processes_that_outlive_it_without_blocking_the_run():
    class Starts(Task):
        def easy_run(self, inputs):
            pid = os.fork()  # holds the pipe of this child open
            if not pid:
                time.sleep(4)
                os._exit(0)
            os.kill(os.getpid(), signal.SIGKILL)

    begun = time.monotonic()
    run = pipeline.build([Starts(), Sibling()], workers=2)
    assert time.monotonic() - begun < 3
    assert run.failed == [Starts()]
    assert run.ran == [Sibling()]


def test_an_interpreter_ends_although_children_are_idle(tmp_path):
    code = """
    import luigi, pipeline, time
    from pipeline.worker import Worker
    class Plain(luigi.Task):
        def run(self): pass
        def complete(self): return False
    worker = Worker(worker_processes=2)
    worker.add(Plain())
    worker._run_task(Plain().task_id)
    worker._handle_next_task()
    assert len(worker._engine._children) == 1
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=30)
    assert done.returncode == 0


class Comes(Task):
    """Forks a process that comes back."""

    how = luigi.Parameter()

    def easy_run(self, inputs):
        (self.task_directory / "side").write_text("kept")
        pid = os.fork()
        if pid:
            return [self.how, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]
        if self.how == "raises":
            raise ValueError("in the child")
        if self.how == "exits":
            sys.exit(3)
        return "the child's"


@pytest.mark.parametrize(("how", "code"), [("returns", 0), ("raises", 1), ("exits", 3)])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_a_step_forks_and_that_comes_back_ends_there(workers, how, code):
    class After(Task):
        def requires(self):
            return Comes(how=how)

        def easy_run(self, inputs):
            return inputs

    me = os.getpid()
    try:
        run = pipeline.build(After(), workers=workers)
    finally:
        if os.getpid() != me:
            os._exit(9)  # or there would be two of this test, too
    assert run.ok
    assert After().load() == [how, code]
    assert (Comes(how=how).task_directory / "side").read_text() == "kept"
    assert [entry.outcome for entry in entries.runs(After().store)] == ["done"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_a_step_forks_can_be_terminated_from_its_first_moment(workers):
    """As a pool does that ends at once. Python forgets what has come before a forked process was set up, if it has a handler for it."""

    class Forks(Task):
        def easy_run(self, inputs):
            codes = set()
            for _ in range(60):
                pid = os.fork()
                if not pid:
                    time.sleep(1)
                    os._exit(0)
                os.kill(pid, signal.SIGTERM)
                codes.add(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            return codes

    assert pipeline.build([Forks(), Sibling()], workers=workers).ok
    assert Forks().load() == {-signal.SIGTERM}

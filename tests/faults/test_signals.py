"""SIGTERM and SIGINT at random moments, also as process 1, and twice: the exit code, no orphans, nothing left behind, and the next run is right."""

import contextlib
import ctypes
import os
import pathlib
import random
import runpy
import shutil
import signal
import subprocess
import sys
import time

import luigi
import pytest

from pipeline import entries
from targets.opening import open_store

from .root_tools import need

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

APP = """
import os, pathlib, sys, time, luigi, pipeline
from targets import JsonTarget

class Leaf(pipeline.Task):
    TARGET_DIR = "store"
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        (self.task_directory / "side").write_text("x" * 1000)
        pathlib.Path(f"at-{os.getpid()}").touch()
        if sys.argv[2] == "stubborn" and self.n == 0:
            while True:
                try:
                    pathlib.Path("stubborn").touch()
                    time.sleep(60)
                except BaseException:
                    pass
        if sys.argv[2] == "tidy" and self.n == 0:
            try:
                pathlib.Path("tidy").touch()
                time.sleep(600)
            finally:
                time.sleep(1.5)
                pathlib.Path("tidied").touch()
        if sys.argv[2] in ("swallows", "renames") and self.n in (0, 1):
            try:
                pathlib.Path("waits").touch()
                time.sleep(600)
            except BaseException:
                if sys.argv[2] == "renames":
                    raise ValueError
        if sys.argv[2] == "in C" and self.n == 0:
            import re
            re.match(r"(a*)*b", "a" * 40)  # for years, and no Python code runs meanwhile
        time.sleep(0.003)
        return list(range(2000))

class Root(pipeline.Task):
    TARGET_DIR = "store"
    target_type = JsonTarget
    def requires(self):
        return [Leaf(n=n) for n in range(12)]
    def easy_run(self, inputs):
        return sum(map(len, inputs))

def told_to_end():
    # As soon as the first child is forked, before anybody can know it.
    global told_to_end
    told_to_end = lambda: None
    os.kill(os.getpid(), int(sys.argv[3]))

def fail(self):
    close(self)
    raise OSError("somebody else is at it too")

if __name__ == "__main__":
    if sys.argv[2] == "at a fork":
        os.register_at_fork(after_in_parent=lambda: told_to_end())
    if sys.argv[2] == "fails at the end":
        from pipeline.engines.processes import ProcessEngine
        close, ProcessEngine.close = ProcessEngine.close, fail
    sys.exit(pipeline.main(lambda: [Root()], ["run", "--workers", sys.argv[1]]))
"""


LUIGI_CFG = """
[pipeline]
grace = 1
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "luigi.cfg").write_text(LUIGI_CFG)
    return tmp_path


def start(folder, workers=1, how="plain", *arguments, wrapper=(), **more):
    """`python app.py`, as a person types it."""
    environment = {name: value for name, value in os.environ.items() if name != "LUIGI_CONFIG_PATH"} | {"PYTHONPATH": str(ROOT)}
    command = [*wrapper, sys.executable, "app.py", str(workers), how, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, **more
    )


class Forked:
    """The same in a process that is forked from this one, which saves the start of an interpreter and its imports.

    `as_first`: it is process 1 of a namespace of its own.
    """

    def __init__(self, folder, workers=1, how="plain", as_first=False):
        reading, writing = os.pipe()
        self.session = os.fork()
        if self.session == 0:
            try:
                os.setsid()
                if as_first:
                    self._watch_first(writing)
                else:
                    os.write(writing, str(os.getpid()).encode())
                    os.close(writing)
                self._run(folder, workers, how)
            except BaseException as error:
                # Before a run has begun, or after it has ended. Of one that comes while a class is being made Python makes another error.
                in_the_making = isinstance(error, RuntimeError) and "__set_name__" in str(error) and isinstance(error.__cause__, KeyboardInterrupt)
                if in_the_making or isinstance(error, KeyboardInterrupt):
                    os._exit(128 + signal.SIGINT)
            finally:
                os._exit(99)
        os.close(writing)
        with os.fdopen(reading) as told:
            self.pid = int(told.read())
        self.returncode = None

    @staticmethod
    def _watch_first(writing):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000000 | 0x00020000):  # CLONE_NEWPID | CLONE_NEWNS
            raise OSError(ctypes.get_errno(), "unshare")
        first = os.fork()
        if first == 0:
            # Nothing of this reaches the machine's own mounts: /proc shows the processes of the namespace.
            if libc.mount(None, b"/", None, 0x4000 | 0x40000, None) or libc.mount(b"proc", b"/proc", b"proc", 0, None):
                raise OSError(ctypes.get_errno(), "mount")
            os.close(writing)
            return
        os.write(writing, str(first).encode())
        os.close(writing)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) % 256)

    @staticmethod
    def _run(folder, workers, how):
        os.chdir(folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        luigi.configuration.LuigiConfigParser._instance = None
        sys.argv = ["app.py", str(workers), how]
        try:
            runpy.run_path("app.py", run_name="__main__")
        except SystemExit as ended:
            os._exit(ended.code)

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.session, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                os.killpg(self.session, signal.SIGKILL)
                raise TimeoutError
            time.sleep(0.001)
        return self.returncode

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):  # process 1 may have ended while whoever waits for it has not
            os.kill(self.pid, number)


def processes_of(session):
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until_gone(session):
    """What the kernel kills with its parent is there for a moment yet."""
    until = time.monotonic() + 2
    while processes_of(session):
        assert time.monotonic() < until
        time.sleep(0.001)


def leftovers(folder):
    return [str(path) for path in (folder / "store").rglob("*") if path.name.endswith((".tmp", ".aside"))]


def outcomes(folder):
    return [entry.outcome for entry in reversed(entries.runs(open_store(str(folder / "store"))))]


def wait_for_a_step(folder, process, marks="at-*"):
    until = time.monotonic() + 30
    while not list(folder.glob(marks)):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.002)


def clean(folder):
    shutil.rmtree(folder / "store", ignore_errors=True)
    for mark in folder.glob("at-*"):
        mark.unlink()


def length_of_a_run(folder, workers):
    begun = time.monotonic()
    assert Forked(folder, workers).wait(60) == 0
    length = time.monotonic() - begun
    clean(folder)
    return length


def insist_on_a_clean_end(folder, process, number, ended, took, signals=1):
    """Everything that is promised of a run that was told to end at whatever moment. Returns what its history says."""
    code = 128 + number
    said = outcomes(folder)
    assert took < 5
    if signals == 1:
        assert processes_of(process.session) == []
    else:
        wait_until_gone(process.session)
    if ended == -number:
        # Before the run had begun, or when nothing was left to do but to end.
        assert said in ([], ["done"]) or (signals == 2 and said == ["interrupted"])
    else:
        assert ended in (code, 0)
        assert said in (["done"], [], ["interrupted"])
        assert ended == code or said == ["done"]
        if signals == 1:
            assert leftovers(folder) == []
    # The next run is right.
    assert Forked(folder).wait(60) == 0
    assert leftovers(folder) == []
    assert outcomes(folder)[-1] == "done"
    return said


@linux
@pytest.mark.parametrize("as_first", [False, True], ids=["", "as process 1"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_at_random_moments(name, workers, as_first, app):
    if as_first:
        need("unshare", "mount")
    number = getattr(signal, name)
    chance = random.Random(f"{name}{workers}{as_first}")
    length = length_of_a_run(app, workers)
    interrupted = 0
    for _ in range((20 if as_first else 40) * HEAVY):
        clean(app)
        process = Forked(app, workers, as_first=as_first)
        time.sleep(chance.uniform(0, length))
        begun = time.monotonic()
        if process.poll() is None:
            process.send_signal(number)
        ended = process.wait(30)
        took = time.monotonic() - begun
        interrupted += insist_on_a_clean_end(app, process, number, ended, took) == ["interrupted"]
    assert interrupted > 3 * HEAVY


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_twice_at_random_moments(name, workers, app):
    number = getattr(signal, name)
    chance = random.Random(f"{name}{workers}")
    interrupted = 0
    for _ in range(15 * HEAVY):
        clean(app)
        process = Forked(app, workers)
        wait_for_a_step(app, process)
        time.sleep(chance.uniform(0, 0.03))
        begun = time.monotonic()
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(chance.choice([0, 0.001, 0.01]))
        ended = process.wait(30)
        took = time.monotonic() - begun
        interrupted += insist_on_a_clean_end(app, process, number, ended, took, signals=2) == ["interrupted"]
    assert interrupted > HEAVY


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_as_a_person_starts_it(name, code, workers, app):
    process = start(app, workers, "tidy")
    wait_for_a_step(app, process, "tidy")
    process.send_signal(getattr(signal, name))
    assert process.wait(30) == code
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("grace", "tidied"), [("60", True), ("0.1", False)])
def test_the_grace_period_comes_from_the_configuration(grace, tidied, workers, app):
    (app / "luigi.cfg").write_text(f"[pipeline]\ngrace = {grace}\n")
    process = Forked(app, workers, "tidy")
    wait_for_a_step(app, process, "tidy")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.session) == []
    assert (app / "tidied").exists() is tidied
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize("how", ["stubborn", "in C"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_heeds_nothing_is_not_waited_for(how, workers, app):
    process = start(app, workers, how)
    wait_for_a_step(app, process)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert time.monotonic() - begun < 5
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]
    assert start(app, workers).wait(60) == 0
    assert leftovers(app) == []


@linux
@pytest.mark.parametrize("how", ["swallows", "renames"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_makes_something_else_of_it_is_the_last(how, workers, app):
    (app / "luigi.cfg").write_text("[pipeline]\ngrace = 600\n")
    process = start(app, workers, how)
    wait_for_a_step(app, process, "waits")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_the_moment_of_a_fork(number, code, app):
    process = start(app, 2, "at a fork", int(number))
    assert process.wait(30) == code
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
def test_an_error_on_the_way_out_changes_nothing(app):
    process = start(app, 2, "fails at the end")
    wait_for_a_step(app, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert processes_of(process.pid) == []
    assert outcomes(app) == ["interrupted"]


@linux
def test_a_second_signal_ends_at_once(app):
    process = start(app, 1, "stubborn")
    wait_for_a_step(app, process, "stubborn")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 20
    while process.poll() is None:
        # Two signals in one moment are one to the kernel.
        process.send_signal(signal.SIGTERM)
        time.sleep(0.01)
        assert time.monotonic() < until
    assert process.returncode == 143
    assert outcomes(app) == ["interrupted"]
    assert leftovers(app) == []


@linux
def test_as_process_1(app):
    need("unshare", "mount")
    process = start(app, 2, "tidy", wrapper=("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"))
    wait_for_a_step(app, process, "tidy")
    # To the run itself, which is process 1 of a namespace of its own; `unshare` only waits for it.
    children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    assert process.wait(30) == 143
    assert outcomes(app) == ["interrupted"]


@linux
def test_a_killed_run_is_unfinished_in_the_history(app):
    process = start(app, 1)
    wait_for_a_step(app, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert outcomes(app) == ["unfinished"]
    assert start(app, 1).wait(60) == 0
    assert outcomes(app) == ["unfinished", "done"]
    assert leftovers(app) == []

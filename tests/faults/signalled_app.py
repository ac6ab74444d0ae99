"""An app that is told to end, how it is started, and what is left of it, for the tests of signals."""

import contextlib
import ctypes
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import time

import luigi
import pytest

from pipeline import entries
from targets.opening import open_store

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


APP = """
import os, pathlib, signal, sys, threading, time, luigi, pipeline
from targets import JsonTarget

class Slow:
    # Stored by a process that SIGTERM kills, as an event loop leaves it that has heeded SIGTERM; or by one that heeds nothing.
    def __init__(self, heeds):
        self.heeds = heeds
    def __reduce__(self):
        signal.signal(signal.SIGTERM, signal.SIG_DFL if self.heeds else signal.SIG_IGN)
        pathlib.Path("waits").touch()
        time.sleep(600)

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
        if sys.argv[2] == "ignores" and self.n < 2:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if sys.argv[2] == "asks asyncio" and self.n < 2:
            import asyncio
            async def ask():
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: None)
            asyncio.run(ask())
        if sys.argv[2] == "after asyncio":
            if pathlib.Path("asked").exists():
                pathlib.Path("waits").touch()
                while True:
                    try:
                        time.sleep(600)
                    except BaseException:
                        pass
            import asyncio
            async def ask():
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lambda: None)
                asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
            asyncio.run(ask())
            pathlib.Path("asked").touch()
        if sys.argv[2] in ("dies", "does not die") and self.n == 0:
            return [bytes(50_000_000), Slow(sys.argv[2] == "dies")]
        if sys.argv[2] in ("ignores", "asks asyncio") and self.n in (2, 3):
            pathlib.Path("waits").touch()
            time.sleep(600)
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

def tell_again_while_it_is_entered():
    # The second signal comes while the first one's end is being entered in the history; and that goes on as soon as what was begun is undone.
    from pipeline import interrupts
    from targets import local_draft
    undone = threading.Event()
    take_away, abandon = local_draft.LocalDraft._take_away, local_draft.abandon_drafts

    def take_away_later(self, record):
        if "/runs/" in record and not undone.is_set() and interrupts.leaving_by() is not None:
            os.kill(os.getpid(), signal.SIGTERM)
            undone.wait(20)
        take_away(self, record)

    def abandon_and_wait():
        abandon()
        undone.set()
        end = time.monotonic() + 20
        while interrupts._to_tell and time.monotonic() < end:
            time.sleep(0.001)

    local_draft.LocalDraft._take_away, local_draft.abandon_drafts = take_away_later, abandon_and_wait

if __name__ == "__main__":
    if sys.argv[2] == "at a fork":
        os.register_at_fork(after_in_parent=lambda: told_to_end())
    if sys.argv[2] == "fails at the end":
        from pipeline.engines.processes import ProcessEngine
        close, ProcessEngine.close = ProcessEngine.close, fail
    if sys.argv[2] == "again while it is entered":
        tell_again_while_it_is_entered()
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
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **nowhere | more)


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

"""Steps whose process dies, hangs, runs out of memory, or raises or returns what no pipe can carry: fifty of each, on each engine that runs here.

With `inline` a step that has a `timeout` runs in a process of its own, and dies alone; one that has none takes the whole run with it, and
then it is the next run that must be right.
"""

import collections
import ctypes
import dataclasses
import faulthandler
import functools
import mmap
import multiprocessing
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

import luigi
import pytest

import pipeline
from pipeline import Task, entries, steplogs
from pipeline.scheduler import Scheduler
from pipeline.worker import Worker
from targets.opening import open_store

ROOT = pathlib.Path(pipeline.__file__).resolve().parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
ROUNDS = 50 * HEAVY
SIBLINGS = 20
MB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals as Linux has them")


class UnpicklableError(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.held = multiprocessing.Lock()


def want_too_much():
    """As a job does that a limit was set for (`ulimit -v`, a batch system)."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * MB, before[1]))
    try:
        return bytearray(512 * MB)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def be_killed_for_memory():
    """As the kernel does it: from outside, with a signal that nobody can catch, once much memory is used."""
    held = bytearray(b"x") * (64 * MB)
    subprocess.Popen(["sh", "-c", f"kill -9 {os.getpid()}"])
    time.sleep(60)
    return held


def unpicklable(message):
    raise UnpicklableError(message)


@dataclasses.dataclass(frozen=True)
class Way:
    """How a step ends, and what its failure must say."""

    end: object
    error: str
    #: Whether its process is no more, so that the kernel has said how much memory it had used: at least so many MB.
    peak: int = 0
    timeout: float | None = None
    #: Whether it says so also where it takes the whole run with it.
    alone: bool = True


WAYS = {
    "SIGKILL": Way(lambda: os.kill(os.getpid(), signal.SIGKILL), r"died unexpectedly with exit code -9 \(SIGKILL\)", peak=10),
    "segfault": Way(lambda: ctypes.string_at(0), r"died unexpectedly with exit code -11 \(SIGSEGV\)", peak=10),
    "exit 0": Way(lambda: os._exit(0), r"died unexpectedly with exit code 0 before it was done", peak=10),
    "hangs": Way(lambda: time.sleep(600), r"timed out after 0\.4 seconds and was terminated\.", peak=10, timeout=0.4),
    "memory limit": Way(want_too_much, r"MemoryError.*\n?out of memory: its process has used at most [\d.]+ [MG]B.*fewer workers"),
    "killed for memory": Way(be_killed_for_memory, r"\(SIGKILL\): .*the system ran out of memory.*fewer workers", peak=96),
    "unpicklable exception": Way(lambda: unpicklable("it holds a lock"), r"UnpicklableError: it holds a lock"),
    "unpicklable output": Way(multiprocessing.Lock, r"PickleTarget cannot store"),
}
DEADLY = ["SIGKILL", "segfault", "exit 0", "killed for memory"]


class Sibling(Task):
    folder = luigi.Parameter(significant=False)
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        tally(self.folder, "siblings", self.n)
        return self.n


class Falls(Task):
    folder = luigi.Parameter(significant=False)
    way = luigi.Parameter()
    n = luigi.IntParameter()
    retries = 1

    def easy_run(self, inputs):
        print(f"about to fall {self.n}")
        tally(self.folder, "tries", self.n)
        if os.path.exists(f"{self.folder}/mended"):
            return self.n
        return WAYS[self.way].end()


class FallsApart(Falls):
    """Engine `inline` gives what may be stopped a process of its own."""

    timeout = 60.0


class Hangs(Falls):
    timeout = WAYS["hangs"].timeout


class NeedsBoth(Task):
    folder = luigi.Parameter(significant=False)
    way = luigi.Parameter()

    def requires(self):
        return [Sibling(folder=self.folder, n=0), Falls(folder=self.folder, way=self.way, n=0)]

    def easy_run(self, inputs):
        return inputs


def tally(folder, name, n):
    with open(f"{folder}/{name}", "ab", buffering=0) as file:
        file.write(b"%d\n" % n)


def tallied(folder, name):
    path = pathlib.Path(folder, name)
    return collections.Counter(map(int, path.read_text().split())) if path.exists() else {}


@dataclasses.dataclass
class Seen:
    """What a way of running the steps has come to."""

    ended: bool
    exit_code: int = 0
    errors: dict = dataclasses.field(default_factory=dict)
    logs: dict = dataclasses.field(default_factory=dict)
    report: str = ""


def insist(seen, way, folder, rounds):
    """Everything that is promised about a step that falls."""
    assert seen.ended, "it never ended"
    assert seen.exit_code != 0
    assert tallied(folder, "siblings") == dict.fromkeys(range(SIBLINGS), 1), "siblings were lost, or made twice"
    assert tallied(folder, "tries") == dict.fromkeys(range(rounds), 2), "not as many tries as it says"
    for n in range(rounds):
        error = seen.errors[n]
        assert re.search(WAYS[way].error, error), error
        if WAYS[way].peak:
            size, unit = re.search(r"[iI]t had used at most ([\d.]+) ([MG]B) of memory", error).groups()
            assert float(size) * (1000 if unit == "GB" else 1) >= WAYS[way].peak
        assert seen.logs[n].startswith(f"about to fall {n}\n")
        assert len(re.findall("about to fall", seen.logs[n])) == 1
    assert seen.report.count("the whole log: ") >= min(rounds, 20)
    assert "| about to fall 0\n" in seen.report


def with_luigi_warp(way, folder, rounds, **options):
    kind = Hangs if way == "hangs" else FallsApart if options.get("engine") == "inline" else Falls
    falling = [kind(folder=folder, way=way, n=n) for n in range(rounds)]
    run = pipeline.build([*falling, *(Sibling(folder=folder, n=n) for n in range(SIBLINGS))], **options)
    assert set(run.failed) == set(falling)
    assert len(run.ran) == SIBLINGS
    outcomes = {task.n: run.outcomes[task] for task in falling}
    errors = {n: "\n".join([f"{type(o.error).__name__}: {o.error}", *getattr(o.error, "__notes__", ())]) for n, o in outcomes.items()}
    return Seen(True, run.exit_code, errors, {n: outcome.log() for n, outcome in outcomes.items()}, run.summary_text)


@pytest.fixture(autouse=True)
def crashes_are_reported_where_steps_print():
    """pytest has them written to its own standard error."""
    before = faulthandler.is_enabled()
    faulthandler.disable()
    yield
    if before:
        faulthandler.enable(sys.__stderr__)


@pytest.mark.parametrize("engine", ["processes", "inline"])
@pytest.mark.parametrize("way", WAYS)
def test_a_step_that_falls_falls_alone_and_says_why(way, engine, tmp_path):
    seen = with_luigi_warp(way, str(tmp_path), ROUNDS, engine=engine, workers=16 if way == "hangs" else 3)
    insist(seen, way, str(tmp_path), ROUNDS)
    if way == "segfault":
        assert all("Fatal Python error: Segmentation fault" in log and "in easy_run" in log for log in seen.logs.values())


@pytest.mark.parametrize("way", ["memory limit", "unpicklable exception", "unpicklable output"])
def test_what_ends_no_process_is_told_in_the_runs_own_as_well(way, tmp_path):
    falling = [Falls(folder=str(tmp_path), way=way, n=n) for n in range(ROUNDS)]
    run = pipeline.build([*falling, *(Sibling(folder=str(tmp_path), n=n) for n in range(SIBLINGS))], engine="inline")
    errors = {task.n: "\n".join([f"{type(e).__name__}: {e}", *getattr(e, "__notes__", ())]) for task in falling for e in [run.outcomes[task].error]}
    seen = Seen(True, run.exit_code, errors, {task.n: run.outcomes[task].log() for task in falling}, run.summary_text)
    insist(seen, way, str(tmp_path), ROUNDS)


def in_a_fork(function):
    """Run something in a process that it may end; how that ended."""
    pid = os.fork()
    if not pid:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            function()
        finally:
            os._exit(77)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("way", DEADLY)
def test_after_a_step_that_took_the_whole_run_with_it_the_next_run_is_right(way, tmp_path, monkeypatch):
    for turn in range(ROUNDS):
        folder = tmp_path / str(turn)
        folder.mkdir()
        monkeypatch.setattr(Task, "TARGET_DIR", str(folder / "store"))
        task = NeedsBoth(folder=str(folder), way=way)

        ended = in_a_fork(functools.partial(pipeline.build, task, engine="inline"))
        assert ended == {"SIGKILL": -9, "killed for memory": -9, "segfault": -11, "exit 0": 0}[way]
        assert outcomes(folder) == ["unfinished"]

        (folder / "mended").touch()
        run = pipeline.build(task, engine="inline")
        assert run.ok
        assert task.load() == [0, 0]
        assert outcomes(folder) == ["unfinished", "done"]
        assert tallied(folder, "siblings") == {0: 1}, "what was made before the fall was made again"
        assert not [path for path in (folder / "store").rglob("*") if path.name.endswith((".tmp", ".aside"))]


def outcomes(folder):
    return [entry.outcome for entry in reversed(entries.runs(open_store(str(folder / "store"))))]


PROGRAM = """
import sys, pipeline
sys.path.insert(0, sys.argv[1])
from tests.faults.test_worker_deaths import Falls, Sibling
pipeline.Task.TARGET_DIR = "store"
sys.exit(pipeline.main(lambda: [Falls(folder=".", way=way, n=n) for n, way in enumerate(%r)] + [Sibling(folder=".", n=0)], ["run", "--workers", "2"]))
"""


def test_the_exit_code_says_so_and_the_report_shows_the_last_lines(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM % DEADLY)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "program.py", str(ROOT)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    for n in range(len(DEADLY)):
        assert f"| about to fall {n}\n" in said
    assert "(SIGSEGV)" in said


def test_luigis_own_policy_bounds_the_tries_of_a_plain_task(tmp_path):
    class Plain(luigi.Task):
        n = luigi.IntParameter()
        retry_count = 3

        def run(self):
            tally(str(tmp_path), "tries", self.n)
            os._exit(0)

        def complete(self):
            return False

    scheduler = Scheduler(retry_delay=0.05, prune_on_get_work=True)
    with Worker(scheduler=scheduler, worker_processes=3, keep_alive=True, wait_interval=0.05, wait_jitter=0.01) as worker:
        for n in range(10):
            worker.add(Plain(n=n))
        assert not worker.run()
    assert tallied(tmp_path, "tries") == dict.fromkeys(range(10), 3)


# What others make of the same: each of these must be told from the real thing


def one_step(folder, way, kind, n):
    tally(folder, "siblings" if kind == "sibling" else "tries", n)
    return n if kind == "sibling" else WAYS[way].end()


def with_a_pool(way, folder, rounds, **_):
    jobs = [(folder, way, "falls", n) for n in range(rounds)] + [(folder, way, "sibling", n) for n in range(SIBLINGS)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        waiting = pool.starmap_async(one_step, jobs, chunksize=1)
        waiting.wait(5)
        return Seen(waiting.ready(), 1)


def with_an_executor(way, folder, rounds, **_):
    from concurrent.futures import ProcessPoolExecutor

    errors = {}
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as executor:
        futures = {n: executor.submit(one_step, folder, way, "falls", n) for n in range(rounds)}
        others = [executor.submit(one_step, folder, way, "sibling", n) for n in range(SIBLINGS)]
        for n, future in futures.items():
            errors[n] = str(future.exception())
        assert [other.exception() for other in others]
    return Seen(True, 1, errors)


LUIGI = """
import os, luigi
class Falls(luigi.Task):
    n = luigi.IntParameter()
    def run(self): os._exit(0)
    def complete(self): return False
luigi.build([Falls(n=n) for n in range(4)], workers=2, local_scheduler=True, log_level="ERROR")
"""


def with_luigi(way, folder, rounds, **_):
    process = subprocess.Popen([sys.executable, "-c", LUIGI], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        return Seen(True, process.wait(6))
    except subprocess.TimeoutExpired:
        return Seen(False)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("system", "way", "caught"),
    [
        (with_a_pool, "exit 0", "it never ended"),
        (with_a_pool, "SIGKILL", "it never ended"),
        (with_an_executor, "exit 0", "siblings were lost"),
        (with_luigi, "exit 0", "it never ended"),
    ],
)
def test_others_are_told_from_it(system, way, caught, tmp_path):
    seen = system(way, str(tmp_path), 4)
    with pytest.raises(AssertionError, match=caught):
        insist(seen, way, str(tmp_path), 4)


def test_a_process_that_dies_after_it_printed_much_leaves_the_end_of_it():
    class Chatters(Task):
        def easy_run(self, inputs):
            for n in range(40_000):
                print(f"line {n:05d} " + "x" * 50)
            os.kill(os.getpid(), signal.SIGKILL)

    run = pipeline.build(Chatters(), engine="processes")
    log = steplogs.read(Chatters())
    assert run.failed == [Chatters()]
    assert log.text.startswith("--- ")
    assert log.last_lines(1) == ["line 39999 " + "x" * 50]
    assert len(log.text) < 1.1 * MB

"""Several writers on one object store: one writes, the others wait; a dead one is succeeded, and one that comes back is fenced out."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from targets import JsonTarget, LeaseLostError, store_options
from targets.leases import FOLDER, Leases
from targets.opening import open_store
from targets.place import Place

from . import exclusive, s3  # noqa: F401
from .waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
#: How often, with how many keys at once, and how long a lease is. A server of S3 in Python needs more time.
SIZES = {"exclusive": (5 * HEAVY, 40, 1.0), "s3": (1 * HEAVY, 10, 4.0)}
fork = multiprocessing.get_context("fork")

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture(scope="module")
def bucket():
    with s3.server("bucket"):
        yield "s3://bucket"


def leases_of(seconds, monkeypatch):
    options = store_options.StoreOptions(lease=seconds)
    monkeypatch.setattr(store_options, "current", lambda: options)


@pytest.fixture
def url(bucket, monkeypatch):
    leases_of(SIZES["s3"][2], monkeypatch)
    return f"{bucket}/{uuid.uuid4().hex}"


@pytest.fixture(params=SIZES)
def many(request, tmp_path, monkeypatch):
    """Places for a round of a test each, and how many keys to use in each."""
    rounds, keys, seconds = SIZES[request.param]
    leases_of(seconds, monkeypatch)
    place = request.getfixturevalue("bucket") if request.param == "s3" else f"exclusive://{tmp_path}"
    return [f"{place}/{uuid.uuid4().hex}" for _ in range(rounds)], keys


def key(n):
    return f"{n:032x}"


def target(url, n=1):
    return JsonTarget(Place(open_store(url), f"Step/x-{key(n)}"))


def in_child(work):
    """Start a forked process; returns it, and a pipe on which it says what it has to say."""
    ours, theirs = fork.Pipe()
    process = fork.Process(target=work, args=(theirs,))
    process.start()
    _started.append(process)
    return process, ours


_started = []


@pytest.fixture(autouse=True)
def none_is_left():
    """Whoever waits for a process that a test which failed has stopped waits for ever."""
    yield
    for process in _started:
        process.kill()
        process.join()
    _started.clear()


def test_one_of_many_creates_an_object(url):
    store = open_store(url)
    assert store.creates_exclusively
    with ThreadPoolExecutor(16) as threads:
        for n in range(10):
            assert sum(threads.map(lambda m, n=n: store.create(f"x{n}", str(m).encode()), range(16))) == 1


def test_what_was_stored_when_the_first_answer_was_lost_is_ours(url):
    store = open_store(url)
    assert store.create("x", b"mine")
    assert store.create("x", b"mine")
    assert not store.create("x", b"theirs")


def test_a_lease_leaves_nothing_behind(url):
    store = open_store(url)
    with store.lock(key(1)):
        assert list(store.list(f".luigi-warp/leases/{key(1)}"))
    assert not list(store.list(f".luigi-warp/leases/{key(1)}"))


class Held:
    """A place for leases in memory, in which what is written anew arrives only when it may."""

    def __init__(self):
        self._all = {}
        self.is_sent, self.may_arrive, self.has_arrived = threading.Event(), threading.Event(), threading.Event()

    def create(self, name, data):
        return self._all.setdefault(name, data) is data

    def write(self, name, data):
        self.is_sent.set()
        assert self.may_arrive.wait(30)
        self._all[name] = data
        self.has_arrived.set()

    def read(self, name, size):
        try:
            return self._all[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def list(self, folder):
        return iter([name.rpartition("/")[2] for name in self._all if name.startswith(f"{folder}/")])

    def delete(self, *names):
        for name in names:
            self._all.pop(name, None)


def test_a_sign_of_life_that_is_on_its_way_does_not_bring_back_what_was_given_back(monkeypatch):
    leases_of(2.0, monkeypatch)
    place = Held()
    leases = Leases(place)
    lease = leases.take(key(1), lambda: None)
    assert place.is_sent.wait(30)
    giver = threading.Thread(target=leases.give_back, args=(lease,))
    giver.start()
    giver.join(0.2)  # as long as it takes if it does not wait
    place.may_arrive.set()
    giver.join()
    assert place.has_arrived.wait(30)
    assert not list(place.list(f"{FOLDER}/{key(1)}"))


def test_a_thread_that_has_a_lock_may_ask_for_it_again(url):
    store = open_store(url)
    with store.lock(key(1)), store.lock(key(1)):
        target(url).dump(1)
    assert target(url).load() == 1


def test_a_step_that_takes_longer_than_a_lease_keeps_it(url):
    """Another process asks all the while, and is given it only at the end."""

    def work(pipe):
        with open_store(url).lock(key(1), lambda: pipe.send("waits")):
            pipe.send(target(url).load())

    store = open_store(url)
    with store.lock(key(1)):
        process, pipe = in_child(work)
        assert pipe.recv() == "waits"
        lease = store._leases.held(key(1))
        until = lease.until
        while lease.until < until + 5:  # signs of life for longer than a lease
            assert not pipe.poll(0.05)
        target(url).dump("first")
    assert pipe.recv() == "first"
    process.join()


@pytest.fixture
def shaky(tmp_path, monkeypatch):
    """A store whose backend has an exception of its own, for what is asked of it while `fails` holds something."""
    leases_of(1.0, monkeypatch)
    store = open_store(f"exclusive://{tmp_path}/{uuid.uuid4().hex}")
    fails, failed = set(), []

    class Unreachable(Exception):
        pass

    def failing(name, method):
        def call(*arguments, **options):
            if name in fails and "leases" in str(arguments[0]):
                failed.append(name)
                raise Unreachable("the network is down")
            return method(*arguments, **options)

        return call

    for name in ("pipe_file", "rm"):
        monkeypatch.setattr(store.files, name, failing(name, getattr(store.files, name)))
    return store, fails, failed


def test_a_network_that_was_down_for_a_moment_costs_no_lease(shaky):
    store, fails, failed = shaky
    with store.lock(key(1)):
        lease = store._leases.held(key(1))
        fails.add("pipe_file")
        wait_until(lambda: failed)  # a sign of life could not be given
        before = lease.until
        fails.clear()
        wait_until(lambda: lease.until > before)
        target(store.url).dump("here")
    assert target(store.url).load() == "here"


def test_what_was_committed_is_not_undone_by_a_lease_that_cannot_be_given_back(shaky):
    store, fails, failed = shaky
    with store.lock(key(1)):
        target(store.url).dump("here")
        fails.add("rm")
    assert failed == ["rm"]
    fails.clear()
    assert target(store.url).load() == "here"


def holder(url, sizes):
    """A process that takes leases and prepares outputs, says so, and commits when it is told to."""

    def work(pipe):
        results = []
        keys = list(range(sizes))
        held, go = threading.Barrier(sizes + 1), threading.Event()

        def one(n):
            store, mine = open_store(url), target(url, n)
            try:
                with store.lock(key(n)), store.draft() as draft:
                    held.wait()
                    go.wait()
                    mine.dump("old", draft=draft)
                    results.append("committed")
            except LeaseLostError:
                results.append("fenced out")

        threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in keys]
        for thread in threads:
            thread.start()
        held.wait()
        pipe.send("ready")
        pipe.recv()
        go.set()
        for thread in threads:
            thread.join()
        pipe.send(results)

    process, pipe = in_child(work)
    assert pipe.recv() == "ready"
    return process, pipe


def take_over(url, sizes):
    def one(n):
        with open_store(url).lock(key(n)):
            target(url, n).dump("new")

    with ThreadPoolExecutor(sizes) as threads:
        list(threads.map(one, range(sizes)))


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and signals of Linux")
def test_a_dead_holder_is_succeeded(many):
    places, keys = many
    for place in places:
        process, _ = holder(place, keys)
        process.kill()
        process.join()
        take_over(place, keys)
        assert {target(place, m).load() for m in range(keys)} == {"new"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and signals of Linux")
def test_a_zombie_is_fenced_out(many):
    """It was stopped for longer than its lease, somebody else has written, and now it goes on."""
    places, keys = many
    for place in places:
        process, pipe = holder(place, keys)
        os.kill(process.pid, signal.SIGSTOP)
        take_over(place, keys)
        os.kill(process.pid, signal.SIGCONT)
        pipe.send("go on")
        assert pipe.recv() == ["fenced out"] * keys
        process.join()
        assert {target(place, m).load() for m in range(keys)} == {"new"}


APP = """
import os, pathlib, signal, sys, luigi, pipeline
from targets import JsonTarget

class Leaf(pipeline.Task):
    TARGET_DIR = sys.argv[1]
    target_type = JsonTarget
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        with open("bodies", "a") as file:
            file.write(f"{self.n} {os.getpid()}\\n")
        if sys.argv[2] == "stop" and self.n == 3:
            os.kill(os.getpid(), signal.SIGSTOP)
        return self.n

class Root(pipeline.Task):
    TARGET_DIR = sys.argv[1]
    target_type = JsonTarget
    def requires(self):
        return [Leaf(n=n) for n in range(12)]
    def easy_run(self, inputs):
        return sum(inputs)

if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Root()], ["run", "--workers", sys.argv[3]]))
"""


def start(folder, url, how="plain", workers=1):
    (folder / "app.py").write_text(APP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_LEASE": "4", "LUIGI_CONFIG_PATH": "none.cfg"}
    command = [sys.executable, "app.py", url, how, str(workers)]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def bodies(folder):
    return sorted(int(line.split()[0]) for line in (folder / "bodies").read_text().splitlines())


@pytest.mark.parametrize("workers", [1, 2])
def test_overlapping_runs_compute_everything_once(workers, url, tmp_path):
    runs = [start(tmp_path, url, workers=workers) for _ in range(4)]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, out + err
    assert bodies(tmp_path) == list(range(12))


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals of Linux")
def test_a_run_that_was_stopped_takes_what_its_successor_has_made(url, tmp_path):
    stopped = start(tmp_path, url, "stop")
    try:
        until = time.monotonic() + 60
        while Path(f"/proc/{stopped.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < until
        other = start(tmp_path, url)
        assert other.wait(60) == 0
        os.kill(stopped.pid, signal.SIGCONT)
        out, err = stopped.communicate(timeout=60)
        assert stopped.returncode == 0, out + err
    finally:
        stopped.kill()
    assert bodies(tmp_path) == sorted([*range(12), 3])
    assert "has taken over" in err
    pids = [line.split()[1] for line in (tmp_path / "bodies").read_text().splitlines() if line.startswith("3 ")]
    assert pids[0] != pids[1]


def test_a_lock_of_threads_alone_is_caught(bucket, tmp_path, monkeypatch):
    """What the test of overlapping runs says of a store without leases."""
    (tmp_path / "app.py").write_text(APP)
    naive = APP.replace("import os,", "from targets.remote_store import RemoteStore\nRemoteStore.creates_exclusively = False\nimport os,")
    monkeypatch.setattr(sys.modules[__name__], "APP", naive)
    for _ in range(5):
        url = f"{bucket}/{uuid.uuid4().hex}"
        (tmp_path / "bodies").unlink(missing_ok=True)
        for run in [start(tmp_path, url) for _ in range(4)]:
            run.communicate(timeout=120)
        if len(bodies(tmp_path)) > 12:
            return
    pytest.fail("four runs without leases computed everything once, five times in a row")


def test_whoever_asks_again_and_again_without_waiting_succeeds_a_dead_holder(tmp_path, monkeypatch):
    """As a run does that takes other work meanwhile."""
    leases_of(0.5, monkeypatch)
    place = f"exclusive://{tmp_path}/store"

    def hold(pipe):
        with open_store(place).lock(key(1)):
            pipe.send("held")
            time.sleep(600)

    holder, pipe = in_child(hold)
    assert pipe.recv() == "held"
    holder.kill()
    holder.join()

    class Busy(Exception):
        pass

    def busy():
        raise Busy

    refused, until = 0, time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with open_store(place).lock(key(1), busy):
                break
        except Busy:
            refused += 1
            time.sleep(0.01)
    else:
        pytest.fail("the lease of a dead holder was never taken over")
    assert refused

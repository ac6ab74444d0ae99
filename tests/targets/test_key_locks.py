"""One writer at a time for a key: across processes and threads, and no longer than the holder lives."""

import os
import signal
import sys
import threading
from contextlib import ExitStack, contextmanager

import pytest

from targets import StoreError
from targets.locks import KeyLocks, given_back

KEY = "0a" * 16
OTHER = "0b" * 16

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def locks(tmp_path):
    return KeyLocks(str(tmp_path / "locks"))


@contextmanager
def child(body):
    """A forked process that runs `body(tell, wait)` and is killed at the end; yields its pid and how to listen."""
    to_parent, to_child = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(to_parent[0])
            os.close(to_child[1])
            body(lambda text: os.write(to_parent[1], text.encode() + b"\n"), lambda: os.read(to_child[0], 1))
        finally:
            os._exit(0)
    os.close(to_parent[1])
    os.close(to_child[0])
    with open(to_parent[0]) as told:
        try:
            yield pid, lambda: told.readline().strip()
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(to_child[1])


def holding(locks, key=KEY):
    def body(tell, wait):
        with locks.hold(key):
            tell("held")
            wait()

    return body


def is_free(locks, key=KEY) -> bool:
    with locks.try_hold(key) as free:
        return free


def test_a_key_that_another_process_holds_is_not_free(locks):
    with child(holding(locks)) as (_, listen):
        assert listen() == "held"
        assert not is_free(locks)


def test_another_key_is_free(locks):
    with child(holding(locks)) as (_, listen):
        assert listen() == "held"
        assert is_free(locks, OTHER)


def test_a_lock_dies_with_its_killed_holder(locks):
    with child(holding(locks)) as (_, listen):
        assert listen() == "held"

    assert is_free(locks)


def test_a_lock_that_was_given_back_is_free_for_another_process(locks):
    def body(tell, wait):
        tell(str(is_free(locks)))

    with locks.hold(KEY):
        pass
    with child(body) as (_, listen):
        assert listen() == "True"


def test_a_child_can_take_the_lock_once_its_parent_has_given_it_back(locks):
    released = os.pipe()

    def body(tell, wait):
        os.read(released[0], 1)
        tell(str(is_free(locks)))

    with ExitStack() as parents:
        parents.enter_context(locks.hold(KEY))
        with child(body) as (_, listen):
            parents.close()
            os.write(released[1], b".")
            assert listen() == "True"
    for end in released:
        os.close(end)


def test_a_child_does_not_inherit_the_lock(locks):
    def body(tell, wait):
        tell(str(is_free(locks)))

    with locks.hold(KEY), child(body) as (_, listen):
        assert listen() == "False"


def test_a_child_that_ends_does_not_take_its_parents_lock_along(locks):
    def brief(tell, wait):
        is_free(locks)

    def body(tell, wait):
        tell(str(is_free(locks)))

    with locks.hold(KEY):
        with child(brief) as (_, listen):
            assert listen() == ""
        with child(body) as (_, listen):
            assert listen() == "False"


def test_a_lock_dies_with_its_holder_though_the_holders_child_lives(locks):
    def body(tell, wait):
        with locks.hold(KEY):
            if os.fork() == 0:
                tell("child")
                wait()  # until the test ends
                os._exit(0)
            signal.pause()

    with child(body) as (pid, listen):
        assert listen() == "child"
        assert not is_free(locks)
        os.kill(pid, signal.SIGKILL)
        with locks.hold(KEY):
            pass


def test_a_fork_while_a_lock_is_held_leaves_the_child_able_to_lock(locks):
    def body(tell, wait):
        with locks.hold(OTHER):
            tell("held another")

    with locks.hold(KEY), child(body) as (_, listen):
        assert listen() == "held another"


def test_processes_do_not_lose_each_others_updates(locks, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def body(tell, wait):
        for _ in range(25):
            with locks.hold(KEY):
                counter.write_text(str(int(counter.read_text()) + 1))
        tell("done")

    with child(body) as (_, one), child(body) as (_, two), child(body) as (_, three):
        assert [one(), two(), three()] == ["done"] * 3
    assert counter.read_text() == "75"


def test_threads_of_one_process_exclude_each_other(locks):
    order = []
    held, release = threading.Event(), threading.Event()

    def first():
        with locks.hold(KEY):
            held.set()
            release.wait()
            order.append("first")

    def second():
        with locks.hold(KEY, waiting=release.set):
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    held.wait()
    threads[1].start()
    for thread in threads:
        thread.join()

    assert order == ["first", "second"]


def test_threads_do_not_lose_each_others_updates(locks, tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work():
        for _ in range(100):
            with locks.hold(KEY):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counter.read_text() == "400"


def test_who_must_wait_is_told_once(locks):
    told = []

    def body(tell, wait):
        with locks.hold(KEY):
            tell("held")
            wait()

    to_child = {}

    def waiting():
        told.append("waiting")
        os.kill(to_child["pid"], signal.SIGKILL)

    with child(body) as (pid, listen):
        to_child["pid"] = pid
        assert listen() == "held"
        with locks.hold(KEY, waiting):
            pass

    assert told == ["waiting"]


def test_who_need_not_wait_is_told_nothing(locks):
    told = []
    with locks.hold(KEY, lambda: told.append("waiting")):
        pass

    assert told == []


def test_a_lock_is_given_back_after_an_error(locks):
    with pytest.raises(RuntimeError), locks.hold(KEY):
        raise RuntimeError

    assert is_free(locks)


def test_what_an_exception_left_taken_is_free_after_the_block(locks):
    def body(tell, wait):
        tell(f"{is_free(locks)} {is_free(locks, OTHER)}")

    with locks.hold(OTHER):
        with pytest.raises(KeyboardInterrupt), given_back():
            locks.hold(KEY).__enter__()  # and right then came the exception
            with locks.hold(OTHER):
                raise KeyboardInterrupt
        with child(body) as (_, listen):
            assert listen() == "True False"


def test_waiting_that_is_interrupted_leaves_the_lock_to_others(locks):
    def interrupt():
        raise KeyboardInterrupt

    with child(holding(locks)) as (_, listen):
        assert listen() == "held"
        with pytest.raises(KeyboardInterrupt), locks.hold(KEY, interrupt):
            pass

    assert is_free(locks)


def test_a_thousand_keys_need_one_file(tmp_path):
    locks = KeyLocks(str(tmp_path / "locks" / "keys"))
    for number in range(1000):
        with locks.hold(f"{number:032x}"):
            pass

    assert os.listdir(tmp_path / "locks") == ["keys"]


def test_where_no_lock_can_be_taken_the_store_says_so_every_time(tmp_path):
    (tmp_path / "file").write_text("")
    locks = KeyLocks(str(tmp_path / "file" / "locks"))

    for take in (locks.hold, locks.try_hold, locks.hold, locks.try_hold):
        with pytest.raises(StoreError, match="the store .*file.* cannot be written"), take(KEY):
            pass


def test_a_thread_that_holds_a_lock_may_ask_for_it_again(locks):
    with locks.hold(KEY), locks.hold(KEY), locks.try_hold(KEY) as free:
        assert not free
    with locks.try_hold(KEY) as free:
        assert free


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere locks belong to the process")
def test_a_holder_that_reads_the_lock_file_goes_on_holding(locks):
    def body(tell, wait):
        with locks.hold(KEY):
            with open(locks._path, "rb") as file:  # as a step that copies its own store does
                file.read()
            tell("held")
            wait()

    with child(body) as (_, listen):
        assert listen() == "held"
        assert not is_free(locks)
    assert is_free(locks)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere locks belong to the process")
def test_a_holders_child_that_lives_on_keeps_no_lock(locks):
    def body(tell, wait):
        with locks.hold(KEY):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            tell(str(pid))
            wait()

    with child(body) as (pid, listen):
        below = int(listen())
        try:
            assert not is_free(locks)
            os.kill(pid, signal.SIGKILL)
            with locks.hold(KEY):  # would wait for ever
                os.kill(below, 0)
        finally:
            os.kill(below, signal.SIGKILL)

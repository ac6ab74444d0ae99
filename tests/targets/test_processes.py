"""What forked processes know of themselves, and of the locks of those that forked them."""

from __future__ import annotations

import os
import threading

from targets import processes


def in_a_fork(check):
    child = os.fork()
    if not child:
        os._exit(0 if check() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_lock_that_another_thread_has_is_free_in_a_forked_process():
    lock, taken, go_on = processes.lock(), threading.Event(), threading.Event()

    def take_it():
        with lock:
            taken.set()
            go_on.wait()

    # Registered later, hence called sooner than what the lock has registered: the fork begins while the thread has it.
    os.register_at_fork(before=go_on.set)
    busy = threading.Thread(target=take_it)
    busy.start()
    taken.wait()
    assert in_a_fork(lambda: lock.acquire(timeout=5))
    busy.join()
    assert lock.acquire(timeout=5)
    lock.release()


def test_a_forked_process_knows_who_it_is():
    assert in_a_fork(lambda: processes.current == os.getpid())

"""A second thread that does a part of the work."""

import queue
import threading

import pytest

from targets.helping import helped


def test_its_work_is_done_when_the_block_is_left():
    waiting, found = queue.SimpleQueue(), []
    before = threading.enumerate()
    with helped(lambda: found.extend(iter(waiting.get, None)), end=lambda: waiting.put(None)) as is_helped:
        waiting.put(1)
        waiting.put(2)
    assert is_helped
    assert found == [1, 2]
    assert threading.enumerate() == before


def fail():
    raise ValueError("the helper's")


def test_what_goes_wrong_in_it_is_raised():
    with pytest.raises(ValueError, match="the helper's"), helped(fail):
        pass


def test_what_the_block_is_left_by_comes_first():
    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt), helped(fail):
        raise KeyboardInterrupt
    assert threading.enumerate() == before

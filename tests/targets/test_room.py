"""Memory to read a file into."""

import mmap
import os

import numpy as np
import pytest

from targets.room import room


@pytest.mark.parametrize("size", [1, 100, 4096, 1 << 20, (1 << 20) + 1])
def test_it_starts_with_a_page_and_has_the_size_asked_for(size):
    memory = room(size)
    assert len(memory) == size
    assert not any(memory)
    assert np.frombuffer(memory, np.uint8).ctypes.data % mmap.PAGESIZE == 0


def test_nothing_has_no_bytes():
    assert len(room(0)) == 0


def test_another_process_does_not_see_what_is_written_there():
    memory = room(10)
    child = os.fork()
    if not child:
        memory[:] = b"0123456789"
        os._exit(0)
    os.waitpid(child, 0)
    assert not any(memory)

"""The writer: what it holds back, what it hashes, and what is in the file in the end."""

import io
import os
import pickle
import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_checks import EDGES, file_seal_of

from targets import PickleTarget, writing
from targets.seal import PIECE, file_seal
from targets.writing import HashingWriter

RNG = np.random.default_rng(7)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3 * PIECE) | st.integers(0, 100_000) | st.sampled_from(EDGES), max_size=8), st.integers(0, 2**32))
def test_the_digest_does_not_depend_on_portions(tmp_path_factory, portions, seed):
    path = tmp_path_factory.mktemp("portions") / "x"
    data = [np.random.default_rng(seed + at).bytes(size) for at, size in enumerate(portions)]
    writer = HashingWriter(path)
    for portion in data:
        assert writer.write(portion) == len(portion)
    made, size = writer.finish()

    assert made == file_seal(path) == file_seal_of(b"".join(data))
    assert path.read_bytes() == b"".join(data)
    assert size == len(b"".join(data))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([0, *EDGES[:6], 300_000]), st.lists(st.one_of(st.binary(max_size=50), st.integers(0, 100)), max_size=12))
def test_a_writer_may_go_back(tmp_path_factory, before, steps):
    writer = HashingWriter(tmp_path_factory.mktemp("back") / "x")
    plain = io.BytesIO()
    for step in [RNG.bytes(before), *steps]:
        if isinstance(step, bytes):
            writer.write(step)
            plain.write(step)
        else:
            writer.seek(step)
            plain.seek(step)
        assert writer.tell() == plain.tell()
    made, size = writer.finish()

    assert made == file_seal_of(plain.getvalue())
    assert size == len(plain.getvalue())


def test_a_writer_that_was_interrupted_can_be_abandoned(tmp_path):
    """The traceback of what interrupted it holds on to what was just being held back."""

    class Interrupted(HashingWriter):
        def _hold_small(self):
            raise KeyboardInterrupt

    writer = Interrupted(tmp_path / "x")
    writer.write(b"a little")
    with pytest.raises(KeyboardInterrupt) as caught:
        writer.write(bytes(100_000))
    del Interrupted._hold_small
    writer.abandon()
    assert caught.tb is not None
    assert writer.closed
    assert (tmp_path / "x").read_bytes() == b""


@pytest.mark.parametrize("size", [10, 100_000, 3 * PIECE, 9 * PIECE])
@pytest.mark.parametrize("kind", [bytearray, memoryview, np.asarray])
def test_the_owner_of_a_buffer_may_use_it_again(kind, size, tmp_path):
    memory = bytearray(RNG.bytes(size))
    before = bytes(memory)
    writer = HashingWriter(tmp_path / "x")
    writer.write(kind(memory))
    memory[:] = bytes(size)
    writer.write(kind(memory))

    assert writer.finish()[0] == file_seal_of(before + bytes(size))
    assert (tmp_path / "x").read_bytes() == before + bytes(size)


@pytest.fixture
def no_more_threads():
    before = threading.stack_size(1 << 46)  # more than any machine has
    with pytest.raises(RuntimeError):
        threading.Thread(target=print).start()
    yield
    threading.stack_size(before)


@pytest.mark.parametrize("value", [RNG.random(2 * PIECE), [RNG.random(30_000) for _ in range(90)]], ids=["one array", "many"])
def test_without_threads_all_is_hashed_as_ever(value, no_more_threads, tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    record = target.dump(value)

    assert record.parts[0].digest == file_seal(target.path)[0]
    assert pickle.dumps(target.load()) == pickle.dumps(value)


def test_nothing_is_written_once_it_is_closed(tmp_path):
    with HashingWriter(tmp_path / "x") as writer:
        writer.write(b"all")
    with pytest.raises(ValueError, match="closed file"):
        writer.write(b" and more")
    assert writer.finish()[1] == 3


def test_only_an_array_of_its_own_is_held_back(tmp_path):
    array = RNG.random(50_000)
    held, at_once = HashingWriter(tmp_path / "held"), HashingWriter(tmp_path / "at once")
    held.write(pickle.PickleBuffer(array))
    at_once.write(pickle.PickleBuffer(array[:40_000]))

    assert (tmp_path / "held").stat().st_size == 0
    assert (tmp_path / "at once").stat().st_size == 320_000
    assert held.finish()[1] == 400_000
    assert at_once.finish()[1] == 320_000


SCRATCH = bytearray(200_000)


class Hasty:
    """Fills the same memory again each time that it is pickled."""

    def __init__(self, number, hands_over):
        self.number = number
        self.hands_over = hands_over

    def __reduce__(self):
        SCRATCH[:] = bytes([self.number]) * len(SCRATCH)
        return bytes, (self.hands_over(SCRATCH),)


@pytest.mark.parametrize(
    "hands_over",
    [pickle.PickleBuffer, lambda memory: pickle.PickleBuffer(np.frombuffer(memory, "u1")), lambda memory: np.frombuffer(memory, "u1")[:100_000]],
    ids=["bytearray", "array", "part of an array"],
)
def test_memory_that_is_filled_again_while_it_is_pickled_is_stored_as_it_was(hands_over, tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump([Hasty(number, hands_over) for number in range(5)])
    assert [(loaded[0], loaded[-1]) for loaded in target.load()] == [(number, number) for number in range(5)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300_000) | st.sampled_from(EDGES), st.booleans()), max_size=60))
def test_what_pickle_hands_over_is_written_in_order(tmp_path_factory, portions):
    path = tmp_path_factory.mktemp("order") / "x"
    data = [(np.full(size, at, dtype=np.uint8), handed_over) for at, (size, handed_over) in enumerate(portions)]
    writer = HashingWriter(path)
    for array, handed_over in data:
        writer.write(pickle.PickleBuffer(array) if handed_over else array.tobytes())
    whole = b"".join(array.tobytes() for array, _ in data)

    assert writer.finish()[0] == file_seal_of(whole)
    assert path.read_bytes() == whole


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_a_system_that_takes_less_than_it_was_given_is_given_the_rest():
    """As a disk that is nearly full does, and as a pipe does here where a signal comes meanwhile."""
    portions = [bytes([at % 251]) * (at * 37 % 30_000) for at in range(2_500)]
    taking, giving = os.pipe()
    taken, short = [], []

    def take():
        while data := os.read(taking, 50_000):
            taken.append(data)

    def count(descriptor, some):
        written = write_some(descriptor, some)
        short.append(written < sum(map(len, some)))
        return written

    write_some = writing._write_some
    reader = threading.Thread(target=take)
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        writing._write_some = count
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        reader.start()
        for _ in range(1_000):
            writing._write_all(giving, portions)
            if any(short):
                break
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        writing._write_some = write_some
        os.close(giving)
        reader.join()
        os.close(taking)
    rounds = len(short) // 3
    assert any(short)
    assert b"".join(taken) == b"".join(portions) * rounds

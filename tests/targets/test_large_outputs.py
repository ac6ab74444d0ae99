"""Outputs of several pieces: hashed while they are written, verified piece by piece while they are read."""

import io
import os
import pickle
import random
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets import BytesTarget, DamagedError, FeatherTarget, LoadError, NumpyTarget, ParquetTarget, PickleTarget, writing
from targets.opening import open_store
from targets.reading import lent, verified_file
from targets.record import Part, Record
from targets.seal import PIECE, Pieces, digest, digest_of_pieces, file_seal
from targets.writing import HashingWriter

RNG = np.random.default_rng(7)
FRAME = pd.DataFrame({f"c{n}": RNG.random(150_000) for n in range(5)})
STORED = {
    "pickle": (PickleTarget, {"array": RNG.random(500_000), "more": list(range(1000))}),
    "numpy": (NumpyTarget, RNG.random((5, 100_000))),
    "bytes": (BytesTarget, RNG.bytes(3 * PIECE)),
    "parquet": (ParquetTarget, FRAME),
    "feather": (FeatherTarget, FRAME),
}


@pytest.fixture(params=STORED)
def stored(request, tmp_path):
    kind, value = STORED[request.param]
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump(value)
    return target, value


def test_a_large_output_comes_back(stored):
    target, value = stored

    assert len(target.record.parts[0].pieces) == 32 * -(-os.path.getsize(target.path) // PIECE)
    assert pickle.dumps(target.load()) == pickle.dumps(value)
    target.verify()


def test_a_flipped_bit_anywhere_is_damage(stored):
    target, _ = stored
    size = os.path.getsize(target.path)
    chance = random.Random(3)
    edges = [at + near for at in range(0, size, PIECE) for near in (-1, 0, 1) if 0 <= at + near < size]
    with open(target.path, "r+b", buffering=0) as file:
        for at in [*edges, size - 1, *(chance.randrange(size) for _ in range(60))]:
            before = os.pread(file.fileno(), 1, at)
            os.pwrite(file.fileno(), bytes([before[0] ^ 1 << chance.randrange(8)]), at)
            with pytest.raises(DamagedError):
                target.load()
            with pytest.raises(DamagedError):
                target.verify()
            os.pwrite(file.fileno(), before, at)
    target.load()


def test_pieces_that_changed_places_are_damage(stored):
    target, _ = stored
    with open(target.path, "r+b") as file:
        data = file.read()
        file.seek(0)
        file.write(data[PIECE : 2 * PIECE] + data[:PIECE])

    with pytest.raises(DamagedError):
        target.load()


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, 2 * PIECE, -1])
def test_another_length_is_damage(stored, length):
    target, _ = stored
    os.truncate(target.path, length if length >= 0 else os.path.getsize(target.path) + 1)

    with pytest.raises(DamagedError, match="bytes where its record says"):
        target.load()


def test_columns_that_are_not_asked_for_are_not_read(tmp_path):
    target = ParquetTarget(tmp_path / "x.parquet")
    target.compression = None
    target.dump(FRAME)
    size = os.path.getsize(target.path)
    with open(target.path, "r+b") as file:
        file.seek(size // 2)  # in the middle of the third column
        file.write(b"\0" * 8)

    pd.testing.assert_frame_equal(target.load(columns=["c0"]), FRAME[["c0"]])
    with pytest.raises(DamagedError):
        target.load(columns=["c2"])


def test_pieces_that_do_not_make_the_digest_are_refused(tmp_path):
    data = RNG.bytes(2 * PIECE)
    other = file_seal_of(RNG.bytes(2 * PIECE))
    whole, _ = file_seal_of(data)

    with pytest.raises(DamagedError, match="contradicts itself"):
        verified_file(open_store(str(tmp_path)), Part("", "x", "bin", whole, len(data), pieces=other[1]))


def test_a_record_keeps_the_pieces(tmp_path):
    target = BytesTarget(tmp_path / "x.bin")
    record = target.dump(RNG.bytes(2 * PIECE + 5))

    assert len(record.parts[0].pieces) == 3 * 32
    assert Record.from_bytes(record.to_bytes()).parts == record.parts


def test_no_content_has_the_digest_of_a_longer_one():
    data = RNG.bytes(2 * PIECE)
    whole, pieces = file_seal_of(data)

    assert whole != digest(pieces)
    assert whole == digest_of_pieces(pieces)


def test_a_mapped_array_is_verified_first(tmp_path):
    target = NumpyTarget(tmp_path / "x.npy")
    target.dump(np.arange(400_000))

    mapped = target.load(mmap_mode="r")

    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, np.arange(400_000))
    with pytest.raises(LoadError, match="would write into a stored output"):
        target.load(mmap_mode="r+")
    del mapped
    with open(target.path, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    os.utime(target.path, ns=(1, 1))
    with pytest.raises(DamagedError):
        target.load(mmap_mode="r")


def test_a_mapped_frame_is_verified_first(tmp_path):
    target = FeatherTarget(tmp_path / "x.feather")
    target.dump(FRAME)

    pd.testing.assert_frame_equal(target.load(memory_map=True), FRAME)
    with open(target.path, "r+b") as file:
        file.seek(PIECE)
        byte = file.read(1)
        file.seek(PIECE)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(target.path, ns=(1, 1))
    with pytest.raises(DamagedError):
        target.load(memory_map=True)


def test_arrays_of_every_layout_come_back(tmp_path):
    target = NumpyTarget(tmp_path / "x.npy")
    arrays = [
        np.zeros((0, 3)),
        np.array(3.5),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(20)[::2],
        np.array(["a", "bb"]),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["2026-01-01"], dtype="M8[ns]"),
        np.array([True, False]),
        np.array([], dtype="U0"),
        np.arange(3, dtype=">f4"),
    ]
    for array in arrays:
        target.dump(array)
        back = target.load()
        assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
        np.testing.assert_array_equal(np.load(target.path), array)


#: Around these a writer goes another way.
EDGES = [size + more for size in (1 << 14, 1 << 18, PIECE, 8 * PIECE) for more in (-1, 0, 1)]


def file_seal_of(data):
    pieces = Pieces()
    pieces.update(data)
    return pieces.finish()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3 * PIECE) | st.integers(0, 100_000) | st.sampled_from(EDGES), max_size=8), st.integers(0, 2**32))
def test_the_digest_does_not_depend_on_portions(tmp_path_factory, portions, seed):
    path = tmp_path_factory.mktemp("portions") / "x"
    data = [np.random.default_rng(seed + at).bytes(size) for at, size in enumerate(portions)]
    writer = HashingWriter(path)
    for portion in data:
        assert writer.write(portion) == len(portion)
    made, size, pieces = writer.finish()

    assert (made, pieces) == file_seal(path) == file_seal_of(b"".join(data))
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
    made, size, _ = writer.finish()

    assert made == file_seal_of(plain.getvalue())[0]
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

    assert writer.finish()[0] == file_seal_of(before + bytes(size))[0]
    assert (tmp_path / "x").read_bytes() == before + bytes(size)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300_000) | st.sampled_from(EDGES), st.booleans()), max_size=60))
def test_what_pickle_hands_over_is_written_in_order(tmp_path_factory, portions):
    path = tmp_path_factory.mktemp("order") / "x"
    data = [(np.full(size, at, dtype=np.uint8), handed_over) for at, (size, handed_over) in enumerate(portions)]
    writer = HashingWriter(path)
    for array, handed_over in data:
        writer.write(pickle.PickleBuffer(array) if handed_over else array.tobytes())
    whole = b"".join(array.tobytes() for array, _ in data)

    assert writer.finish()[::2] == file_seal_of(whole)
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


DATA = np.random.default_rng(1).bytes(5 * PIECE + 777)
SEAL = file_seal_of(DATA)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(-1, len(DATA))), min_size=1, max_size=8))
def test_a_reader_gives_what_the_file_holds(tmp_path_factory, reads):
    folder = tmp_path_factory.mktemp("reads")
    (folder / "x").write_bytes(DATA)
    file = verified_file(open_store(str(folder)), Part("", "x", "bin", SEAL[0], len(DATA), pieces=SEAL[1]))
    for at, count in reads:
        file.seek(at)
        assert file.read(count) == (DATA[at:] if count < 0 else DATA[at : at + count])


def _some(kind, size):
    """Something of about this many bytes, for which pickle has an instruction of its own."""
    chance = np.random.default_rng(size)
    return {
        "bytes": lambda: chance.bytes(size),
        "bytearray": lambda: bytearray(chance.bytes(size)),
        "array": lambda: chance.random(size // 8),
        "text": lambda: "".join(map(chr, chance.integers(32, 0x3000, size // 3))),
        "whole number": lambda: int.from_bytes(chance.bytes(size % 1_500), "big"),
        "numbers": lambda: chance.random(size // 9).tolist(),
        "named": lambda: {f"name {at}": at for at in range(size // 20)},
    }[kind]()


KINDS = ["bytes", "bytearray", "array", "text", "whole number", "numbers", "named"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 400_000) | st.sampled_from(EDGES[:6])), min_size=3, max_size=12),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
)
def test_a_pickle_is_read_from_memory_that_is_lent(tmp_path_factory, parts, protocol):
    folder = tmp_path_factory.mktemp("lent")
    value = [_some(kind, size) for kind, size in parts]
    data = pickle.dumps([*value, bytes(PIECE)], protocol)
    (folder / "x").write_bytes(data)
    whole, pieces = file_seal_of(data)

    with verified_file(open_store(str(folder)), Part("", "x", "pkl", whole, len(data), pieces=pieces)) as file:
        assert lent(file) is not file
        *loaded, _ = pickle.load(lent(file))

    assert len(loaded) == len(value)
    for (kind, _), before, after in zip(parts, value, loaded, strict=True):
        assert type(after) is type(before)
        assert np.array_equal(after, before) if kind == "array" else after == before


def test_a_file_that_was_read_keeps_no_thread(tmp_path):
    """The garbage collector closes it at any moment, also in a thread that is just beginning: to wait there for another one may be for ever."""
    target = BytesTarget(tmp_path / "x.bin")
    data = RNG.bytes(8 * PIECE + 5)
    target.dump(data)
    before = threading.enumerate()

    with verified_file(target.store, target.record.parts[0]) as file:
        room = bytearray(len(data))
        assert file.readinto(room) == len(data)
        assert room == data
        assert threading.enumerate() == before

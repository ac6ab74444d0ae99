"""Outputs of several pieces: hashed while they are written, verified piece by piece while they are read."""

import dataclasses
import os
import pickle
import random
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_checks import EDGES, file_seal_of

from targets import BytesTarget, DamagedError, FeatherTarget, LoadError, NumpyTarget, ParquetTarget, PickleTarget, seal
from targets.opening import open_store
from targets.reading import lent, verified_file
from targets.record import Part, Record
from targets.seal import PIECE, digest, digest_of_pieces

RNG = np.random.default_rng(7)
SAME = b"always the same!"
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
    sealed = file_seal_of(data)

    for wrong in (sealed._replace(pieces=other.pieces), sealed._replace(checksums=sealed.checksums[:16])):
        with pytest.raises(DamagedError, match="contradicts itself"):
            verified_file(open_store(str(tmp_path)), Part.of(wrong, "", "x", "bin", len(data)))


@pytest.mark.parametrize("at", [5, PIECE + 5, 6 * PIECE + 5])
def test_a_piece_is_compared_with_its_checksum_and_with_its_digest_where_there_is_a_key(at, tmp_path, monkeypatch):
    target = BytesTarget(tmp_path / "x.bin")
    target.dump(RNG.bytes(7 * PIECE))
    data = bytearray((tmp_path / "x.bin").read_bytes())
    data[at] ^= 1
    (tmp_path / "x.bin").write_bytes(data)
    with pytest.raises(DamagedError, match="its checksum differs"):
        target.load()
    # Somebody has found other data with the same checksums.
    monkeypatch.setattr(seal, "checksum", lambda piece: SAME)
    record = target.record
    part = dataclasses.replace(record.parts[0], checksums=SAME * 7)
    target.rewrite(dataclasses.replace(record, parts=(part,)))
    assert target.load() == data
    monkeypatch.setenv("PIPELINE_SIGNING_KEY", "k" * 32)
    target.rewrite(target.record, vouched=True)
    with pytest.raises(DamagedError, match="its digest differs"):
        target.load()


def test_records_without_checksums_are_read(tmp_path):
    target = BytesTarget(tmp_path / "x.bin")
    data = RNG.bytes(2 * PIECE)
    record = target.dump(data)
    target.rewrite(dataclasses.replace(record, parts=tuple(dataclasses.replace(part, checksums=b"") for part in record.parts)))
    assert target.load() == data
    (tmp_path / "x.bin").write_bytes(data[:-1] + b"x")
    with pytest.raises(DamagedError, match="its digest differs"):
        target.load()


def test_a_record_keeps_the_pieces(tmp_path):
    target = BytesTarget(tmp_path / "x.bin")
    record = target.dump(RNG.bytes(2 * PIECE + 5))

    assert len(record.parts[0].pieces) == 3 * 32
    assert len(record.parts[0].checksums) == 3 * 16
    assert Record.from_bytes(record.to_bytes()).parts == record.parts


def test_no_content_has_the_digest_of_a_longer_one():
    data = RNG.bytes(2 * PIECE)
    sealed = file_seal_of(data)

    assert sealed.digest != digest(sealed.pieces)
    assert sealed.digest == digest_of_pieces(sealed.pieces)


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


class Framed(PickleTarget):
    """Something before the pickle, and something after it."""

    extension = "framed"

    def write(self, value, file):
        file.write(b"before")
        super().write(value, file)
        file.write(b"after")

    def read(self, file, **options):
        before = file.read(6)
        value = super().read(file, **options)
        return before, value, file.read()


@pytest.mark.parametrize("size", [10, PIECE, 3 * PIECE])
def test_a_pickle_may_be_a_part_of_a_file(size, tmp_path):
    target = Framed(tmp_path / "x.framed")
    value = [RNG.bytes(size), RNG.random(size // 8)]
    target.dump(value)

    before, loaded, after = target.load()
    assert (before, after) == (b"before", b"after")
    assert pickle.dumps(loaded) == pickle.dumps(value)


DATA = np.random.default_rng(1).bytes(5 * PIECE + 777)
SEAL = file_seal_of(DATA)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(-1, len(DATA))), min_size=1, max_size=8))
def test_a_reader_gives_what_the_file_holds(tmp_path_factory, reads):
    folder = tmp_path_factory.mktemp("reads")
    (folder / "x").write_bytes(DATA)
    file = verified_file(open_store(str(folder)), Part.of(SEAL, "", "x", "bin", len(DATA)))
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

    with verified_file(open_store(str(folder)), Part.of(file_seal_of(data), "", "x", "pkl", len(data))) as file:
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

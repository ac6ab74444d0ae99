"""Text, bytes, arrays, memory, nothing, and a format of one's own: small formats, the same contract."""

import numpy as np
import pytest
from target_checks import everything_in, fresh_python

from targets import BytesTarget, DummyTarget, DumpError, JsonTarget, LoadError, MemoryTarget, MissingOutputError, NumpyTarget, Target, TextTarget
from targets.opening import open_store
from targets.place import Place


@pytest.mark.parametrize("text", ["", "é\r\n\x00", "x" * 100_000])
def test_text_comes_back_to_the_character(tmp_path, text):
    TextTarget(tmp_path / "x.txt").dump(text)

    assert TextTarget(tmp_path / "x.txt").load() == text
    assert (tmp_path / "x.txt").read_bytes() == text.encode()


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"x" * 100_000])
def test_bytes_come_back_to_the_bit(tmp_path, data):
    BytesTarget(tmp_path / "x.bin").dump(data)

    assert BytesTarget(tmp_path / "x.bin").load() == data
    assert (tmp_path / "x.bin").read_bytes() == data


@pytest.mark.parametrize(("kind", "value"), [(TextTarget, b"x"), (TextTarget, None), (BytesTarget, "x"), (NumpyTarget, [1, 2])])
def test_a_value_of_another_type_is_refused(tmp_path, kind, value):
    with pytest.raises(DumpError, match=rf"{kind.__name__} stores .*, and got a {type(value).__name__}"):
        kind(tmp_path / "x.out").dump(value)


def test_text_that_utf8_cannot_hold_is_refused(tmp_path):
    with pytest.raises(DumpError, match=r"x\.txt .*UnicodeEncodeError.*choose another target_type"):
        TextTarget(tmp_path / "x.txt").dump("\ud800")


ARRAYS = {
    "numbers": np.arange(6).reshape(2, 3),
    "in Fortran's order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a single number": np.array(1.5, "float32"),
    "nothing": np.zeros((0, 3), "int8"),
    "text": np.array(["x", "long"]),
    "dates": np.array(["2020-01-01", "NaT"], "datetime64[s]"),
    "records": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
    "the other byte order": np.array([1, 2], ">i4"),
    "NaN and -0.0": np.array([np.nan, -0.0]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_comes_back_to_the_bit(tmp_path, name):
    target = NumpyTarget(tmp_path / "x.npy")
    target.dump(ARRAYS[name])

    back = target.load()
    assert (back.dtype, back.shape, back.flags.f_contiguous) == (ARRAYS[name].dtype, ARRAYS[name].shape, ARRAYS[name].flags.f_contiguous)
    assert back.tobytes() == ARRAYS[name].tobytes()


def test_plain_numpy_in_a_fresh_process_reads_the_file(tmp_path):
    NumpyTarget(tmp_path / "x.npy").dump(np.array([1, 2]))

    assert fresh_python("import sys, numpy; print(numpy.load(sys.argv[1]))", tmp_path / "x.npy") == "[1 2]"


def test_an_array_of_objects_is_refused_since_it_would_be_pickled_inside(tmp_path):
    with pytest.raises(DumpError, match="holds Python objects: .*use PickleTarget"):
        NumpyTarget(tmp_path / "x.npy").dump(np.array([{1}], dtype=object))


def test_a_masked_array_is_refused_since_its_mask_would_be_lost(tmp_path):
    with pytest.raises(DumpError, match="got a MaskedArray"):
        NumpyTarget(tmp_path / "x.npy").dump(np.ma.array([1, 2], mask=[True, False]))


def test_memory_gives_every_reader_the_same_object_and_writes_nothing(tmp_path):
    value = object()
    MemoryTarget(tmp_path / "x.memory").dump(value)

    assert MemoryTarget(tmp_path / "x.memory").load() is value
    assert everything_in(tmp_path) == []


def test_memory_is_empty_in_another_process(tmp_path):
    MemoryTarget(tmp_path / "x.memory").dump(1)

    code = "import sys; from targets import MemoryTarget; print(MemoryTarget(sys.argv[1]).exists())"
    assert fresh_python(code, tmp_path / "x.memory") == "False"


def test_memory_that_is_empty_says_so(tmp_path):
    with pytest.raises(MissingOutputError, match="keeps its output in memory, and this process has not made it"):
        MemoryTarget(tmp_path / "x.memory").load()


def test_memory_forgets_what_is_removed(tmp_path):
    target = MemoryTarget(tmp_path / "x.memory")
    target.dump(1)
    target.remove()

    assert not target.exists()


def test_a_dummy_keeps_its_record_alone(tmp_path):
    target = DummyTarget(tmp_path / "x.done")
    target.dump("ignored")

    assert target.exists()
    assert target.load() is None
    assert everything_in(tmp_path) == ["x.record.json"]


def test_removing_a_dummy_removes_nothing_else(tmp_path):
    store = open_store(str(tmp_path))
    JsonTarget(Place(store, "shop/Other/y")).dump(1)
    dummy = DummyTarget(Place(store, "shop/Step/x"))
    dummy.dump(None)

    dummy.remove()

    assert everything_in(tmp_path) == ["shop", "shop/Other", "shop/Other/y.json", "shop/Other/y.record.json", "shop/Step"]


def test_a_value_in_the_place_of_a_dummy_replaces_nothing_else(tmp_path):
    store = open_store(str(tmp_path))
    JsonTarget(Place(store, "shop/Other/y")).dump(1)
    DummyTarget(Place(store, "shop/Step/x")).dump(None)

    JsonTarget(Place(store, "shop/Step/x")).dump(2)

    assert JsonTarget(Place(store, "shop/Other/y")).load() == 1
    assert JsonTarget(Place(store, "shop/Step/x")).load() == 2


class IniTarget(Target[dict]):
    extension = "ini"

    def write(self, value, file):
        file.write("\n".join(f"{name}={text}" for name, text in value.items()).encode())

    def read(self, file, *, upper=False):
        pairs = dict(line.split("=") for line in file.read().decode().splitlines())
        return {name.upper(): text for name, text in pairs.items()} if upper else pairs


def test_a_format_of_ones_own_needs_a_write_and_a_read(tmp_path):
    IniTarget(tmp_path / "x.ini").dump({"a": "1"})

    assert IniTarget(tmp_path / "x.ini").load() == {"a": "1"}
    assert (tmp_path / "x.ini").read_text() == "a=1"


def test_a_format_of_ones_own_gets_the_options_of_load(tmp_path):
    IniTarget(tmp_path / "x.ini").dump({"a": "1"})

    assert IniTarget(tmp_path / "x.ini").load(upper=True) == {"A": "1"}


def test_what_a_format_of_ones_own_raises_while_writing_names_the_place_and_a_way_out(tmp_path):
    with pytest.raises(DumpError, match=r"x\.ini returned a list that IniTarget cannot store: AttributeError: .*choose another target_type"):
        IniTarget(tmp_path / "x.ini").dump([1])


def test_what_a_format_of_ones_own_raises_while_reading_is_no_damage(tmp_path):
    IniTarget(tmp_path / "x.ini").dump({"a": "1=2"})

    with pytest.raises(LoadError, match=r"x\.ini is intact but IniTarget cannot read it: ValueError"):
        IniTarget(tmp_path / "x.ini").load()


class ZipLikeTarget(Target[bytes]):
    """Goes back to write its header last, as zip and HDF5 do."""

    extension = "z"

    def write(self, value, file):
        file.write(b"\0\0\0\0" + value)
        file.seek(0)
        file.write(len(value).to_bytes(4, "big"))

    def read(self, file):
        return file.read()


def test_a_format_that_goes_back_in_its_file_is_hashed_as_it_ends_up(tmp_path):
    target = ZipLikeTarget(tmp_path / "x.z")
    target.dump(b"data")

    assert target.load() == b"\0\0\0\4data"


class Half(Target[None]):
    pass


def test_a_format_without_write_says_so(tmp_path):
    with pytest.raises(DumpError, match=r"Half defines no write\(value, file\)"):
        Half(tmp_path / "x.bin").dump(None)

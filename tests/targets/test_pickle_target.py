"""PickleTarget: any object, readable without us, the same bytes for the same value."""

import copyreg
import gzip
import logging
import pickle
import types

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from target_checks import assert_same_frame, fresh_python

from targets import DumpError, LoadError, PickleTarget


class Fast(PickleTarget):
    compression = 1


class Small(PickleTarget):
    compression = 9


VALUES = {
    "nothing": None,
    "nested": {"a": [1, (2.5, {3}), b"x"], None: "é"},
    "large bytes": b"ab" * 200_000,
    "many objects": [{"n": n} for n in range(2000)],
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("kind", [PickleTarget, Fast, Small])
def test_a_value_comes_back_as_it_was(tmp_path, kind, value):
    kind(tmp_path / "x.pkl").dump(value)

    assert kind(tmp_path / "x.pkl").load() == value


@pytest.mark.parametrize("kind", [PickleTarget, Fast])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_comes_back_as_it_was(tmp_path, kind, order):
    array = np.asarray(np.arange(90_000.0).reshape(300, 300), order=order)
    target = kind(tmp_path / "x.pkl")
    target.dump(array)

    np.testing.assert_array_equal(target.load(), array)


def test_a_large_array_of_records_comes_back_as_it_was(tmp_path):
    array = np.zeros(20_000, [("a", "i4"), ("b", ">f8")])
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump(array)

    assert target.load().tobytes() == array.tobytes()


class Registered:
    pass


def test_what_a_library_has_registered_is_written_as_cloudpickle_writes_it(tmp_path, monkeypatch):
    mapping = types.MappingProxyType({"a": 1})
    monkeypatch.setitem(copyreg.dispatch_table, Registered, lambda _: (str, ("registered",)))
    # Cloudpickle has a way of its own for these, which comes first.
    monkeypatch.setitem(copyreg.dispatch_table, type(mapping), lambda _: (str, ("not this one",)))
    value = [Registered(), mapping, {"b": 2}.keys(), logging.getLogger("a")]
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump(value)

    assert (tmp_path / "x.pkl").read_bytes() == cloudpickle.dumps(value, protocol=5)
    assert target.load()[:2] == ["registered", mapping]


def test_frames_that_columnar_formats_refuse_can_be_pickled(tmp_path):
    frame = pd.DataFrame([[1, {2}]], columns=["a", "a"], index=pd.date_range("2020", periods=1, freq="D"))
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump(frame)

    assert_same_frame(target.load(), frame)


def test_plain_pickle_in_a_fresh_process_reads_the_file(tmp_path):
    PickleTarget(tmp_path / "x.pkl").dump({"a": [1, 2]})

    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')), 'targets' in sys.modules)"
    assert fresh_python(code, tmp_path / "x.pkl") == "{'a': [1, 2]} False"


def test_plain_gzip_and_pickle_read_a_compressed_file(tmp_path):
    Fast(tmp_path / "x.pkl").dump([1, 2])

    with gzip.open(tmp_path / "x.pkl") as file:
        assert pickle.load(file) == [1, 2]


def test_a_lambda_loads_in_another_process(tmp_path):
    step = 3
    PickleTarget(tmp_path / "x.pkl").dump(lambda number: number + step)

    code = "import sys; from targets import PickleTarget; print(PickleTarget(sys.argv[1]).load()(4))"
    assert fresh_python(code, tmp_path / "x.pkl") == "7"


def test_an_object_of_a_class_of_main_loads_in_another_process(tmp_path):
    writing = """
import sys
from targets import PickleTarget
class Model:
    def predict(self): return 42
PickleTarget(sys.argv[1]).dump(Model())
"""
    fresh_python(writing, tmp_path / "x.pkl")

    reading = "import sys; from targets import PickleTarget; print(PickleTarget(sys.argv[1]).load().predict())"
    assert fresh_python(reading, tmp_path / "x.pkl") == "42"


def test_a_higher_compression_level_makes_a_smaller_file(tmp_path):
    value = [f"row {n * n}" for n in range(5000)]
    sizes = [kind(tmp_path / f"{kind.__name__}.pkl").dump(value).size for kind in (PickleTarget, Fast, Small)]

    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 3


@pytest.mark.parametrize("level", [0, 1, 9])
def test_the_same_value_gives_the_same_bytes_in_every_process(tmp_path, level):
    code = f"""
import sys
from targets import PickleTarget
class Mine(PickleTarget):
    compression = {level}
value = {{"a": [1, 2.5, None], "b": {{"c": ("d", b"e")}}}}
print(Mine(sys.argv[1]).dump(value).digest)
"""
    assert fresh_python(code, tmp_path / "one.pkl") == fresh_python(code, tmp_path / "two.pkl")


def test_what_cannot_be_pickled_is_refused_with_the_place_and_a_way_out(tmp_path):
    with pytest.raises(DumpError, match=r"x\.pkl returned a generator that PickleTarget cannot store.*choose another target_type"):
        PickleTarget(tmp_path / "x.pkl").dump(n for n in range(3))


def test_an_intact_pickle_of_a_class_that_is_gone_is_a_load_error(tmp_path):
    writing = """
import sys, types
from targets import PickleTarget
module = types.ModuleType("gone"); sys.modules["gone"] = module
exec("class Model: pass", module.__dict__)
PickleTarget(sys.argv[1]).dump(module.Model())
"""
    fresh_python(writing, tmp_path / "x.pkl")

    with pytest.raises(LoadError, match=r"x\.pkl is intact but PickleTarget cannot read it: ModuleNotFoundError"):
        PickleTarget(tmp_path / "x.pkl").load()


class Model:
    pass


def test_the_classes_that_a_pickle_refers_to_are_noticed(tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump([Model()])

    assert Model in target.named_code()


def test_a_plain_value_refers_to_no_class_of_the_value_before(tmp_path):
    target = PickleTarget(tmp_path / "x.pkl")
    target.dump([Model()])
    target.dump(1)

    assert target.named_code() == frozenset()

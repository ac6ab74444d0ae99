"""JsonTarget: values that come back as they went in, or a refusal that names the place."""

import dataclasses
import datetime
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets import DumpError, JsonTarget, RoundTripError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON)
def test_any_json_value_comes_back_as_it_was(tmp_path_factory, value):
    target = JsonTarget(tmp_path_factory.getbasetemp() / "any.json")
    target.dump(value)

    # repr tells 1 from True and 1.0, 0.0 from -0.0, and takes NaN for NaN.
    assert repr(target.load()) == repr(value)


def test_a_person_and_plain_json_can_read_the_file(tmp_path):
    JsonTarget(tmp_path / "x.json").dump({"name": "é", "n": [1, 2]})

    text = (tmp_path / "x.json").read_text("utf-8")
    assert json.loads(text) == {"name": "é", "n": [1, 2]}
    assert '"name": "é"' in text


def test_dataclasses_and_numpy_scalars_are_written_as_json(tmp_path):
    @dataclasses.dataclass
    class Score:
        value: float
        n: int

    target = JsonTarget(tmp_path / "x.json")
    target.dump([Score(np.float64(0.5), np.int32(3)), np.bool_(True)])

    assert repr(target.load()) == "[{'value': 0.5, 'n': 3}, True]"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ((1, 2), r"value is a builtins\.tuple.*make it a list"),
        ({"a": [0, {1}]}, r"value\['a'\]\[1\] is a builtins\.set.*sorted list"),
        ({"a": {1: "x"}}, r"the key 1 of value\['a'\] is no str.*use str keys, or PickleTarget"),
        ([datetime.date(2020, 1, 1)], r"value\[0\] is a datetime\.date.*convert it, or use PickleTarget"),
        ([np.datetime64("2026-01-01", "ns")], r"value\[0\] is a numpy\.datetime64.*make it a str"),
        ([np.timedelta64(5, "ns")], r"value\[0\] is a numpy\.timedelta64.*make it a number"),
        ([np.arange(3)], r"value\[0\] is a numpy\.ndarray.*NumpyTarget"),
        ({"a": b"x"}, r"value\['a'\] is a builtins\.bytes"),
        ([np.datetime64("2020-01-01")], r"value\[0\] is a numpy\.datetime64"),
    ],
)
def test_what_json_would_change_is_refused_with_its_place_and_a_way_out(tmp_path, value, words):
    with pytest.raises(RoundTripError, match=words):
        JsonTarget(tmp_path / "x.json").dump(value)


def test_text_that_utf8_cannot_hold_is_refused(tmp_path):
    with pytest.raises(DumpError, match=r"x\.json .*UnicodeEncodeError"):
        JsonTarget(tmp_path / "x.json").dump("\ud800")


def test_a_value_that_contains_itself_is_refused(tmp_path):
    value: list = []
    value.append(value)

    with pytest.raises(DumpError, match=r"x\.json .*RecursionError"):
        JsonTarget(tmp_path / "x.json").dump(value)


def test_a_refused_value_leaves_the_old_one(tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    target.dump("old")

    with pytest.raises(RoundTripError):
        target.dump({1})

    assert target.load() == "old"

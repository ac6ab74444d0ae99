"""CsvTarget: a frame for people and spreadsheets, which comes back with its types or is not written."""

import numpy as np
import pandas as pd
import pytest
from target_checks import assert_same_frame

from targets import CsvTarget, DumpError, LoadError, RoundTripError


class Semicolons(CsvTarget):
    separator = ";"


def cells(*values) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(values, dtype=object)})


KEPT = {
    "numbers": pd.DataFrame({"a": [1, 2], "b": [0.1, np.nan], "c": np.array([1, 2], "int8")}),
    "leading zeros": pd.DataFrame({"a": ["007", "08"]}),
    "difficult text": pd.DataFrame({"a": ['x,"y"', "line\nbreak", " é;"]}),
    "nullable ints": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "bools": pd.DataFrame({"a": [True, False]}),
    "dates": pd.DataFrame({"a": pd.to_datetime(["2020-01-01", None])}),
    "categories": pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int64")}),
}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("kind", [CsvTarget, Semicolons])
def test_a_frame_comes_back_identical(tmp_path, kind, name):
    target = kind(tmp_path / "x.csv")
    target.dump(KEPT[name])

    assert_same_frame(target.load(), KEPT[name])


def with_attrs() -> pd.DataFrame:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["unit"] = "m"
    return frame


REFUSED = {
    "an index": (pd.DataFrame({"a": [1]}, index=["x"]), r"CSV keeps no index: reset_index\(\) it"),
    "a named index": (pd.DataFrame({"a": [1]}, index=pd.RangeIndex(1, name="k")), "CSV keeps no index"),
    "attrs": (with_attrs(), r"CSV keeps no attrs, and this frame has \['unit'\]"),
    "the text NA": (pd.DataFrame({"a": ["NA", "x"]}), "would not come back from CSV"),
    "empty text": (pd.DataFrame({"a": ["", "x"]}), "would not come back from CSV"),
    "None among text": (cells("x", None), "would not come back from CSV"),
    "None and NaN": (cells("x", None, np.nan), "would not come back from CSV"),
    "dict cells": (cells({"a": 1}), "would not come back from CSV"),
    "int objects": (cells(1, 2), "would not come back from CSV"),
    "int columns": (pd.DataFrame({1: [1]}), "would not come back from CSV"),
    "duplicate columns": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "would not come back from CSV"),
    "unused categories": (pd.DataFrame({"a": pd.Categorical(["x"], categories=["x", "y"])}), "would not come back from CSV"),
    "timedeltas": (pd.DataFrame({"a": pd.to_timedelta([1])}), "would not come back from CSV"),
    "nothing at all": (pd.DataFrame(), "would not come back from CSV"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_that_would_be_changed_is_refused_with_another_format(tmp_path, name):
    frame, words = REFUSED[name]

    with pytest.raises(RoundTripError, match=rf"(?s){words}.*[uU]se ParquetTarget"):
        CsvTarget(tmp_path / "x.csv").dump(frame)


def test_what_is_no_frame_is_refused(tmp_path):
    with pytest.raises(DumpError, match=r"CsvTarget stores a pandas DataFrame, and got a Series \(use \.to_frame\(\)\)"):
        CsvTarget(tmp_path / "x.csv").dump(pd.Series([1]))


def test_a_person_can_read_the_file(tmp_path):
    CsvTarget(tmp_path / "x.csv").dump(pd.DataFrame({"name": ["x"], "n": [1]}))

    assert (tmp_path / "x.csv").read_text() == "name,n\nx,1\n"


def test_options_of_a_load_are_those_of_the_reader(tmp_path):
    target = CsvTarget(tmp_path / "x.csv")
    target.dump(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    assert list(target.load(columns=["a"]).columns) == ["a"]
    assert target.load(dtype=str)["a"].tolist() == ["1", "2"]
    assert len(target.load(nrows=1)) == 1
    with pytest.raises(LoadError, match="is intact but CsvTarget cannot read it"):
        target.load(columns=["c"])


def test_a_column_that_is_made_the_index_is_no_column_any_more(tmp_path):
    target = CsvTarget(tmp_path / "x.csv")
    target.dump(pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]}))
    loaded = target.load(columns=["b", "a"], index_col="a")
    assert (list(loaded.columns), loaded.index.name, list(loaded.index)) == (["b"], "a", [1, 2])

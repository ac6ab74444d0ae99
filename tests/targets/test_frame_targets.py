"""ParquetTarget and FeatherTarget: a frame comes back identical, or is refused with words that help. Nothing between."""

import dataclasses
import datetime
import decimal
import io
import itertools
import pathlib
import threading
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from target_checks import assert_same_frame, fresh_python

from targets import CsvTarget, DumpError, FeatherTarget, LoadError, ParquetTarget, RoundTripError
from targets.opening import open_store
from targets.place import Place

both = pytest.mark.parametrize("kind", [ParquetTarget, FeatherTarget])

ONE_AND_TWO = {"a": [1, 2]}
NAMES = ["p", "q"]


def with_index(index) -> pd.DataFrame:
    return pd.DataFrame({"a": range(len(index))}, index=index)


def cells(*values) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Series(values, dtype=object)})


def with_attrs(attrs) -> pd.DataFrame:
    frame = pd.DataFrame(ONE_AND_TWO)
    frame.attrs = attrs
    return frame


KEPT = {
    "a default index": pd.DataFrame(ONE_AND_TWO),
    "a range that starts elsewhere": with_index(pd.RangeIndex(2, 8, 2, name="r")),
    "an index of str": with_index(["x", "y"]),
    "a named index": with_index(pd.Index([5, 6], name="k")),
    "an index named as a column": with_index(pd.Index([5, 6], name="a")),
    "an index with duplicates": with_index([1, 1]),
    "an index of floats with NaN": with_index([0.5, np.nan]),
    "an index of small ints": with_index(pd.Index([1, 2], dtype="uint8")),
    "an index of bools": with_index([True, False]),
    "an index of dates": with_index(pd.Index([datetime.date(2020, 1, 1)])),
    "an index of categories": with_index(pd.CategoricalIndex(["b", "a"], categories=["b", "c", "a"])),
    "a MultiIndex": with_index(pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["p", None])),
    "a MultiIndex of dates and floats": with_index(
        pd.MultiIndex.from_arrays([pd.to_datetime(["2020-01-01", "2021-01-01"]), np.array([1, 2], "float32")], names=NAMES)
    ),
    "a MultiIndex with missing": with_index(pd.MultiIndex.from_arrays([["x", None], [1, 2]], names=NAMES)),
    "a DatetimeIndex": with_index(pd.DatetimeIndex(["2020-01-01", "2020-03-01"], name="when")),
    "a DatetimeIndex with a zone": with_index(pd.DatetimeIndex(["2020-01-01", "2020-07-01"], tz="Europe/Berlin")),
    "a frequency": with_index(pd.date_range("2020", periods=3, freq="D")),
    "ends of months": with_index(pd.date_range("2020-01-31", periods=3, freq=pd.offsets.MonthEnd(), tz="Europe/Berlin")),
    "a frequency of durations": with_index(pd.timedelta_range("1h", periods=4, freq="90min")),
    "periods": with_index(pd.period_range("2020", periods=2, freq="M")),
    "intervals": with_index(pd.interval_range(0, 2)),
    "str": pd.DataFrame({"a": ["007", ""]}),
    "str with None": pd.DataFrame({"a": ["x", None]}),
    "nullable str": pd.DataFrame({"a": pd.array(["x", None], dtype="string")}),
    "nullable ints": pd.DataFrame({"a": pd.array([1, None], dtype="Int8")}),
    "nullable floats": pd.DataFrame({"a": pd.array([1.5, None], dtype="Float32")}),
    "nullable bools": pd.DataFrame({"a": pd.array([True, None], dtype="boolean")}),
    "arrow ints": pd.DataFrame({"a": pd.array([1, None], dtype="int64[pyarrow]")}),
    "floats": pd.DataFrame({"a": [np.nan, -0.0, np.inf], "b": np.array([1, 2, 3], "float32")}),
    "large unsigned": pd.DataFrame({"a": np.array([2**64 - 1], "uint64")}),
    "categories": pd.DataFrame({"a": pd.Categorical(["b", None], categories=["z", "b", "a"])}),
    "ordered categories": pd.DataFrame({"a": pd.Categorical(["b"], categories=["z", "b", "a"], ordered=True)}),
    "categories without rows": pd.DataFrame(
        {"a": pd.Categorical(["b"], categories=["b", "a"]), "n": [1], "o": pd.Categorical(["x"], ordered=True)}
    ).iloc[:0],
    "an index of categories without rows": with_index(pd.CategoricalIndex(["b", "a"], categories=["b", "c", "a"])).iloc[:0],
    "levels of categories without rows": with_index(pd.MultiIndex.from_product([pd.Categorical(["b"], categories=["b", "c"]), [1, 2]])).iloc[:0],
    "zoned dates": pd.DataFrame({"a": pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin")}),
    "milliseconds": pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]).as_unit("ms")}),
    "nanoseconds": pd.DataFrame({"a": pd.to_datetime(["2020-01-01 00:00:00.123456789"]).as_unit("ns")}),
    "timedeltas": pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="ns")}),
    "cells of bytes": cells(b"x", b""),
    "cells of None": cells(None, None),
    "cells of dates": cells(datetime.date(2020, 1, 1), None),
    "cells of decimals": cells(decimal.Decimal("1.10"), decimal.Decimal("2.25")),
    "cells of bools and None": cells(True, None),
    "cells of arrays": cells(np.array([1.0, np.nan]), np.array([])),
    "cells of dicts of one shape": cells({"x": 1, "y": {"z": "a"}}, {"x": 2, "y": {"z": "b"}}),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="int32"), "b": pd.Series([], dtype=object)}),
    "no rows of a MultiIndex": with_index(pd.MultiIndex.from_tuples([("x", 1)], names=NAMES)).iloc[:0],
    "no rows of dates": with_index(pd.DatetimeIndex(["2020-01-01"], name="when")).iloc[:0],
    "no columns": pd.DataFrame(index=[1, 2]),
    "nothing at all": pd.DataFrame(),
    "strange column names": pd.DataFrame([[1, 2]], columns=["", 'é\n"']),
    "a name of the columns": pd.DataFrame([[1]], columns=pd.Index(["a"], name="c")),
    "attrs": with_attrs({"unit": "m", "nested": [1, {"b": None}]}),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_frame_comes_back_identical(tmp_path, name):
    for kind in (ParquetTarget, FeatherTarget):
        target = kind(tmp_path / "x.data")
        target.dump(KEPT[name])

        assert_same_frame(target.load(), KEPT[name])


# What versions of pandas and Arrow differ about.
EITHER = {
    "text objects": cells("x", "y"),
    "an index of text objects": with_index(pd.Index(["x", "y"], dtype=object)),
    "column names that are objects": pd.DataFrame([[1]], columns=pd.Index(["a"], dtype=object)),
    "text in Python": pd.DataFrame({"a": pd.array(["x", None], dtype="string[python]")}),
    "text in Arrow": pd.DataFrame({"a": pd.array(["x", None], dtype="string[pyarrow]")}),
    "dates at an offset": pd.DataFrame({"a": pd.to_datetime(["2020-01-01T00:00+02:00"])}),
    "rows without columns": pd.DataFrame(index=range(2)),
    "half floats": pd.DataFrame({"a": np.array([1, 2], "float16")}),
}


def kept_or_refused(target, frame) -> None:
    try:
        target.dump(frame)
    except RoundTripError:
        return
    assert_same_frame(target.load(), frame)


def test_a_none_beside_a_dict_makes_no_floats(tmp_path):
    kept_or_refused(ParquetTarget(tmp_path / "x.parquet"), pd.DataFrame({"a": [None, {"x": 0}]}))


@pytest.mark.parametrize("name", EITHER)
def test_a_frame_comes_back_identical_or_is_refused(tmp_path, name):
    for kind in (ParquetTarget, FeatherTarget):
        kept_or_refused(kind(tmp_path / "x.data"), EITHER[name])


@dataclasses.dataclass
class Unit:
    name: str = "m"


REFUSED = {
    "duplicate columns": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are named 'a'"),
    "int columns": (pd.DataFrame({1: [1]}), "name 1 is no str"),
    "mixed columns": (pd.DataFrame({1: [1], "a": [2]}), "name 1 is no str"),
    "a column without a name": (pd.DataFrame([[1, 2]], columns=pd.Index(["a", None], dtype=object)), "name None is no str"),
    "two levels of columns": (pd.DataFrame({("a", "b"): [1]}), r"name \('a', 'b'\) is no str"),
    "columns of categories": (pd.DataFrame([[1]], columns=pd.CategoricalIndex(["a"])), "Arrow cannot hold this frame"),
    "a column that Arrow would take": (pd.DataFrame({"__index_level_0__": [1]}), "begins with '__index_level_'"),
    "an index that Arrow would take": (with_index(pd.Index([1], name="__index_level_0__")), "the index .* would come back"),
    "an int as name of the index": (with_index(pd.Index([1], name=3)), "name 3 is no str"),
    "two levels of one name": (with_index(pd.MultiIndex.from_tuples([(1, 2)], names=["p", "p"])), "two index levels"),
    "a frequency with holidays": (
        with_index(pd.date_range("2020", periods=3, freq=pd.offsets.CustomBusinessDay(holidays=["2020-01-01"]))),
        r"frequency.*index\.freq = None",
    ),
    "an index of None and NaN": (with_index(pd.Index(["a", None, np.nan], dtype=object)), "row [12] of the index"),
    "an index of tuples": (with_index(pd.Index([(1, 2), (3,)], tupleize_cols=False)), "row 0 of the index"),
    "an index of int objects": (with_index(pd.Index([1, 2], dtype=object)), "the index would come back as int64"),
    "a nullable index": (with_index(pd.Index([1, None], dtype="Int64")), "the index would come back as"),
    "int objects": (cells(1, 2), "column 'a' would come back as int64 instead of object"),
    "bool objects": (cells(True, False), "column 'a' would come back as bool instead of object"),
    "timestamp objects": (cells(pd.Timestamp("2020")), "column 'a' would come back as datetime64"),
    "decimals of other digits": (cells(decimal.Decimal("1.10"), decimal.Decimal("2.5")), r"row 1 of column 'a' holds the Decimal .*'2\.50'"),
    "ints and floats": (cells(1.5, 2), "row 1 of column 'a' holds the int 2"),
    "ints and text": (cells(1, "x"), "Arrow cannot hold this frame.*column a"),
    "None and NaN": (cells("x", None, np.nan), "row [12] of column 'a'"),
    "only NaN": (cells(np.nan), "row 0 of column 'a' holds the float nan"),
    "NA among text": (cells("x", pd.NA), "row 1 of column 'a' holds the NAType"),
    "sets": (cells({1}), "row 0 of column 'a' holds the set"),
    "lists": (cells([1]), "row 0 of column 'a' holds the list"),
    "tuples": (cells((1,)), "row 0 of column 'a' holds the tuple"),
    "dicts of two shapes": (cells({"x": 1}, {"y": 2}), "row 0 of column 'a' holds the dict"),
    "dicts of ints and floats": (cells({"x": 1}, {"x": 2.5}), "row 0 of column 'a' holds the dict"),
    "dicts of lists": (cells({"x": [1, 2]}), "row 0 of column 'a' holds the dict"),
    "dicts with NaN": (cells({"x": float("nan")}), "row 0 of column 'a' holds the dict"),
    "arrays of two types": (cells(np.array([1], "int8"), np.array([1], "int64")), "row 0 of column 'a' holds the ndarray"),
    "arrays of text": (cells(np.array(["x"])), "row 0 of column 'a' holds the ndarray"),
    "datetime objects": (cells(datetime.datetime(2020, 1, 1)), "row 0 of column 'a' holds the datetime"),
    "huge ints": (cells(2**70), "Arrow cannot hold this frame"),
    "functions": (cells(len), "Arrow cannot hold this frame"),
    "complex numbers": (pd.DataFrame({"a": [1j]}), "Arrow cannot hold this frame"),
    "sparse columns": (pd.DataFrame({"a": pd.arrays.SparseArray([0, 1])}), "Arrow cannot hold this frame"),
    "NaN beside NA": (
        pd.DataFrame({"a": pd.arrays.FloatingArray(np.array([np.nan, 0.0]), np.array([False, True]))}),
        "column 'a' holds NaN beside NA",
    ),
    "a tuple in attrs": (with_attrs({"size": (1, 2)}), r"attrs\['size'\] is a builtins\.tuple"),
    "int keys in attrs": (with_attrs({1: 2}), "the key 1 of attrs is no str"),
    "a dataclass in attrs": (with_attrs({"unit": Unit()}), "attrs would come back as"),
    "a numpy scalar in attrs": (with_attrs({"n": np.int64(1)}), "attrs would come back as"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_frame_that_would_be_changed_is_refused_with_what_to_do(tmp_path, name):
    frame, words = REFUSED[name]

    for kind in (ParquetTarget, FeatherTarget):
        with pytest.raises(RoundTripError, match=rf"(?s){words}.*(PickleTarget|make it a list)"):
            kind(tmp_path / "x.data").dump(frame)


ONLY_PARQUET_CHANGES = {
    "categories of ints": pd.DataFrame({"a": pd.Categorical([3, 1], categories=[3, 1, 2])}),
    "categories of dates": pd.DataFrame({"a": pd.Categorical(pd.to_datetime(["2020-01-01"]))}),
    "whole seconds": pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]).as_unit("s")}),
    "an index of whole seconds": with_index(pd.to_datetime(["2020-01-01"]).as_unit("s")),
    "an index of categories of ints": with_index(pd.CategoricalIndex([3, 1])),
    "cells of arrays of whole seconds": cells(np.array(["2020"], "datetime64[s]")),
}


@pytest.mark.parametrize("name", ONLY_PARQUET_CHANGES)
def test_what_a_parquet_file_would_change_is_refused_and_kept_by_feather(tmp_path, name):
    with pytest.raises(RoundTripError, match="would come back as .* instead of"):
        ParquetTarget(tmp_path / "x.parquet").dump(ONLY_PARQUET_CHANGES[name])

    target = FeatherTarget(tmp_path / "x.feather")
    target.dump(ONLY_PARQUET_CHANGES[name])

    assert_same_frame(target.load(), ONLY_PARQUET_CHANGES[name])


COLUMNS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    "text or None": st.none() | st.text("ab", max_size=2),
    "bool": st.booleans(),
    "mixed": st.one_of(st.none(), st.integers(0, 2), st.floats(0, 1), st.text("ab", max_size=1), st.booleans()),
    "containers": st.one_of(st.none(), st.dictionaries(st.sampled_from("xy"), st.integers(0, 1) | st.none()), st.tuples(st.integers(0, 1))),
    "bytes": st.binary(max_size=3),
    "date": st.dates(),
}


@st.composite
def frames(draw) -> pd.DataFrame:
    rows = draw(st.integers(0, 4))
    names = draw(st.lists(st.one_of(st.text("ab_", max_size=2), st.integers(0, 1)), max_size=3))
    columns = []
    for _ in names:
        kind = draw(st.sampled_from(sorted(COLUMNS)))
        values = draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows))
        column = pd.Series(values, dtype=object if draw(st.booleans()) else None)
        if draw(st.booleans()) and kind == "text":
            column = column.astype("category")
        columns.append(column)
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    frame.columns = pd.Index(names)
    index = draw(st.sampled_from(["default", *sorted(COLUMNS)]))
    if index != "default":
        values = draw(st.lists(COLUMNS[index], min_size=rows, max_size=rows))
        frame.index = pd.Index(
            values, dtype=object if draw(st.booleans()) else None, name=draw(st.sampled_from([None, "a", "i"])), tupleize_cols=False
        )
    return frame


@settings(max_examples=150, deadline=None)
@given(frame=frames())
@both
def test_no_frame_is_ever_changed_silently(tmp_path_factory, kind, frame):
    target = kind(tmp_path_factory.getbasetemp() / "any.data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept_or_refused(target, frame)


def test_categories_keep_their_order_over_many_row_groups(tmp_path):
    codes = np.arange(1_100_000) % 3
    frame = pd.DataFrame({"a": pd.Categorical.from_codes(codes, categories=["z", "b", "a", "unused"])})
    target = ParquetTarget(tmp_path / "x.parquet")
    target.dump(frame)

    assert_same_frame(target.load(), frame)


@both
def test_a_refused_frame_leaves_the_old_one(tmp_path, kind):
    target = kind(tmp_path / "x.data")
    old = pd.DataFrame(ONE_AND_TWO)
    target.dump(old)

    with pytest.raises(RoundTripError):
        target.dump(cells({1}))

    assert_same_frame(target.load(), old)


@pytest.mark.parametrize(("value", "words"), [(pd.Series([1]), r"got a Series \(use \.to_frame\(\)\)"), ([1], "got a list")])
@both
def test_what_is_no_frame_is_refused(tmp_path, kind, value, words):
    with pytest.raises(DumpError, match=f"{kind.__name__} stores a pandas DataFrame, and {words}"):
        kind(tmp_path / "x.data").dump(value)


@both
def test_a_load_of_some_columns_reads_no_others(tmp_path, kind):
    target = kind(tmp_path / "x.data")
    target.dump(pd.DataFrame({"a": [1], "b": [2]}))

    assert list(target.load(columns=["b"]).columns) == ["b"]


def test_a_load_with_filters_reads_some_rows(tmp_path):
    target = ParquetTarget(tmp_path / "x.parquet")
    target.dump(pd.DataFrame({"a": [1, 2, 3]}))

    assert list(target.load(filters=[("a", ">", 1)])["a"]) == [2, 3]


@both
def test_the_record_names_the_columns(tmp_path, kind):
    record = kind(tmp_path / "x.data").dump(pd.DataFrame({"a": [1], "b": [0.5]}))

    assert record.parts[0].columns == {"a": "int64", "b": "float64"}


def test_plain_pandas_in_a_fresh_process_reads_the_parquet_file(tmp_path):
    ParquetTarget(tmp_path / "x.parquet").dump(with_index(pd.Index(["u", "v"], name="k")))

    code = "import sys, pandas; print(pandas.read_parquet(sys.argv[1]).to_dict())"
    assert fresh_python(code, tmp_path / "x.parquet") == "{'a': {'u': 0, 'v': 1}}"


class Told(io.BytesIO):
    """Knows which threads have read from it."""

    def __init__(self, data):
        super().__init__(data)
        self.readers = set()

    def read(self, *size):
        self.readers.add(threading.current_thread())
        return super().read(*size)

    def readinto(self, room):
        self.readers.add(threading.current_thread())
        return super().readinto(room)


@pytest.mark.parametrize("options", [{}, {"columns": ["n"]}, {"columns": ["text", "n"]}, {"filters": [("n", ">", 10)]}, {"columns": None}])
@pytest.mark.parametrize("kind", [ParquetTarget, FeatherTarget])
def test_no_thread_of_arrow_touches_what_is_python_s(kind, options, tmp_path):
    """One that does so while the interpreter ends takes the whole process with it, after all was done."""
    if kind is FeatherTarget and "filters" in options:
        pytest.skip("of parquet alone")
    frame = pd.DataFrame({"n": range(1000), "text": [str(n) for n in range(1000)]})
    target = kind(Place(open_store(str(tmp_path)), "frame"))
    target.dump(frame)
    file = Told(pathlib.Path(target.path).read_bytes())
    loaded = target.read(file, **options)
    assert file.readers == {threading.current_thread()}
    expected = frame[frame["n"] > 10].reset_index(drop=True) if "filters" in options else frame[options.get("columns") or ["n", "text"]]
    pd.testing.assert_frame_equal(loaded.reset_index(drop=True), expected)
    with pytest.raises(Exception, match="nothing_like_it"):
        target.read(Told(pathlib.Path(target.path).read_bytes()), columns=["nothing_like_it"])


ASKED_FOR_COLUMNS = {
    "dots": pd.DataFrame({"a": [1, 2], "b": [3.0, 4.0], "a.b": [5, 6]}),
    "structs": pd.DataFrame({"s": [{"x": 1, "y": 2}, {"x": 3, "y": 4}], "s.x": [7, 8], "l": [[1, 2], [3]]}),
    "an index of two levels": pd.DataFrame({"a": [1, 2], "b": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["i", "j"])),
    "a range": pd.DataFrame({"a": [1, 2]}, index=pd.RangeIndex(2, 6, 2, name="r")),
    "categories": pd.DataFrame({"c": pd.Categorical(["x", "y"]), "d": pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True)}),
    "no rows": pd.DataFrame({"a": [], "b": []}),
}


@pytest.mark.parametrize("frame", ASKED_FOR_COLUMNS.values(), ids=ASKED_FOR_COLUMNS)
def test_some_columns_are_those_that_bare_arrow_reads(frame, tmp_path):
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame), file)
    names = [*pq.ParquetFile(file).schema_arrow.names, "nothing like it"]
    asked = [list(some) for count in range(4) for some in itertools.permutations(names, count)]
    for columns in [*asked, [names[0]] * 2, ["s.y"], tuple(names[:1]), names[0], {names[0]: 1}, None]:
        bare, ours = (_table_or_error(read, file.getvalue(), columns) for read in (pq.read_table, ParquetTarget(tmp_path / "t").read_table))
        assert ours == bare, columns


@pytest.mark.parametrize("options", [{}, {"memory_map": True}, {"filters": [("b", ">", 4)]}])
@pytest.mark.parametrize("kind", [ParquetTarget, FeatherTarget])
def test_some_columns_have_their_index(kind, options, tmp_path):
    if ("filters" in options) == (kind is FeatherTarget) and options:
        pytest.skip("of the other one alone")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [4.0, 5.0, 6.0]}, index=pd.date_range("2020", periods=3, freq="D", name="day"))
    target = kind(Place(open_store(str(tmp_path)), "frame"))
    target.dump(frame)
    loaded = target.load(columns=["b"], **options)
    pd.testing.assert_frame_equal(loaded, frame[["b"]][1 if "filters" in options else 0 :])


@pytest.mark.parametrize("kind", [ParquetTarget, FeatherTarget, CsvTarget])
def test_what_is_more_than_a_frame_is_refused(kind, tmp_path):
    class Special(pd.DataFrame):
        pass

    target = kind(Place(open_store(str(tmp_path)), "frame"))
    with pytest.raises(RoundTripError, match="a Special would come back as a plain DataFrame"):
        target.dump(Special({"a": [1]}))
    with pytest.raises(RoundTripError, match="allows_duplicate_labels"):
        target.dump(pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False))


def _table_or_error(read, data, columns):
    try:
        table = read(io.BytesIO(data), columns=columns)
    except Exception as error:
        return type(error), str(error)
    return table.schema.to_string(), table.schema.metadata, table.to_pydict(), table.num_rows


@pytest.mark.parametrize("kind", [CsvTarget, FeatherTarget, ParquetTarget])
def test_columns_are_a_list_of_names_in_any_order(kind, tmp_path):
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [0.5, 1.5]})
    target = kind(tmp_path / "x")
    target.dump(frame)
    for columns in (["c", "a"], ("b",), []):
        pd.testing.assert_frame_equal(target.load(columns=columns), frame[list(columns)], check_column_type=False)
    pd.testing.assert_frame_equal(target.load(columns=None), frame)
    pd.testing.assert_frame_equal(target.load(columns=(name for name in "ac")), frame[["a", "c"]])
    for wrong in ("ab", [1], len, 1):
        with pytest.raises(LoadError, match="it must be a list of names"):
            target.load(columns=wrong)

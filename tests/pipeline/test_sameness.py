"""The digest of what `identity` returns: equal values have one, different ones never."""

import decimal

import numpy as np
import pandas as pd
import pytest

from pipeline import Task
from pipeline.sameness import stable_digest
from targets import ParquetTarget

DIFFERENT = [
    pd.DataFrame({"a": [1, 2]}),
    pd.DataFrame({"a": [2, 1]}),
    pd.DataFrame({"b": [1, 2]}),
    pd.DataFrame({"a": [1.0, 2.0]}),
    pd.DataFrame({"a": ["1", "2"]}),
    pd.DataFrame({"a": ["12", ""]}),
    pd.DataFrame({"a": [1, 2]}, index=[1, 0]),
    pd.DataFrame({"a": pd.array([1, 2], "Int64")}),
    pd.DataFrame({"a": pd.array([2**53, None], "Int64")}),
    pd.DataFrame({"a": pd.array([2**53 + 1, None], "Int64")}),
    pd.DataFrame({"a": pd.Categorical(["x", "y"])}),
    pd.DataFrame({"a": pd.Categorical(["y", "x"])}),
    pd.DataFrame({"a": pd.Categorical(["x", "y"], ordered=True)}),
    pd.DataFrame({"a": ["x", "y"]}),
    pd.DataFrame({"a": ["x", None]}),
    pd.DataFrame({"a": pd.date_range("2020", periods=2)}),
    pd.DataFrame({"a": pd.date_range("2020", periods=2, tz="UTC")}),
    pd.DataFrame({"a": pd.period_range("2020", periods=2, freq="D")}),
    pd.DataFrame({"a": pd.interval_range(0, 2)}),
    pd.DataFrame({"a": [[1], [2]]}),
    pd.DataFrame({"a": [decimal.Decimal("1.0"), None]}),
    pd.DataFrame(),
    pd.DataFrame(index=[0, 1]),
    pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, 2), (3, 4)])),
    pd.Series([1, 2]),
    pd.Series([1, 2], name="a"),
    pd.Index([1, 2]),
    np.array([1, 2]),
    np.array([1, 2], "i2"),
    np.array([[1, 2]]),
    np.array([[1], [2]]),
    np.array([1, "a"], object),
    np.array([(1, "a")], [("x", "i8"), ("y", object)]),
    [1, 2],
    [np.array([1, 2])],
    (np.array([1, 2]),),
    {"a": np.array([1, 2])},
    {"b": np.array([1, 2])},
    Task,
]


def test_different_values_differ_and_each_is_always_the_same():
    digests = [stable_digest(value) for value in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)
    assert digests == [stable_digest(value) for value in DIFFERENT]


def in_two_blocks():
    frame = pd.DataFrame({"a": [1, 2]})
    frame["b"] = [3, 4]
    return frame


ARRAY = np.arange(6).reshape(2, 3)
ZEROS = np.zeros(4)
TEXT = "text"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), in_two_blocks()),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), pd.DataFrame({"a": [2, 1], "b": [4, 3]}).sort_values("a").reset_index(drop=True)),
        (pd.DataFrame({"a": ["x", "y"]}), pd.concat([pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["y"]})], ignore_index=True)),
        (ARRAY, np.asfortranarray(ARRAY)),
        (ARRAY[:, ::2], ARRAY[:, ::2].copy()),
        ([ZEROS, ZEROS], [ZEROS, ZEROS.copy()]),
        ({"a": ZEROS, "b": ARRAY}, {"b": ARRAY, "a": ZEROS}),
        (np.array([TEXT, TEXT], object), np.array(["".join("text"), "".join("text")], object)),
    ],
)
def test_how_a_value_lies_in_memory_is_no_difference(one, other):
    assert stable_digest(one) == stable_digest(other)


def test_what_contains_itself_has_a_digest():
    value = [ARRAY]
    value.append(value)
    assert stable_digest(value) == stable_digest(value)


def test_what_reads_a_sorted_table_is_kept_where_rows_come_in_another_order(ran, tmp_path):
    class Table(Task):
        target_type = ParquetTarget

        def easy_run(self, inputs):
            rows = [1, 2, 3] if (tmp_path / "another-order").exists() else [3, 1, 2]
            return pd.DataFrame({"a": rows, "b": [f"row {row}" for row in rows]})

        def identity(self, output):
            return output.sort_values("a").reset_index(drop=True)

    class Reader(Task):
        def requires(self):
            return Table()

        def easy_run(self, inputs):
            return len(inputs)

    ran(Reader())
    (tmp_path / "another-order").touch()
    assert ran(Reader(), force="Table") == ["Table"]

"""DataFrames and Arrow tables: what every columnar format shares.

Arrow and its file formats keep index, names, dtypes and attrs of most frames, and silently change the rest.
Here the rest is refused: a frame is turned into a table only if the same frame comes back. Types are compared
on one row that went through the format, which costs next to nothing; only the index and columns of Python
objects, whose cells may hold anything, are compared whole.
"""

from __future__ import annotations

import contextlib
import decimal
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from targets.errors import DumpError, RoundTripError
from targets.formats.jsonvalue import plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ATTRS = b"PANDAS_ATTRS"
_FREQUENCY = b"luigi-warp index frequency"
_CATEGORIES = b"luigi-warp categories"


def columns_of(value: Any) -> Mapping[str, str]:
    """Names and dtypes, as the record keeps them."""
    return {str(name): str(kind) for name, kind in zip(value.columns, value.dtypes, strict=True)}


def check_frame(value: Any, target: str) -> pd.DataFrame:
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        advice = " (use .to_frame())" if isinstance(value, pd.Series) else " (is a return missing?)" if value is None else ""
        raise DumpError(f"{target} stores a pandas DataFrame, and got a {type(value).__name__}{advice}")
    if type(value) is not pd.DataFrame:
        raise RoundTripError(f"a {type(value).__name__} would come back as a plain DataFrame: return pandas.DataFrame(it), or use PickleTarget")
    if not value.flags.allows_duplicate_labels:
        raise RoundTripError("the flag allows_duplicate_labels would be lost: set_flags(allows_duplicate_labels=True), or use PickleTarget")
    return value


def to_table(frame: pd.DataFrame, there_and_back: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """An Arrow table from which `from_table` makes this very frame again, or `RoundTripError`.

    `there_and_back` writes a table in the file format and reads it again: a file may keep less than Arrow does.
    """
    import pyarrow as pa

    _refuse_names(frame)
    try:
        table = pa.Table.from_pandas(frame)
        more = {_ATTRS: _attrs_of(frame), _FREQUENCY: _frequency_of(frame.index), _CATEGORIES: _categories_of(table)}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **{name: text for name, text in more.items() if text}})
        _refuse_changes(frame, table, there_and_back)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise RoundTripError(f"Arrow cannot hold this frame: {error}. Convert the column, or use PickleTarget") from error
    return table


def from_table(table: pa.Table) -> pd.DataFrame:
    kept = table.schema.metadata or {}
    frame: pd.DataFrame = _with_categories(table, kept).to_pandas()
    if _ATTRS in kept:
        frame.attrs = json.loads(kept[_ATTRS])
    if _FREQUENCY in kept and hasattr(frame.index, "freq"):
        with contextlib.suppress(ValueError):  # of the rows some were left out
            frame.index.freq = kept[_FREQUENCY].decode()
    return frame


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a load, with `columns` as a list."""
    columns = options.get("columns")
    if columns is None:
        return options
    names = list(columns) if isinstance(columns, Iterable) and not isinstance(columns, str) else [None]
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"columns is {columns!r}: it must be a list of names")
    return {**options, "columns": names}


def with_index(columns: list[str], schema: pa.Schema) -> list[str]:
    """These columns and those of the index, which is a part of every selection."""
    index = [name for name in (schema.pandas_metadata or {}).get("index_columns", ()) if isinstance(name, str)]
    return [*columns, *(name for name in index if name not in columns)]


def _refuse_names(frame: pd.DataFrame) -> None:
    if not frame.columns.is_unique:
        double = frame.columns[frame.columns.duplicated()][0]
        raise RoundTripError(f"two columns are named {double!r}: rename one, or use PickleTarget")
    levels = [name for name in frame.index.names if name is not None]
    for name in [*frame.columns, *levels]:
        if not isinstance(name, str):
            raise RoundTripError(f"the column or index name {name!r} is no str and would come back as one: rename it, or use PickleTarget")
    if len(set(levels)) < len(levels):
        raise RoundTripError(f"two index levels have one name ({levels}): rename one, or use PickleTarget")
    if any(column.startswith("__index_level_") for column in frame.columns):
        raise RoundTripError("a column name begins with '__index_level_', which Arrow keeps for itself: rename it, or use PickleTarget")


def _attrs_of(frame: pd.DataFrame) -> bytes:
    attrs = dict(frame.attrs)
    kept = plain(attrs, "attrs")
    if not same(attrs, kept):
        raise RoundTripError(f"attrs would come back as {kept!r:.200}: make them plain JSON values, or use PickleTarget")
    return json.dumps(kept).encode() if attrs else b""


def _frequency_of(index: pd.Index) -> bytes:
    """By name; that of periods is a part of their dtype."""
    name = getattr(getattr(index, "freq", None), "freqstr", "")
    return name.encode() if index.dtype.kind in "mM" else b""


def _categories_of(table: pa.Table) -> bytes:
    """Those of a table without rows, as a stream of Arrow's: files keep categories with the rows."""
    import pyarrow as pa

    if len(table):
        return b""
    kept = {field.name: table.column(field.name).chunk(0).dictionary for field in table.schema if pa.types.is_dictionary(field.type)}
    file = io.BytesIO()
    for name, dictionary in kept.items():
        # One after the other: each is of a length of its own.
        alone = pa.table({name: dictionary})
        with pa.ipc.new_stream(file, alone.schema) as stream:
            stream.write_table(alone)
    return file.getvalue()


def _with_categories(table: pa.Table, kept: Mapping[bytes, bytes]) -> pa.Table:
    import pyarrow as pa

    file = io.BytesIO(kept.get(_CATEGORIES, b""))
    while file.tell() < len(file.getbuffer()):
        alone = pa.ipc.open_stream(file).read_all()
        at = table.schema.get_field_index(alone.column_names[0])
        # Not among the columns that were asked for, or of a type that the file has no categories of.
        if at < 0 or not pa.types.is_dictionary(table.schema.types[at]):
            continue
        kind = table.schema.types[at]
        column = pa.DictionaryArray.from_arrays(pa.array([], kind.index_type), alone.column(0).combine_chunks(), ordered=kind.ordered)
        table = table.set_column(at, table.schema.field(at).with_type(column.type), column)
    return table


def _refuse_changes(frame: pd.DataFrame, table: pa.Table, there_and_back: Callable[[pa.Table], pa.Table]) -> None:
    import numpy as np
    import pyarrow as pa

    first_row = there_and_back(table.slice(0, min(len(frame), 1)))
    after = from_table(first_row)
    if len(after) != min(len(frame), 1):
        raise RoundTripError("a frame without columns would come back without its rows: add a column, or use PickleTarget")
    if not after.columns.equals(frame.columns) or after.columns.names != frame.columns.names:
        raise RoundTripError(f"the column names would come back as {list(after.columns)[:5]}: use plain str names, or PickleTarget")
    if after.columns.dtype != frame.columns.dtype and len(frame.columns):
        raise RoundTripError(f"the columns' own dtype {frame.columns.dtype} would come back as {after.columns.dtype}: use PickleTarget")
    for name in frame.columns:
        column = frame[name]
        if column.dtype != object:
            _refuse_changed_type(f"column {name!r}", column.dtype, after[name].dtype)
            # pandas tells NaN from NA in a nullable float column, Arrow does not.
            if str(column.dtype) in ("Float32", "Float64") and np.isnan(column.to_numpy("float64", na_value=0.0)).any():
                raise RoundTripError(f"column {name!r} holds NaN beside NA, which Arrow takes for the same: fill one, or use PickleTarget")
        else:
            _refuse_changed_type(f"column {name!r}", table.schema.field(name).type, first_row.schema.field(name).type)
            alone = table.select([name])
            # What is nested may change in the file only: a None beside {"x": 0} makes it {"x": 0.0}.
            back = from_table(there_and_back(alone) if pa.types.is_nested(alone.schema.field(0).type) else alone)[name]
            _refuse_changed_cells(f"column {name!r}", column, back)
    _refuse_changed_index(frame.index, after.index, table, first_row)


def _refuse_changed_index(before: pd.Index, first: pd.Index, table: pa.Table, first_row: pa.Table) -> None:
    # A RangeIndex is kept as three numbers, every other index as columns.
    stored = [column for column in table.schema.pandas_metadata["index_columns"] if isinstance(column, str)]
    after = from_table(table.select(stored)).index
    if type(after) is not type(before) or list(after.names) != list(before.names):
        raise RoundTripError(f"the index {before!r:.100} would come back as {after!r:.100}: reset_index() it, or use PickleTarget")
    for level in range(before.nlevels):
        old, new = before.get_level_values(level), after.get_level_values(level)
        what = f"the index {before.names[level] or ''}".strip() if before.nlevels == 1 else f"level {level} of the index"
        if old.dtype == object:
            _refuse_changed_type(what, table.schema.field(stored[level]).type, first_row.schema.field(stored[level]).type)
            _refuse_changed_cells(what, old, new)
        else:
            _refuse_changed_type(what, old.dtype, new.dtype)
            _refuse_changed_type(what, old.dtype, first.get_level_values(level).dtype)
    if getattr(before, "freq", None) != getattr(after, "freq", None):
        raise RoundTripError("the frequency of the index is more than its name says: set index.freq = None, or use PickleTarget")
    if not after.equals(before):
        raise RoundTripError("the index would come back differently: reset_index() it, or use PickleTarget")


def _refuse_changed_type(what: str, before: Any, after: Any) -> None:
    # Unordered categoricals are equal to pandas whatever the order of their categories.
    categories = getattr(before, "categories", None)
    if before != after or (categories is not None and not categories.equals(after.categories)):
        old, new = (f"{before}", f"{after}") if f"{before}" != f"{after}" else (f"{before!r}", f"{after!r}")
        raise RoundTripError(f"{what} would come back as {new} instead of {old}: convert it, or use PickleTarget")


def _refuse_changed_cells(what: str, before: Any, after: Any) -> None:
    refuse_changed_cells(what, before, after)
    _refuse_changed_type(what, before.dtype, after.dtype)


def refuse_changed_cells(what: str, before: Any, after: Any) -> None:
    """`RoundTripError` that names the first cell of a column of objects that would come back different."""
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        if not same(old, new):
            raise RoundTripError(
                f"row {row} of {what} holds the {type(old).__name__} {old!r:.60}, which would come back as "
                f"{new!r:.60}: convert it, or use PickleTarget"
            )


def same(old: Any, new: Any) -> bool:
    """Equal in value and type, all the way down; a NaN is the same as a NaN."""
    if type(old) is not type(new):
        return False
    if isinstance(old, dict):
        return list(old) == list(new) and all(same(item, new[name]) for name, item in old.items())
    if isinstance(old, (list, tuple)):
        return len(old) == len(new) and all(map(same, old, new))
    if hasattr(old, "dtype") and hasattr(old, "tobytes"):
        if old.dtype != new.dtype or old.shape != new.shape:
            return False
        return all(map(same, old.flat, new.flat)) if old.dtype == object else bool(old.tobytes() == new.tobytes())
    if isinstance(old, decimal.Decimal):
        return bool(old.as_tuple() == new.as_tuple())  # 1.10 is not 1.1, nor is it of as many digits
    return old is new or bool(old == new) or (old != old and new != new)

"""DataFrames and Arrow tables: what every columnar format shares.

Arrow keeps index, names, dtypes and attrs of most frames, and silently changes the rest. Here the rest is
refused: a frame is turned into a table only if the same frame comes back. Types are compared on the empty
frame, which costs nothing; only columns of Python objects, whose cells may hold anything, are compared whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from targets.errors import DumpError, RoundTripError
from targets.formats.jsonvalue import plain

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ATTRS = b"PANDAS_ATTRS"


def columns_of(value: Any) -> Mapping[str, str]:
    """Names and dtypes, as the record keeps them."""
    return {str(name): str(kind) for name, kind in zip(value.columns, value.dtypes, strict=True)}


def check_frame(value: Any, target: str) -> pd.DataFrame:
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        advice = " (use .to_frame())" if isinstance(value, pd.Series) else ""
        raise DumpError(f"{target} stores a pandas DataFrame, and got a {type(value).__name__}{advice}")
    return value


def to_table(frame: pd.DataFrame) -> pa.Table:
    """An Arrow table from which `from_table` makes this very frame again, or `RoundTripError`."""
    import pandas as pd
    import pyarrow as pa

    if not frame.columns.is_unique:
        double = frame.columns[frame.columns.duplicated()][0]
        raise RoundTripError(f"two columns are named {double!r}: rename one, or use PickleTarget")
    for name in [*frame.columns, *frame.index.names]:
        if name is not None and not isinstance(name, str):
            raise RoundTripError(f"the column or index name {name!r} is no str and would come back as one: rename it, or use PickleTarget")
    if any(column.startswith("__index_level_") for column in frame.columns):
        raise RoundTripError("a column name begins with '__index_level_', which Arrow keeps for itself: rename it, or use PickleTarget")
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise RoundTripError(f"Arrow cannot hold this frame: {error}. Convert the column, or use PickleTarget") from error
    if frame.attrs:
        attrs = json.dumps(plain(dict(frame.attrs), "attrs")).encode()
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _ATTRS: attrs})
    _refuse_changes(frame, table)
    if isinstance(frame.index, pd.MultiIndex) and not frame.index.equals(from_table(table).index):
        raise RoundTripError("the MultiIndex would come back differently: reset_index() it, or use PickleTarget")
    return table


def from_table(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    attrs = (table.schema.metadata or {}).get(_ATTRS)
    if attrs:
        frame.attrs = json.loads(attrs)
    return frame


def _refuse_changes(frame: pd.DataFrame, table: pa.Table) -> None:
    before, after = frame.iloc[:0], from_table(table.slice(0, 0))
    if not after.columns.equals(before.columns) or after.columns.names != before.columns.names:
        raise RoundTripError(f"the column names would come back as {list(after.columns)[:5]}: use plain str names, or PickleTarget")
    if after.columns.dtype != before.columns.dtype and len(before.columns):
        raise RoundTripError(f"the columns' own dtype {before.columns.dtype} would come back as {after.columns.dtype}: use PickleTarget")
    for name in frame.columns:
        if frame[name].dtype != after[name].dtype:
            # An object column without any row tells Arrow nothing; its cells are compared below.
            if frame[name].dtype == object and len(frame):
                continue
            raise RoundTripError(
                f"column {name!r} would come back as {after[name].dtype} instead of {frame[name].dtype}: convert it, or use PickleTarget"
            )
    index = from_table(table.select([])).index if len(frame) else after.index
    if type(index) is not type(frame.index) or index.dtype != frame.index.dtype or list(index.names) != list(frame.index.names):
        raise RoundTripError(f"the index ({frame.index.dtype}) would come back as {index.dtype}: reset_index() it, or use PickleTarget")
    if getattr(frame.index, "freq", None) is not None and getattr(index, "freq", None) != frame.index.freq:  # type: ignore[attr-defined]
        raise RoundTripError("the index has a frequency, which Arrow forgets: set index.freq = None, or use PickleTarget")
    for name in frame.columns:
        if frame[name].dtype == object:
            _refuse_changed_cells(str(name), list(frame[name]), list(from_table(table.select([name]))[name]))


def _refuse_changed_cells(name: str, before: list[Any], after: list[Any]) -> None:
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        if type(old) is not type(new) or not (_is_nan(old) or _same(old, new)):
            raise RoundTripError(
                f"row {row} of column {name!r} holds the {type(old).__name__} {old!r:.60}, which would come back as "
                f"{new!r:.60}: convert the column, or use PickleTarget"
            )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


def _same(old: Any, new: Any) -> bool:
    same = old == new
    return bool(same) if isinstance(same, bool) or getattr(same, "ndim", 1) == 0 else bool(same.all())

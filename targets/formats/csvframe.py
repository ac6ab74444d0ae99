"""CSV: DataFrames for people and spreadsheets.

CSV has no types. They are kept in the record, the written text is read back at once, and a frame that does
not come back the same is refused: '007' stays '007', and what cannot stay is not written.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from targets.errors import RoundTripError
from targets.formats import frames
from targets.record import Part
from targets.target import Target

if TYPE_CHECKING:
    import pandas as pd


class CsvTarget(Target["pd.DataFrame"]):
    """A DataFrame as CSV. A default index is not written; any other index is refused (use reset_index())."""

    extension = "csv"
    separator: ClassVar[str] = ","

    def write(self, value: pd.DataFrame, file: BinaryIO) -> None:
        import pandas as pd

        frame = frames.check_frame(value, "CsvTarget")
        if not frame.index.equals(pd.RangeIndex(len(frame))) or frame.index.name is not None:
            raise RoundTripError("CSV keeps no index: reset_index() it, or use ParquetTarget")
        if frame.attrs:
            raise RoundTripError(f"CSV keeps no attrs, and this frame has {list(frame.attrs)}: clear them, or use ParquetTarget")
        text = frame.to_csv(index=False, sep=self.separator, lineterminator="\n")
        try:
            back = self._parse(text.encode(), frames.columns_of(frame))
            pd.testing.assert_frame_equal(back, frame, check_exact=True)
            for name in [name for name in frame.columns if frame[name].dtype == object]:  # where pandas takes None for NaN
                frames.refuse_changed_cells(f"column {name!r}", frame[name], back[name])
        except Exception as error:
            reason = " ".join(str(error).split())
            raise RoundTripError(f"this frame would not come back from CSV as it is: {reason:.300}. Use ParquetTarget") from error
        file.write(text.encode())

    def decode(self, file: BinaryIO, part: Part, **options: Any) -> pd.DataFrame:
        return super().decode(file, part, kinds=part.columns or {}, **options)

    def read(self, file: BinaryIO, *, kinds: Mapping[str, str] | None = None, **options: Any) -> pd.DataFrame:
        """`columns`: those alone, as for the other frames; all other options are those of `pandas.read_csv`."""
        columns = frames.chosen(options).get("columns")
        options.pop("columns", None)
        if columns:
            options["usecols"] = columns
        frame = self._parse(file.read(), kinds or {}, options)
        # One that `index_col` has made the index is no column any more.
        return frame if columns is None else frame[[name for name in columns if name in frame or "index_col" not in options]]

    def describe(self, value: pd.DataFrame) -> Mapping[str, str]:
        return frames.columns_of(value)

    def _parse(self, data: bytes, columns: Mapping[str, str], given: Mapping[str, Any] | None = None) -> pd.DataFrame:
        import pandas as pd

        dates = [name for name, kind in columns.items() if kind.startswith("datetime64")]
        # 'str' must not turn the text "NA" into a missing value, and an empty cell cannot be told from ''.
        types = {name: kind for name, kind in columns.items() if name not in dates}
        options: dict[str, Any] = {"sep": self.separator, "dtype": types or None}
        if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1):
            options["float_precision"] = "round_trip"  # from then on numbers are read exactly as they are
        frame: pd.DataFrame = pd.read_csv(io.BytesIO(data), **{**options, **(given or {})})
        for name in dates:
            if name in frame:
                frame[name] = pd.to_datetime(frame[name]).astype(columns[name])  # type: ignore[call-overload]
        return frame

"""Parquet and Feather (Arrow IPC): DataFrames that other tools can open.

Index, column names, dtypes and attrs come back as they were, or the dump is refused.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from targets.formats import frames
from targets.record import Part
from targets.target import Target
from targets.verifying import verify_once

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class _ArrowTarget(Target["pd.DataFrame"]):
    """What the two have in common. A format says how a table is written and read."""

    def write_table(self, table: pa.Table, file: BinaryIO) -> None:
        raise NotImplementedError

    def read_table(self, file: BinaryIO, **options: Any) -> pa.Table:
        raise NotImplementedError

    def write(self, value: pd.DataFrame, file: BinaryIO) -> None:
        self.write_table(frames.to_table(frames.check_frame(value, type(self).__name__), self._there_and_back), file)

    def read(self, file: BinaryIO, **options: Any) -> pd.DataFrame:
        return frames.from_table(self.read_table(file, **options))

    def describe(self, value: pd.DataFrame) -> Mapping[str, str]:
        return frames.columns_of(value)

    def _there_and_back(self, table: pa.Table) -> pa.Table:
        file = io.BytesIO()
        self.write_table(table, file)
        return self.read_table(io.BytesIO(file.getvalue()))


class ParquetTarget(_ArrowTarget):
    """A DataFrame as parquet. `load(columns=[...])`, `load(filters=...)` read less."""

    extension = "parquet"
    compression: ClassVar[str | None] = "snappy"
    compression_level: ClassVar[int | None] = None

    def write_table(self, table: pa.Table, file: BinaryIO) -> None:
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, file, compression=self.compression or "none", compression_level=self.compression_level)

    def read_table(self, file: BinaryIO, **options: Any) -> pa.Table:
        import pyarrow.parquet

        return pyarrow.parquet.read_table(file, **options)


class FeatherTarget(_ArrowTarget):
    """A DataFrame as an Arrow IPC file ("feather v2"): larger than parquet, faster to read.

    `load(memory_map=True)` maps the file instead of reading it, after all of it was verified once in this process; with
    `compression = None` the frame's numbers then stay in the file until they are looked at.
    """

    extension = "feather"
    compression: ClassVar[str | None] = "lz4"
    compression_level: ClassVar[int | None] = None

    def write_table(self, table: pa.Table, file: BinaryIO) -> None:
        import pyarrow.feather

        pyarrow.feather.write_feather(table, file, compression=self.compression or "uncompressed", compression_level=self.compression_level)

    def read_table(self, file: BinaryIO, **options: Any) -> pa.Table:
        import pyarrow.feather

        return pyarrow.feather.read_table(file, **options)

    def load_part(self, part: Part, **options: Any) -> pd.DataFrame:
        if not options.get("memory_map"):
            return super().load_part(part, **options)
        import pyarrow.feather

        return frames.from_table(pyarrow.feather.read_table(os.fspath(verify_once(self.store, part)), **options))

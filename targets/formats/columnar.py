"""Parquet and Feather (Arrow IPC): DataFrames that other tools can open.

Index, column names, dtypes and attrs come back as they were, or the dump is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from targets.formats import frames
from targets.target import Target

if TYPE_CHECKING:
    import pandas as pd


class ParquetTarget(Target["pd.DataFrame"]):
    """A DataFrame as parquet. `load(columns=[...])`, `load(filters=...)` read less."""

    extension = "parquet"
    compression: ClassVar[str | None] = "snappy"
    compression_level: ClassVar[int | None] = None

    def write(self, value: pd.DataFrame, file: BinaryIO) -> None:
        import pyarrow.parquet

        table = frames.to_table(frames.check_frame(value, "ParquetTarget"))
        pyarrow.parquet.write_table(table, file, compression=self.compression or "none", compression_level=self.compression_level)

    def read(self, file: BinaryIO, **options: Any) -> pd.DataFrame:
        import pyarrow.parquet

        return frames.from_table(pyarrow.parquet.read_table(file, **options))

    def describe(self, value: pd.DataFrame) -> Mapping[str, str]:
        return frames.columns_of(value)


class FeatherTarget(Target["pd.DataFrame"]):
    """A DataFrame as an Arrow IPC file ("feather v2"): larger than parquet, faster to read."""

    extension = "feather"
    compression: ClassVar[str | None] = "lz4"
    compression_level: ClassVar[int | None] = None

    def write(self, value: pd.DataFrame, file: BinaryIO) -> None:
        import pyarrow.feather

        table = frames.to_table(frames.check_frame(value, "FeatherTarget"))
        pyarrow.feather.write_feather(table, file, compression=self.compression or "uncompressed", compression_level=self.compression_level)

    def read(self, file: BinaryIO, **options: Any) -> pd.DataFrame:
        import pyarrow.feather

        return frames.from_table(pyarrow.feather.read_table(file, **options))

    def describe(self, value: pd.DataFrame) -> Mapping[str, str]:
        return frames.columns_of(value)

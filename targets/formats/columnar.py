"""Parquet and Feather (Arrow IPC): DataFrames that other tools can open.

Index (with its frequency), column names, dtypes and attrs come back as they were, or the dump is refused.
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
        return frames.from_table(self.read_table(file, **frames.chosen(options)))

    def describe(self, value: pd.DataFrame) -> Mapping[str, str]:
        return frames.columns_of(value)

    def _there_and_back(self, table: pa.Table) -> pa.Table:
        file = io.BytesIO()
        self.write_table(table, file)
        return self.read_table(io.BytesIO(file.getvalue()))


class ParquetTarget(_ArrowTarget):
    """A DataFrame as parquet. `load(columns=[...])` reads these columns alone, `load(filters=...)` makes a frame of these rows alone."""

    extension = "parquet"
    compression: ClassVar[str | None] = "snappy"
    compression_level: ClassVar[int | None] = None

    def write_table(self, table: pa.Table, file: BinaryIO) -> None:
        import pyarrow.parquet

        pyarrow.parquet.write_table(table, file, compression=self.compression or "none", compression_level=self.compression_level)

    def read(self, file: BinaryIO, **options: Any) -> pd.DataFrame:
        import pyarrow.parquet

        options = frames.chosen(options)
        if options.get("columns") is not None:
            options["columns"] = frames.with_index(options["columns"], pyarrow.parquet.read_schema(file))
            file.seek(0)
        return super().read(file, **options)

    def read_table(self, file: BinaryIO, **options: Any) -> pa.Table:
        import pyarrow.parquet

        if options.keys() == {"columns"} and type(options["columns"]) is list:
            # In this thread, and nothing but what is asked for.
            found = pyarrow.parquet.ParquetFile(file, pre_buffer=False)
            if set(options["columns"]) <= set(found.schema_arrow.names):
                return found.read(options["columns"], use_threads=False).select(options["columns"])
        return pyarrow.parquet.read_table(_in_memory(file), **options)


class FeatherTarget(_ArrowTarget):
    """A DataFrame as an Arrow IPC file ("feather v2"): larger than parquet, faster to read. All of it is read, whatever columns are asked for.

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
        return _read_feather(_in_memory(file), options)

    def load_part(self, part: Part, **options: Any) -> pd.DataFrame:
        if not options.get("memory_map"):
            return super().load_part(part, **options)
        return frames.from_table(_read_feather(os.fspath(verify_once(self.store, part)), frames.chosen(options)))


def _read_feather(source: Any, options: dict[str, Any]) -> pa.Table:
    import pyarrow.feather

    if options.get("columns") is not None:
        with pyarrow.ipc.open_file(source) as found:
            options["columns"] = frames.with_index(options["columns"], found.schema)
        if not options["columns"]:  # which Arrow takes for all
            return pyarrow.feather.read_table(source, **options).select([])
    return pyarrow.feather.read_table(source, **options)


def _in_memory(file: BinaryIO) -> pa.BufferReader:
    """All of a file, in memory of Arrow's own.

    Its threads go on for a moment after they have read. If one of them has to let go of something of Python's while the interpreter ends,
    the whole process is aborted.
    """
    import pyarrow

    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    room = pyarrow.allocate_buffer(size)
    done = 0
    with memoryview(room) as view, view.cast("B") as rest:
        while done < size and (count := file.readinto(rest[done:])):  # type: ignore[attr-defined]
            done += count
    return pyarrow.BufferReader(room)

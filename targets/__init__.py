"""Where outputs live: data, a record beside it, and the digest that says whether they are still the same.

Knows nothing of Luigi's scheduler, of `pipeline` or of any app.
"""

from targets import shadowing

shadowing.check("pipeline")

from targets.errors import (
    DamagedError,
    DumpError,
    GeneratorOutputError,
    LeaseLostError,
    LoadError,
    MissingExtraError,
    MissingOutputError,
    NewerRecordError,
    PickleForbiddenError,
    PipelineError,
    RecordError,
    RoundTripError,
    SigningKeyError,
    StoreError,
    TargetError,
    UnsignedPickleError,
    UntrustedError,
)
from targets.formats.columnar import FeatherTarget, ParquetTarget
from targets.formats.csvframe import CsvTarget
from targets.formats.files import FileTarget
from targets.formats.jsonvalue import JsonTarget
from targets.formats.memory import DummyTarget, MemoryTarget
from targets.formats.numpyarray import NumpyTarget
from targets.formats.pickling import PickleTarget
from targets.formats.plain import BytesTarget, TextTarget
from targets.opening import open_store
from targets.record import Record
from targets.target import Target

__all__ = [
    "BytesTarget",
    "CsvTarget",
    "DamagedError",
    "DummyTarget",
    "DumpError",
    "FeatherTarget",
    "FileTarget",
    "GeneratorOutputError",
    "JsonTarget",
    "LeaseLostError",
    "LoadError",
    "MemoryTarget",
    "MissingExtraError",
    "MissingOutputError",
    "NewerRecordError",
    "NumpyTarget",
    "ParquetTarget",
    "PickleForbiddenError",
    "PickleTarget",
    "PipelineError",
    "Record",
    "RecordError",
    "RoundTripError",
    "SigningKeyError",
    "StoreError",
    "Target",
    "TargetError",
    "TextTarget",
    "UnsignedPickleError",
    "UntrustedError",
    "open_store",
]

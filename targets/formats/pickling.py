"""Pickle: any Python object, protocol 5, readable by plain `pickle.load`.

What `pickle` cannot write (lambdas, classes of a notebook or of `__main__`) is written by cloudpickle, by
value. The names of project classes, functions and modules inside are noticed while writing (`named`), since an edit
of their code changes what the output means although its bytes stay the same.
"""

from __future__ import annotations

import gzip
import pickle
import types
from typing import Any, BinaryIO, ClassVar, TypeVar

import cloudpickle

from targets.reading import lent
from targets.target import Target

T = TypeVar("T")

PROTOCOL = 5
_NAMES_NOTHING: frozenset[Any] = frozenset()
_PLAIN = frozenset({int, float, str, bool, bytes, type(None), complex})


class _NamingPickler(cloudpickle.Pickler):  # type: ignore[misc,name-defined]
    """Notices which classes, functions and modules a pickle refers to."""

    def __init__(self, file: Any) -> None:
        # Cloudpickle has two, one behind the other, that are asked in Python for each object.
        tables = cloudpickle.Pickler.dispatch_table
        in_one: dict[Any, Any] = {}
        for table in reversed(getattr(tables, "maps", [tables])):
            in_one.update(table)
        self.dispatch_table = in_one  # type: ignore[assignment]
        super().__init__(file, protocol=PROTOCOL)
        self.named: set[Any] = set()
        #: Kinds of objects that pickle writes by itself, each named already.
        self._ordinary: set[type] = set()

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind in self._ordinary:
            return NotImplemented
        if isinstance(obj, (type, types.ModuleType)) or hasattr(obj, "__code__"):
            self.named.add(obj)
        else:
            self.named.add(kind)
            self._ordinary.add(kind)
        return super().reducer_override(obj)


class PickleTarget(Target[T]):
    """Any object. `compression`: 1 (fast) to 9 (small) writes gzip, 0 (default) plain pickle."""

    extension = "pkl"
    runs_code = True
    compression: ClassVar[int] = 0

    _named: frozenset[Any] = _NAMES_NOTHING

    def named_code(self) -> frozenset[Any]:
        return self._named

    def write(self, value: T, file: BinaryIO) -> None:
        if self.compression:
            # No time stamp and no file name inside: the same value gives the same bytes.
            with gzip.GzipFile("", "wb", self.compression, file, mtime=0) as packed:
                self._pickle(value, packed)
        else:
            self._pickle(value, file)

    def _pickle(self, value: T, file: Any) -> None:
        if type(value) in _PLAIN:
            self._named = _NAMES_NOTHING
            file.write(pickle.dumps(value, PROTOCOL))
            return
        pickler = _NamingPickler(file)
        pickler.dump(value)
        self._named = frozenset(pickler.named)

    def read(self, file: BinaryIO, **options: Any) -> T:
        if self.compression:
            with gzip.GzipFile(fileobj=file) as packed:
                return pickle.load(packed, **options)  # type: ignore[no-any-return]
        # A class of somebody's own may read something before or after it.
        alone = type(self).read is PickleTarget.read
        return pickle.load(lent(file) if alone else file, **options)  # type: ignore[no-any-return]

    @classmethod
    def format_name(cls) -> str:
        return "pkl.gz" if cls.compression else cls.extension

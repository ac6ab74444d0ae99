"""NumPy arrays as `.npy`: any array without Python objects, readable by `numpy.load`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from targets.errors import DumpError
from targets.target import Target

if TYPE_CHECKING:
    import numpy as np


class NumpyTarget(Target["np.ndarray[Any, Any]"]):
    """An array. Arrays of Python objects would be pickled inside, and are refused."""

    extension = "npy"

    def write(self, value: np.ndarray[Any, Any], file: BinaryIO) -> None:
        import numpy as np

        if type(value) is not np.ndarray:
            raise DumpError(f"NumpyTarget stores a numpy.ndarray, and got a {type(value).__name__}")
        if value.dtype.hasobject:
            raise DumpError("the array holds Python objects: give it a numeric or string dtype, or use PickleTarget")
        np.save(file, value, allow_pickle=False)

    def read(self, file: BinaryIO, **options: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.load(file, allow_pickle=False, **options)  # type: ignore[no-any-return]

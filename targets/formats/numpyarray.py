"""NumPy arrays as `.npy`: any array without Python objects, readable by `numpy.load`.

The bytes of an array go from its memory to the file and back, with nothing in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from targets.errors import DumpError, LoadError
from targets.record import Part
from targets.target import Target
from targets.verifying import verify_once

if TYPE_CHECKING:
    import numpy as np


class NumpyTarget(Target["np.ndarray[Any, Any]"]):
    """An array. Arrays of Python objects would be pickled inside, and are refused.

    `load(mmap_mode="r")` maps the file, after all of it was verified once in this process: steps that read a few rows need no
    memory for the others. "c" gives a copy on write.
    """

    extension = "npy"

    def write(self, value: np.ndarray[Any, Any], file: BinaryIO) -> None:
        import numpy as np

        if type(value) is not np.ndarray:
            raise DumpError(f"NumpyTarget stores a numpy.ndarray, and got a {type(value).__name__}")
        if value.dtype.hasobject:
            raise DumpError("the array holds Python objects: give it a numeric or string dtype, or use PickleTarget")
        header = np.lib.format.header_data_from_array_1_0(value)
        if header["fortran_order"] or not value.flags.c_contiguous or not value.dtype.itemsize:
            np.save(file, value, allow_pickle=False)
            return
        np.lib.format.write_array_header_1_0(file, header)
        file.write(value.reshape(-1).view(np.uint8).data)

    def read(self, file: BinaryIO, **options: Any) -> np.ndarray[Any, Any]:
        import numpy as np

        plain = not options and np.lib.format.read_magic(file) == (1, 0)
        if plain:
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if not plain or dtype.hasobject or not dtype.itemsize:
            file.seek(0)
            return np.load(file, allow_pickle=False, **options)  # type: ignore[no-any-return]
        array = np.empty(shape, dtype, order="F" if fortran_order else "C")
        room = array.reshape(-1, order="A").view(np.uint8).data
        if file.readinto(room) != len(room):  # type: ignore[attr-defined]
            raise LoadError("the file ends before the array does")
        return array

    def load_part(self, part: Part, **options: Any) -> np.ndarray[Any, Any]:
        mode = options.get("mmap_mode")
        if mode is None:
            return super().load_part(part, **{name: value for name, value in options.items() if name != "mmap_mode"})
        if mode not in ("r", "c"):
            raise LoadError(f"mmap_mode={mode!r} would write into a stored output: use 'r', or 'c' for changes that stay in memory")
        import numpy as np

        return np.load(verify_once(self.store, part), allow_pickle=False, **options)  # type: ignore[no-any-return]

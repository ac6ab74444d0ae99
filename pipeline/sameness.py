"""A digest of what `identity` returned: the same for values that are equal.

Plain values are written as keys are, frames and arrays by what is in them, however it lies in memory, and all else as it is pickled: there
equal values may have two digests, which makes what needs them once more than it must. Different values never have the same.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

from pipeline import keys
from targets import seal


def stable_digest(value: Any) -> str:
    try:
        return _digest(value)
    except RecursionError:  # it contains itself, which pickle knows how to write
        return _pickled(value)


def _digest(value: Any) -> str:
    try:
        return seal.digest(keys.encode(keys.freeze(value)))
    except keys.Unencodable:
        described = _described(value)
        return _pickled(value) if described is None else seal.combine(described)


def _pickled(value: Any) -> str:
    return seal.digest(pickle.dumps(value, 5))


def _described(value: Any) -> list[str] | None:
    """What a value is made of, each as a digest or a word; None for what only pickle knows."""
    kind = type(value)
    if kind in (list, tuple):
        return [kind.__name__, *map(_digest, value)]
    if kind is dict:
        return ["dict", *(part for pair in sorted((_digest(name), _digest(one)) for name, one in value.items()) for part in pair)]
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and kind is numpy.ndarray:
        return ["array", str(value.dtype), str(value.shape), _of_array(value)]
    if pandas is not None and kind is pandas.DataFrame:
        columns = (value.iloc[:, at] for at in range(value.shape[1]))
        return ["frame", _digest(value.attrs), *_of_index(value.columns), *_of_index(value.index), *(_of_column(one) for one in columns)]
    if pandas is not None and kind is pandas.Series:
        return ["series", _digest(value.attrs), _digest(value.name), *_of_index(value.index), _of_column(value)]
    if pandas is not None and isinstance(value, pandas.Index):
        return ["index", *_of_index(value)]
    return None


def _of_array(array: Any) -> str:
    if not array.dtype.hasobject:
        return seal.digest(array.tobytes())
    if array.dtype != object:
        return _pickled(array)
    cells = array.ravel().tolist()
    try:
        # A column of texts, as most are of those that are no numbers.
        return seal.combine(["texts", ",".join([str(len(text)) for text in cells]), "".join(cells)])
    except TypeError:
        return _digest(cells)


def _of_index(index: Any) -> list[str]:
    return [str(index.nlevels), _digest(list(index.names)), *(_of_column(index.get_level_values(at)) for at in range(index.nlevels))]


def _of_column(column: Any) -> str:
    """Of a series or an index alone: its type and its cells."""
    cells = column.array
    parts = [repr(column.dtype), str(len(column))]
    if hasattr(cells, "categories"):
        parts += [*_of_index(cells.categories), _of_array(cells.codes)]
    elif hasattr(cells, "asi8"):
        parts.append(_of_array(cells.asi8))
    else:
        # Of numbers that may be missing there is no array but one of objects that keeps them all.
        parts.append(_of_array(column.to_numpy() if type(column.dtype).__module__.startswith("numpy") else column.to_numpy(object)))
    return seal.combine(parts)

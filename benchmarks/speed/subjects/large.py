"""Large data: a target's dump and load against bare pyarrow or pickle, on the same disk, one after the other.

Each is done several times in turn and the shortest of each is compared: on a shared machine only that says what the
code costs. A load is measured twice: the first one of a process, and again in one that has had that much memory before.
A target hashes, verifies, checks that a frame comes back as it was, and commits a record; the bare calls do not.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import targets
from benchmarks.speed.meter import peak_mb

#: How many processes load a file of each for the first time: each imports the libraries, which takes a second.
_PROCESSES = 5


def measure(folder: str, kind: str, megabytes: int, rounds: int) -> dict[str, object]:
    """`kind`: frame, array or forest."""
    os.makedirs(folder)
    value = {"frame": _frame, "array": _array, "forest": _forest}[kind](megabytes)
    dump, load = _dump_parquet if kind == "frame" else _dump_pickle, loader(kind)
    names = ("dump", "load", "first_load")
    took: dict[str, list[float]] = {name: [] for name in (*names, *(f"bare_{name}" for name in names))}
    wrong = ""
    small, bare_small = f"{folder}/small", f"{folder}/bare-small"
    dump(_frame(0) if kind == "frame" else 0, bare_small)
    target_of(kind, small).dump(_frame(0) if kind == "frame" else 0)
    for at in range(rounds):
        target, path = target_of(kind, f"{folder}/output-{at}"), f"{folder}/bare-{at}"
        took["bare_dump"].append(seconds(dump, value, path)[0])
        took["dump"].append(seconds(target.dump, value)[0])
        took["bare_load"].append(seconds(load, path)[0])
        took_again, loaded = seconds(target.load)
        took["load"].append(took_again)
        if at < _PROCESSES:
            took["bare_first_load"].append(_first(kind, "bare", path, bare_small))
            took["first_load"].append(_first(kind, "target", f"{folder}/output-{at}", small))
        size = os.path.getsize(path)
        if at == 0 and not _same(kind, value, loaded):
            wrong = "what was loaded is not what was dumped"
        del loaded
        target.remove()
        os.unlink(path)
    best = {name: min(times) for name, times in took.items()}
    return {
        "wall": round(sum(map(sum, took.values())), 3),
        "cpu": None,
        "peak_mb": round(peak_mb(), 1),
        "tasks": 1,
        "stored_mb": round(size / 1e6, 1),
        "wrong": wrong,
        **{name: round(shortest, 4) for name, shortest in best.items()},
        **{f"{name}_ratio": round(best[name] / best[f"bare_{name}"], 3) for name in names},
    }


def target_of(kind: str, place: str) -> targets.Target[Any]:
    target_type = targets.ParquetTarget if kind == "frame" else targets.PickleTarget
    return target_type(f"{place}.{target_type.extension}")


def loader(kind: str) -> Callable[[str], Any]:
    """How the bare library loads it."""
    return _load_parquet if kind == "frame" else _load_pickle


def _first(kind: str, way: str, path: str, small: str) -> float:
    command = [sys.executable, "-m", "benchmarks.speed.subjects.first_load", kind, way, path, small]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def seconds(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """How long a call takes, and what it returns."""
    begun = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - begun, result


def _frame(megabytes: int) -> Any:
    import pandas as pd

    rows = megabytes * 10**6 // 80
    generator = np.random.default_rng(0)
    floats = {f"x{at}": generator.normal(size=rows) for at in range(8)}
    return pd.DataFrame({**floats, "number": np.arange(rows), "kind": generator.integers(0, 50, rows)})


def _array(megabytes: int) -> Any:
    return np.random.default_rng(0).normal(size=megabytes * 10**6 // 8)


def _forest(megabytes: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    generator = np.random.default_rng(0)
    rows = 80 * megabytes
    return RandomForestClassifier(100, random_state=0).fit(generator.normal(size=(rows, 10)), generator.integers(0, 2, rows))


def _dump_parquet(value: Any, path: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pandas(value), path)


def _load_parquet(path: str) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pandas()


def _dump_pickle(value: Any, path: str) -> None:
    with open(path, "wb") as file:
        pickle.dump(value, file, protocol=5)


def _load_pickle(path: str) -> Any:
    with open(path, "rb") as file:
        return pickle.load(file)


def _same(kind: str, value: Any, loaded: Any) -> bool:
    if kind == "frame":
        return bool(value.equals(loaded))
    if kind == "array":
        return bool((value == loaded).all())
    sample = np.random.default_rng(1).normal(size=(100, 10))
    return bool((value.predict_proba(sample) == loaded.predict_proba(sample)).all())

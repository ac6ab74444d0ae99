"""Large data: a target's dump and load against bare pyarrow or pickle, on the same disk, one after the other.

Each is done several times in turn and the shortest of each is compared: on a shared machine only that says what the
code costs. A target hashes, verifies, checks that a frame comes back as it was, and commits a record; the bare calls do not.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import targets
from benchmarks.speed.meter import peak_mb


def measure(folder: str, kind: str, megabytes: int, rounds: int) -> dict[str, object]:
    """`kind`: frame, array or forest."""
    os.makedirs(folder)
    value = {"frame": _frame, "array": _array, "forest": _forest}[kind](megabytes)
    dump, load = (_dump_parquet, _load_parquet) if kind == "frame" else (_dump_pickle, _load_pickle)
    target_type = targets.ParquetTarget if kind == "frame" else targets.PickleTarget
    took: dict[str, list[float]] = {"dump": [], "load": [], "bare_dump": [], "bare_load": []}
    wrong = ""
    for at in range(rounds):
        target, path = target_type(f"{folder}/output-{at}.{target_type.extension}"), f"{folder}/bare-{at}"
        took["bare_dump"].append(_time(dump, value, path)[0])
        took["dump"].append(_time(target.dump, value)[0])
        took["bare_load"].append(_time(load, path)[0])
        seconds, loaded = _time(target.load)
        took["load"].append(seconds)
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
        **{name: round(seconds, 4) for name, seconds in best.items()},
        "dump_ratio": round(best["dump"] / best["bare_dump"], 3),
        "load_ratio": round(best["load"] / best["bare_load"], 3),
    }


def _time(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
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

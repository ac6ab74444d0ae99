"""The floor: a bare loop that loads, computes, pickles, hashes and atomically writes the same outputs and a small file beside each.

Nothing that keeps a record of its outputs can do less.
"""

from __future__ import annotations

import json
import os
import pickle

from blake3 import blake3

from benchmarks.speed import shapes
from benchmarks.speed.meter import Meter


def measure(folder: str) -> dict[str, object]:
    graph = shapes.graph()
    os.makedirs(folder)
    with Meter() as meter:
        for at in range(graph.count):
            required = graph.requirements(at)
            value = shapes.consumer_value(_load(folder, below) for below in required) if required else shapes.leaf_value(at)
            data = pickle.dumps(value)
            digest = blake3(data).hexdigest()
            _write(f"{folder}/{at}.pkl", data)
            _write(f"{folder}/{at}.json", json.dumps({"task": at, "digest": digest, "size": len(data)}).encode())
    wrong = [at for at, value in enumerate(graph.values()) if _load(folder, at) != value]
    return meter.result(tasks=graph.count, wrong=f"{len(wrong)} values" if wrong else "")


def _load(folder: str, at: int) -> int:
    with open(f"{folder}/{at}.pkl", "rb") as file:
        return pickle.loads(file.read())


def _write(path: str, data: bytes) -> None:
    with open(path + ".tmp", "wb") as file:
        file.write(data)
    os.replace(path + ".tmp", path)

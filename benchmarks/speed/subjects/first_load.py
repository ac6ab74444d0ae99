"""A load by a process that has loaded nothing large before, as that of a step: `python -m benchmarks.speed.subjects.first_load KIND WAY PATH SMALL`.

It prints seconds. All memory is new to such a process, which costs a large part of the time, with any library. A small file of
the same kind is loaded first, so that imports are not measured.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.speed.subjects import large


def main() -> None:
    kind, way, path, small = sys.argv[1:]
    if kind == "forest":
        importlib.import_module("sklearn.ensemble")
    load = large.loader(kind) if way == "bare" else lambda place: large.target_of(kind, place).load()
    load(small)
    print(large.seconds(load, path)[0])


if __name__ == "__main__":
    main()

"""The measured process: `python -m benchmarks.speed.subject NAME ARGUMENTS` runs one measurement and prints its numbers.

NAME is a module of `subjects`, ARGUMENTS a JSON object for its `measure`. The numbers are one line of JSON, the last.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

from benchmarks.speed import shapes


def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    graph = arguments.pop("graph", None)
    if graph is not None:
        os.environ[shapes.VARIABLE] = graph
    result = importlib.import_module(f"benchmarks.speed.subjects.{name}").measure(**arguments)
    print("\n" + json.dumps(result))


if __name__ == "__main__":
    main()

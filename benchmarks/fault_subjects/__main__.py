"""`python -m benchmarks.fault_subjects TOOL STEP [WORKERS]` runs a step and prints what it gave; `... TOOL flips COUNT` flips bits.

With `FAULTS_GO` set it says that it is ready, and begins when that file is there.
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import sys
import time

from benchmarks.fault_subjects import flips


def main() -> None:
    tool, step, number = importlib.import_module(f"benchmarks.fault_subjects.with_{sys.argv[1]}"), sys.argv[2], int(sys.argv[3])
    if step == "flips":
        result = flips.count(tool, number)
    else:
        _wait_for_the_others()
        result = tool.build(step, number)
    print("\nRESULT " + json.dumps(result), flush=True)


def _wait_for_the_others() -> None:
    go = os.environ.get("FAULTS_GO")
    if go:
        pathlib.Path(f"{go}.{os.getpid()}").touch()
        while not os.path.exists(go):
            time.sleep(0.001)


if __name__ == "__main__":
    main()

"""One flipped bit at a time: how often is it taken for data?

`Small` is built in a fork. Then, for each flip, the store is put back as it was, one bit is flipped, and a fork that knows nothing
of earlier ones runs `LookSmall`, which is given the value. Each fork leads a session of its own and has 30 seconds.
"""

from __future__ import annotations

import collections
import contextlib
import os
import pathlib
import random
import shutil
import signal
import sys
import time
import traceback
from types import ModuleType

LIMIT = 30


def count(tool: ModuleType, times: int) -> dict[str, object]:
    """Of `times` flips in the data, and of as many in the other files: how many came out how."""
    folder, built = pathlib.Path("store").resolve(), pathlib.Path("built").resolve()
    folder.mkdir()
    os.environ["FAULTS_LOG"] = str(pathlib.Path("ran.log").resolve())
    first = _in_fork(tool, "Small", folder)
    if not first.startswith("value"):
        raise RuntimeError(first)
    shutil.copytree(folder, built, symlinks=True)
    everything = {path for path in built.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size}
    data = set(built.glob(tool.DATA)) & everything
    assert len(data) == 1, (tool.DATA, everything)
    result: dict[str, object] = {}
    for what, files in (("data", data), ("beside", everything - data)):
        result[f"{what} files"] = {str(path.relative_to(built)): path.stat().st_size for path in sorted(files)}
        result[what] = dict(_flip_each(tool, folder, built, sorted(files), times)) if files else None
    return result


def _flip_each(tool: ModuleType, folder: pathlib.Path, built: pathlib.Path, files: list[pathlib.Path], times: int) -> collections.Counter[str]:
    chance = random.Random(0)
    found: collections.Counter[str] = collections.Counter()
    sizes = [path.stat().st_size for path in files]
    for _ in range(times):
        shutil.rmtree(folder)
        shutil.copytree(built, folder, symlinks=True)
        [chosen] = chance.choices(files, sizes)
        _flip(folder / chosen.relative_to(built), chance)
        pathlib.Path(os.environ["FAULTS_LOG"]).unlink(missing_ok=True)
        answer = _in_fork(tool, "LookSmall", folder)
        again = pathlib.Path(os.environ["FAULTS_LOG"]).exists()
        outcome = {"value right": "made again" if again else "right as it was", "value wrong": "wrong"}.get(answer, "error")
        found[outcome] += 1
        if outcome == "error":
            print(f"{chosen.name}: {answer}", file=sys.stderr)
    return found


def _flip(path: pathlib.Path, chance: random.Random) -> None:
    data, times = bytearray(path.read_bytes()), path.stat()
    at = chance.randrange(len(data) * 8)
    data[at // 8] ^= 1 << at % 8
    path.chmod(0o644)
    path.write_bytes(data)
    # Disks that rot do not change times.
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _in_fork(tool: ModuleType, step: str, folder: pathlib.Path) -> str:
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.setsid()
        os.close(reading)
        os.chdir(folder)
        output = os.open("../output.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            answer = f"value {tool.build(step, 1)}"
        except BaseException as error:
            traceback.print_exc()
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer[:1000].encode())
        os._exit(0)
    os.close(writing)
    ends = time.monotonic() + LIMIT
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0) and time.monotonic() < ends:
        time.sleep(0.002)
    # What the fork has started goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    if ended == (0, 0):
        os.waitpid(process, 0)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode(errors="replace")
    return answer or (f"it took more than {LIMIT} s" if ended == (0, 0) else f"it ended with {ended[1]} and no answer")

"""The history: what the runs of a store have left, read back.

Promises: listing runs reads the small head of each; the tasks of a run are read when they are asked for. A run that left only its beginning is
`unfinished`: it was killed, or is still at work. What cannot be read is left out with a warning, since a history with a hole is of more use
than none; a run that is asked for by name and is not there is an `UnknownRunError` that says which are.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import os
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import columns
from pipeline.columns import TaskEntry
from pipeline.entry import BEGUN, ENDED, FOLDER, TASKS
from pipeline.errors import UnknownRunError
from targets.errors import StoreError
from targets.opening import open_store
from targets.store import Store

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger("pipeline")

_HEAD_SIZE = 65_536
#: The year 9999.
_LAST_MOMENT = 253_000_000_000


@dataclasses.dataclass(frozen=True)
class RunEntry:
    """One run, as it is kept."""

    id: str
    #: Seconds since the epoch; None for the end of an unfinished one.
    begun: float
    ended: float | None
    #: "done", "failed", "interrupted" or "unfinished".
    outcome: str
    exit_code: int | None
    host: str
    user: str
    process: int
    command: str
    reason: str
    versions: Mapping[str, str]
    #: Commit and dirty flag, where it ran in a working tree of git.
    git: Mapping[str, Any]
    #: How many tasks ended in each state, over all and for each family.
    counts: Mapping[str, int]
    families: Mapping[str, Mapping[str, int]]
    #: The run had so many edges that `needs` of its tasks is empty.
    edges_left_out: bool
    #: (family, family that it needs).
    family_edges: Sequence[tuple[str, str]]
    #: What ended the run, where that was no step.
    error: str
    _packed: Mapping[str, Any] | None = dataclasses.field(repr=False, compare=False)
    _store: Store = dataclasses.field(repr=False, compare=False)

    @property
    def duration(self) -> float | None:
        return None if self.ended is None else self.ended - self.begun

    @functools.cached_property
    def tasks(self) -> tuple[TaskEntry, ...]:
        """What became of each task; nothing for an unfinished run."""
        packed = self._packed
        if packed is None and self.ended is None:
            return ()
        try:
            if packed is None:
                with self._store.open(f"{FOLDER}/{self.id}{TASKS}") as file:
                    packed = json.loads(zlib.decompress(file.read()))
            return tuple(columns.unpack(packed))
        except Exception as error:  # nothing vouches for what stands there, so it can be wrong in every way
            log.warning("the tasks of run %s cannot be read: %s: %s", self.id, type(error).__name__, error)
            return ()


def ids(store: Store) -> dict[str, str]:
    """The names of the heads of all runs by their ids, the newest first."""
    found: dict[str, str] = {}
    for name in store.list(FOLDER):
        if name.endswith(BEGUN):
            found.setdefault(name.removesuffix(BEGUN), name)
        elif name.endswith(ENDED) and not name.startswith("."):
            found[name.removesuffix(ENDED)] = name
    return dict(sorted(found.items(), reverse=True))


def runs(store: Store, last: int | None = None) -> list[RunEntry]:
    """The runs of a store, the newest first; all, or the `last` so many."""
    names = list(ids(store).items())[:last]
    if store.reads_in_bulk:
        texts: Mapping[str, bytes] = store.read_all([f"{FOLDER}/{name}" for _, name in names])
    else:
        texts = {}
    found = []
    for run, name in names:
        entry = _read(store, run, name, texts.get(f"{FOLDER}/{name}"))
        if entry is not None:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.begun, reverse=True)


def find(store: Store, beginning: str) -> RunEntry:
    """The run of this id, or the only one whose id begins so; `last` and `last-1`, `last-2`, ... count from the newest."""
    known = ids(store)
    if beginning == "last" or (beginning.startswith("last-") and beginning[5:].isdigit()):
        at = int(beginning[5:] or 0)
        wanted = list(known)[at : at + 1]
    else:
        wanted = [beginning] if beginning in known else [run for run in known if beginning and run.startswith(beginning)]
    if len(wanted) == 1:
        entry = _read(store, wanted[0], known[wanted[0]], None)
        if entry is not None:
            return entry
    if len(wanted) > 1:
        raise UnknownRunError(f"{len(wanted)} runs begin with {beginning!r}: {', '.join(wanted[:5])}")
    some = ", ".join(list(known)[:3])
    raise UnknownRunError(f"the history has no run {beginning!r}: {f'the latest are {some}' if some else 'it is empty'}")


def before(store: Store, run: str, last: int) -> list[RunEntry]:
    """The `last` so many runs that began before this one, the newest first."""
    names = [(one, name) for one, name in ids(store).items() if one < run][:last]
    found = [_read(store, one, name, None) for one, name in names]
    return [entry for entry in found if entry is not None]


def _read(store: Store, run: str, name: str, text: bytes | None) -> RunEntry | None:
    try:
        body = json.loads(text if text is not None else store.read(f"{FOLDER}/{name}", _HEAD_SIZE))
        ended = None if body.get("ended") is None else _moment(body["ended"])
        return RunEntry(
            id=run,
            begun=_moment(body["begun"]),
            ended=ended,
            outcome=body["outcome"] if ended is not None else "unfinished",
            exit_code=body.get("exit_code"),
            host=body.get("host", ""),
            user=body.get("user", ""),
            process=body.get("process", 0),
            command=body.get("command", ""),
            reason=body.get("reason", ""),
            versions=body.get("versions") or {},
            git=body.get("git") or {},
            counts=body.get("counts") or {},
            families=body.get("families") or {},
            edges_left_out=body.get("edges_left_out", False),
            family_edges=tuple((one, other) for one, other in body.get("family_edges", ())),
            error=body.get("error", ""),
            _packed=body.get("tasks"),
            _store=store,
        )
    except FileNotFoundError:
        return None
    except (OSError, StoreError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        log.warning("the history of run %s cannot be read: %s: %s", run, type(error).__name__, error)
        return None


def _moment(value: Any) -> float:
    """`ValueError` for what no calendar has."""
    seconds = float(value)
    if not 0 <= seconds < _LAST_MOMENT:
        raise ValueError(f"{seconds!r} is no moment")
    return seconds


def history(*, tasks: bool = False, last: int | None = None, store: Store | str | os.PathLike[str] | None = None) -> pd.DataFrame:
    """The history as a table, the newest run first: a row a run, or with `tasks` a row for each task of each run.

    `last`: so many runs. `store`: a path or URL; without it the store where no task names one.
    """
    import pandas as pd

    from pipeline import stores

    found = runs(stores.default() if store is None else open_store(os.fspath(store)) if isinstance(store, (str, os.PathLike)) else store, last)
    if tasks:
        rows = [{"run": entry.id, **_row(task)} for entry in found for task in entry.tasks]
        table = pd.DataFrame(rows, columns=["run", *_TASK_COLUMNS])
        return table.assign(begun=pd.to_datetime(table["begun"].astype("float64"), unit="s", utc=True))
    heads = [
        {
            **{name: getattr(entry, name) for name in _RUN_COLUMNS if hasattr(entry, name)},
            **{state: entry.counts.get(state, 0) for state in _STATES},
            "commit": entry.git.get("commit", ""),
            "dirty": entry.git.get("dirty"),
        }
        for entry in found
    ]
    table = pd.DataFrame(heads, columns=list(_RUN_COLUMNS))
    times = {name: pd.to_datetime(table[name].astype("float64"), unit="s", utc=True) for name in ("begun", "ended")}
    return table.assign(**times).set_index("id")


_STATES = ("ran", "kept", "failed", "skipped")
_RUN_COLUMNS = (
    "id",
    "begun",
    "ended",
    "duration",
    "outcome",
    "exit_code",
    *_STATES,
    "reason",
    "user",
    "host",
    "process",
    "command",
    "commit",
    "dirty",
)
_TASK_COLUMNS = ("task", "family", "key", "kind", "state", "rule", "reason", "begun", "duration", "error", "params")


def _row(task: TaskEntry) -> dict[str, Any]:
    return {**{name: getattr(task, name) for name in _TASK_COLUMNS}, "params": dict(task.params)}

"""What a store holds: outputs chosen by name and by parameters, whether or not anything still needs them.

Promises: nothing is decoded; what has a record that cannot be read is among them, with the reason in the place of the record, unless parameters
are asked for. A task is made of a record again only if that gives the very key of the record. `UnknownOutputError` names what is not there.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import luigi
from luigi.task_register import Register

from pipeline import instead, keys, stores
from pipeline.conditions import Condition, insist
from pipeline.errors import ParameterError, PipelineError, UnknownOutputError
from pipeline.task import Task
from targets.errors import StoreError, TargetError
from targets.inventory import outputs
from targets.opening import open_store
from targets.record import Record
from targets.store import Store
from targets.target import Target

_SHORTEST_KEY = 4
#: So many outputs of one name are listed, and so many characters of each.
_MOST = 10
_SHOWN = 120


@dataclasses.dataclass(frozen=True)
class Output:
    """One output of a store."""

    target: Target[Any]
    record: Record | None
    #: Why there is no record that could be read.
    error: str = ""

    @property
    def key(self) -> str:
        return self.record.key if self.record is not None and self.record.key else self.target.place.key

    @property
    def family(self) -> str:
        """By its record; by its folder where that cannot be read."""
        if self.record is not None and self.record.family:
            return self.record.family
        return self.target.place.stem.rpartition("/")[0].replace("/", ".")

    @functools.cached_property
    def task(self) -> Any:
        """The task that makes it, where its class is known and its parameters say everything; else None."""
        return rebuilt(self.record) if self.record is not None else None

    @property
    def shown(self) -> str:
        """As the task is shown."""
        if self.task is not None:
            return repr(self.task)
        if self.record is None:
            return f"{self.family} {self.key[:12]}"
        return f"{self.family}({', '.join(f'{name}={_shown(value)}' for name, value in self.record.params.items())})"

    @property
    def params(self) -> dict[str, str]:
        """The public parameters, as text."""
        return {name: _text(value) for name, value in self.record.params.items()} if self.record is not None else {}

    @property
    def made(self) -> float | None:
        """When, in seconds since the epoch."""
        return self.record.started + self.record.duration if self.record is not None and self.record.started else None


def held(
    where: Iterable[Store], names: Sequence[str] = (), conditions: Sequence[Condition] = (), may_be_absent: Collection[str] = ()
) -> list[Output]:
    """The outputs of these stores that bear one of these names, if any are given, and fulfil all conditions.

    A name is a family, its last part, the beginning of a key (4 characters or more), or `all`. `may_be_absent`: names that are right though
    nothing bears them.
    """
    found: list[Output] = []
    known: list[dict[str, str]] = []
    families: set[str] = set()
    missing = dict.fromkeys(name for name in names if name != "all" and name not in may_be_absent)
    for store in where:
        for target in outputs(store):
            output = _look(target)
            families.add(output.family)
            if names:
                fitting = [name for name in names if fits(name, output)]
                for name in fitting:
                    missing.pop(name, None)
                if not fitting:
                    continue
            if conditions:
                known.append(output.params)
                if not all(condition.holds(output.params) for condition in conditions):
                    continue
            found.append(output)
    if missing:
        raise UnknownOutputError(_nothing_named(next(iter(missing)), families))
    if not found:
        insist(conditions, known)
    return sorted(found, key=lambda output: (output.family, output.made or 0.0))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def find(where: Iterable[Store], name: str) -> Output:
    """The only output of this name; `UnknownOutputError` where there is none, or are several."""
    found = held(where, [name])
    if len(found) > 1:
        some = "".join(f"\n  {output.key[:12]}  {_cut(output.shown)}" for output in found[:_MOST])
        more = f"\n  and {len(found) - _MOST} more" if len(found) > _MOST else ""
        raise UnknownOutputError(f"{len(found)} outputs bear the name {name!r}: give more of a key{some}{more}")
    return found[0]


def fits(name: str, output: Output) -> bool:
    family = output.family
    if name in ("all", family, family.rpartition(".")[2]):
        return True
    return len(name) >= _SHORTEST_KEY and output.key.startswith(name)


def _nothing_named(name: str, families: set[str]) -> str:
    import difflib

    short = {family.rpartition(".")[2]: None for family in sorted(families)}
    close = difflib.get_close_matches(name, short, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(short)}" if short else "it is empty"
    key = f"the beginning of a key ({_SHORTEST_KEY} characters or more)"
    return f"nothing in the store is named {name!r}, by family or by {key}: {hint}"


def _look(target: Target[Any]) -> Output:
    try:
        found = target.find_record()
        return Output(target, found[0]) if found is not None else Output(target, None, "it has just been removed")
    except (TargetError, StoreError, OSError) as error:
        return Output(target, None, str(error))


def _text(value: Any) -> str:
    return str(value["text"]) if isinstance(value, Mapping) else str(value)


def _shown(value: Any) -> str:
    return str(value["text"]) if isinstance(value, Mapping) else repr(value)


# Tasks


def rebuilt(record: Record) -> Any:
    """The task that a record speaks of; None where no class is known for it, or it would be another task today."""
    kind = next((one for one in reversed(Register._reg) if one.__module__ == record.module and one.get_task_family() == record.family), None)
    if kind is None or not issubclass(kind, Task):
        return None
    try:
        task = kind(**_values(kind, record))
    except (PipelineError, luigi.parameter.ParameterException):
        return None
    return task if task.key == record.key else None


def _values(kind: Any, record: Record) -> dict[str, Any]:
    declared = dict(kind.get_params())
    values = {}
    for name, value in record.params.items():
        if name in declared:
            try:
                values[name] = declared[name].parse(value["text"]) if isinstance(value, Mapping) else value
            except Exception as error:
                raise ParameterError(f"{record.family}.{name} cannot be read from its record: {error}") from error
    return values


def stored(kind: type[Task[Any]], **params: Any) -> list[Any]:
    """The tasks of a class whose outputs are in its store, by the records that are there; with `params`, those with these values.

    Whether an output is still current is another question: `task.complete()` answers it.
    """
    if not isinstance(kind, type) or not issubclass(kind, Task):
        raise ParameterError(f"stored() takes a class of steps, not {kind!r}")
    slots = kind._schema_now().by_name
    for name in params:
        if name not in slots:
            raise ParameterError(f"{kind.__name__} has no parameter {name!r}: it has {', '.join(slots) or 'none'}")
    wanted = {name: slots[name].normalise(kind.get_task_family(), value) for name, value in params.items()}
    chosen = instead.store or kind.TARGET_DIR
    store = stores.default() if chosen is None else open_store(os.fspath(chosen))
    found: dict[Any, None] = {}
    for target in outputs(store, folder=_folder(kind)):
        output = _look(target)
        if output.record is None or output.record.family != kind.get_task_family():
            continue
        task = output.task
        if type(task) is kind and all(_same(task.param_kwargs[name], value) for name, value in wanted.items()):
            found[task] = None
    return list(found)


def _same(one: Any, other: Any) -> bool:
    try:
        return keys.encode(one) == keys.encode(other)
    except keys.Unencodable:
        return bool(one == other)


def _folder(kind: Any) -> str:
    namespace = kind.get_task_namespace()
    return f"{keys.folder_name(namespace)}/{keys.folder_name(kind.__name__)}" if namespace else keys.folder_name(kind.__name__)


def load(tasks: Any, **options: Any) -> Any:
    """What tasks have stored: one value for a task, the same structure of values for a list, tuple or dict of them."""
    from pipeline import structure
    from pipeline.task import load_output

    return structure.transform(structure.settle(tasks), lambda _, task: load_output(task, options))


def remove(tasks: Any) -> int:
    """Remove the outputs of a task, or of a list, tuple or dict of them, with their records; how many there were."""
    from pipeline import structure

    found = [task for task in structure.tasks_in(structure.settle(tasks)) if isinstance(task, Task)]
    beside = Beside()
    return sum(removed(task.target, beside, task) for task in dict.fromkeys(found))


class Beside:
    """What lies beside outputs that are removed together: each folder is listed once."""

    def __init__(self) -> None:
        self._folders: dict[tuple[str, str], dict[str, list[str]]] = {}

    def of(self, store: Store, stem: str) -> list[str]:
        """Names that begin with that of an output."""
        folder, _, base = stem.rpartition("/")
        if (store.url, folder) not in self._folders:
            names = self._folders[store.url, folder] = {}
            for name in store.list(folder):
                names.setdefault(name.partition(".")[0], []).append(f"{folder}/{name}")
        return self._folders[store.url, folder].get(base, [])


def removed(target: Target[Any], beside: Beside, task: Any = None) -> bool:
    """Remove one output with everything beside it that bears its name; whether there was any."""
    store, stem = target.store, target.place.stem
    with store.lock(target.place.key):
        was_there = store.size(target.place.record_name) is not None
        if task is not None:
            task.remove()
        else:
            target.remove()
        # Its log, a failure that is kept, and data that a record does not name since it cannot be read.
        store.delete(*beside.of(store, stem))
    return was_there

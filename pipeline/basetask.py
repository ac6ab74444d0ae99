"""BaseTask: what all our tasks share. Typed keys, cheap objects, a verdict.

Promises: two objects are equal exactly if their class and their parameters, with types, are; `complete()` answers the rule
of truth. What has no record of its own (a wrapper, a part) is as current as what it requires.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import luigi

from pipeline import planning
from pipeline.metaclass import TaskMeta
from pipeline.ours import Ours
from pipeline.scope import Scope, current
from pipeline.verdict import CURRENT, Finding, Leaves, Look, Rule, Verdict
from targets import seal
from targets.place import Place


class BaseTask(Ours, luigi.Task, metaclass=TaskMeta):
    """What all our tasks share: typed keys, cheap objects, a verdict."""

    _visible_in_registry = False
    _reserves_names = True
    #: It has no body and no output of its own.
    _stands_for_others = False

    #: 128 bits, as 32 hexadecimal characters: the family and the significant parameters.
    key: str = ""
    task_id: str = ""
    param_kwargs: dict[str, Any] = {}

    set_tracking_url: Any = None
    set_status_message: Any = None
    set_progress_percentage: Any = None
    decrease_running_resources: Any = None
    scheduler_messages: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = type(self)._schema_now()
        values = bound.bind(args, kwargs)
        self._bind(values, bound.encode(values))

    _plain_init = __init__

    def _bind(self, values: list[Any], encoded: list[bytes]) -> None:
        bound = type(self)._schema_now()
        attributes = self.__dict__
        attributes["param_kwargs"] = given = {}
        for slot, value in zip(bound.slots, values, strict=True):
            attributes[slot.name] = given[slot.name] = value
        self.key = bound.key(encoded)
        self.task_id = f"{bound.family}_{self.key}"

    @classmethod
    def batch_param_names(cls) -> list[str]:
        """None: each has an output of its own, which one task in the place of several would not make."""
        return []

    @classmethod
    def get_params(cls) -> list[tuple[str, luigi.Parameter[Any]]]:
        return [(slot.name, slot.declared) for slot in cls._schema_now().slots]

    def to_str_params(self, only_significant: bool = False, only_public: bool = False) -> dict[str, str]:
        values = self.param_kwargs
        return {
            slot.name: slot.declared.serialize(values[slot.name])
            for slot in type(self)._schema_now().slots
            if not slot.private and (slot.significant or not only_significant) and (slot.visible or not only_public)
        }

    def _get_param_visibilities(self) -> dict[str, int]:
        # One for all tasks of the class: whoever gets it never changes it.
        return type(self)._schema_now().visibilities

    def __hash__(self) -> int:
        return hash(self.task_id)

    def __eq__(self, other: object) -> bool:
        return self is other or (type(self) is type(other) and self.task_id == other.task_id)  # type: ignore[attr-defined]

    # A task is one thing, also where it can be asked for a part.
    __iter__ = None

    def __repr__(self) -> str:
        bound, given = type(self)._schema_now(), self.param_kwargs
        shown = []
        for slot in bound.slots:
            if slot.significant:
                text = "***" if slot.private else repr(given[slot.name])
                shown.append(f"{slot.name}={text if len(text) <= 200 else text[:197] + '...'}")
        return f"{bound.family}({', '.join(shown)})"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return _rebuild, (type(self), self.param_kwargs)

    def initialized(self) -> bool:
        return "task_id" in self.__dict__

    def clone(self, cls: Any = None, **kwargs: Any) -> Any:
        """The same task with some parameters changed, or another class with the parameters that both have.

        As in Luigi an attribute or property of the app's may stand for a parameter of the other class.
        """
        cls = cls or type(self)
        names = [name for name, _ in cls.get_params()]
        values = {name: getattr(self, name) for name in names if name in self.param_kwargs or (_is_of_app(type(self), name) and hasattr(self, name))}
        return cls(**values | {name: value for name, value in kwargs.items() if name in names})

    def deps(self) -> list[luigi.Task]:
        if type(self)._requires is not luigi.Task._requires:
            return luigi.task.flatten(self._requires())  # type: ignore[no-any-return]
        return [task for _, task in self._leaves()]

    def complete(self) -> bool:
        """Whether the output is still true, by the rule of truth."""
        return planning.is_current(self)

    @classmethod
    def bulk_complete(cls, parameter_tuples: Iterable[Any]) -> list[Any]:
        """Those of these parameters whose tasks are complete: how `luigi.tools.range` asks for many. One value alone may stand for a tuple."""
        # A range that binds other parameters calls it with a partial.
        kind: Any = cls.func if isinstance(cls, functools.partial) else cls
        bound: Mapping[str, Any] = cls.keywords if isinstance(cls, functools.partial) else {}
        found = []
        with current().asking():
            for given in parameter_tuples:
                if isinstance(given, (list, tuple)):
                    task = cls(*given)
                else:
                    task = cls(**(given if isinstance(given, Mapping) else {kind._schema_now().alone(bound): given}))
                if task.complete():
                    found.append(given)
        return found

    def load(self, **options: Any) -> Any:
        raise NotImplementedError

    def _leaves(self) -> list[tuple[str, luigi.Task]]:
        scope = current()
        with scope.asking():
            return scope.requirements(self)[1]

    def _place(self) -> Place | None:
        """Where the output lives, where there is one."""
        return None

    def _slim(self) -> None:
        """Forget what can be made again: there may be a million of us."""

    def _first_look(self, scope: Scope) -> Finding | Look | None:
        """See `planning.walk`. None: the requirements say everything, `_conclude` is asked."""
        return None

    def _conclude(self, leaves: Leaves, finding_of: Callable[[Any], Finding]) -> Finding:
        """A task without a record of its own is as current as its requirements, and means what they mean."""
        identities = []
        for path, required in leaves:
            finding = finding_of(required)
            if not finding.verdict.is_current:
                return Finding(Verdict(Rule.UPSTREAM, f"{required!r} must run first"))
            identities += [path, finding.identity or ""]
        return Finding(CURRENT, seal.combine(["structure", *identities]))


def _is_of_app(cls: type, name: str) -> bool:
    """Whether an attribute is the app's own, and not one that every task has: `priority`, say."""
    owner = next((base for base in cls.__mro__ if name in vars(base)), None)
    if owner is None or callable(vars(owner)[name]):
        return False
    return owner.__module__.partition(".")[0] not in ("pipeline", "luigi", "builtins")


def _rebuild(cls: Any, values: Mapping[str, Any]) -> Any:
    return cls(**values)

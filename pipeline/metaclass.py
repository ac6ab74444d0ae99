"""How task classes and task objects are made.

Promises: a class whose parameters could not work is refused when it is defined, not when it runs; creating
an object is cheap; two objects are the same exactly if their parameters are equal *and of equal types*
(Luigi's cache confuses `1`, `True` and `1.0`). Luigi's registry, instance cache and namespaces stay in use.
"""

from __future__ import annotations

from typing import Any

import luigi
from luigi.task_register import Register

from pipeline import schema
from pipeline.errors import ReservedNameError

#: Attributes of the base classes that a parameter may replace: they are data that Luigi reads from the object.
REPLACEABLE = frozenset(
    {
        "version",
        "priority",
        "resources",
        "disabled",
        "worker_timeout",
        "max_batch_size",
        "owner_email",
        "retry_count",
        "fresh_for",
        "timeout",
        "retries",
    }
)


class TaskMeta(Register):
    """The metaclass of every task of ours."""

    _schema: schema.Schema | None

    # Nobody registers a class as another's that is not: what an abstract class would ask for each look is asked for nothing.
    __instancecheck__ = type.__instancecheck__

    def __new__(metacls, classname: str, bases: tuple[type, ...], classdict: dict[str, Any], **kwargs: Any) -> Any:
        seen: dict[int, str] = {}
        for name, value in list(classdict.items()):
            if isinstance(value, luigi.Parameter):
                if id(value) in seen:
                    import copy

                    classdict[name] = copy.copy(value)
                seen[id(value)] = name
                check_name(classname, bases, name)
        cls = super().__new__(metacls, classname, bases, classdict, **kwargs)
        type.__setattr__(cls, "_schema", None)
        return cls

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        bound = cls._schema_now()
        cache = Register._Register__instance_cache  # type: ignore[attr-defined]
        recent = bound.recent if not args and cache is not None else None
        called, found = recent.find(kwargs, cache) if recent is not None else (None, None)
        if found is not None:
            return found
        values = bound.bind(args, kwargs)
        encoded = bound.encode(values)
        if cache is None:
            return cls._make(args, kwargs, values, encoded)
        known = (cls, tuple(encoded))
        found = cache.get(known)
        if found is None:
            found = cache[known] = cls._make(args, kwargs, values, encoded)
        if called is not None and recent is not None:
            recent.keep(called, found)
        return found

    def _make(cls, args: tuple[Any, ...], kwargs: dict[str, Any], values: list[Any], encoded: list[bytes]) -> Any:
        if cls.__init__ is cls._plain_init:  # type: ignore[misc,attr-defined]
            task: Any = object.__new__(cls)  # type: ignore[arg-type]
            task._bind(values, encoded)
            return task
        # The class has an __init__ of its own, which calls ours.
        return type.__call__(cls, *args, **kwargs)

    def _schema_now(cls) -> schema.Schema:
        known = cls.__dict__["_schema"]
        if known is None or known.generation != schema.generation:
            known = schema.Schema(cls)
            type.__setattr__(cls, "_schema", known)
        return known  # type: ignore[no-any-return]

    def __setattr__(cls, name: str, value: Any) -> None:
        if isinstance(value, luigi.Parameter):
            check_name(cls.__name__, cls.__bases__, name)
            value = schema.adopt(value, cls, name)
            schema.generation += 1
        elif isinstance(cls.__dict__.get(name), luigi.Parameter) or name == "task_namespace":
            schema.generation += 1
        super().__setattr__(name, value)

    def __delattr__(cls, name: str) -> None:
        if isinstance(cls.__dict__.get(name), luigi.Parameter):
            schema.generation += 1
        super().__delattr__(name)


def check_name(classname: str, bases: tuple[type, ...], name: str) -> None:
    """`ReservedNameError` where a parameter would hide something that every task has."""
    if name in REPLACEABLE:
        return
    for base in bases:
        for ancestor in base.__mro__:
            if name in vars(ancestor) and getattr(ancestor, "_reserves_names", False):
                if not isinstance(vars(ancestor)[name], luigi.Parameter):
                    raise ReservedNameError(
                        f"{classname}: a parameter cannot be named {name!r}, since every task has a {name}: call it {classname.lower()}_{name}, say"
                    )
                return

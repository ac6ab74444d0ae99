"""What code an object carries inside: a wrapped function, a partial's, those of a container, a closure or an attribute of a class."""

from __future__ import annotations

import collections
import functools
import types
from collections.abc import Mapping
from typing import Any, TypeGuard

#: What is larger is data: a container by itself, and with all that are in it.
_LARGEST, _LARGEST_IN_ALL = 10_000, 50_000


def callables_inside(value: Any, *, kinds: bool = False) -> list[Any]:
    """Functions and classes that an object carries: a wrapped one, a partial's, those of a container. `kinds`: the classes of what is in it, too."""
    if is_a(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if is_a(value, types.FunctionType):
        wrapped = attribute(value, "__wrapped__")
        inside = [] if wrapped is None else [wrapped]
        if is_a(registered := attribute(value, "registry"), Mapping):  # of functools.singledispatch
            inside += registered.values()
        return inside + [cell for cell in closure(value).values() if callable(cell)]
    if is_a(value, (dict, list, tuple, set, frozenset, collections.deque)):
        return [found for container in _containers(value) for found in _held_by(container, kinds=kinds)]
    inside = [wrapped_by(value), *(held(value, name) for name in ("func", "fget", "py_func"))]
    return [item for item in inside if item is not None and callable(item)]


def _containers(value: Any) -> list[Any]:
    """A container and those in it, each once: it may contain itself. The outer ones first."""
    found, seen, left = [value], {id(value)}, _LARGEST_IN_ALL
    for at, container in enumerate(found):  # which grows meanwhile
        items = _items(container)
        left -= len(items)
        if left < 0:
            return found[:at]
        for item in items:
            if is_a(item, (dict, list, tuple)) and id(item) not in seen:
                seen.add(id(item))
                found.append(item)
    return found


def _items(container: Any) -> list[Any]:
    if len(container) > _LARGEST:
        return []
    return [*container.keys(), *container.values()] if is_a(container, dict) else list(container)


def _held_by(container: Any, *, kinds: bool) -> list[Any]:
    items = _items(container)
    made_here = [item for item in items if type(item).__module__ != "builtins" and not is_code(item)] if kinds else []
    held = [part for item in made_here for part in attributes(item) if is_code(part)]
    classes = sorted({type(item) for item in made_here}, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")
    return [*(item for item in items if is_code(item)), *held, *classes]


def is_a(value: Any, kinds: type | tuple[type, ...]) -> TypeGuard[Any]:
    """`isinstance`, also for what stands for another object that is not there (Flask's `current_app`), and raises whatever it is asked for."""
    try:
        return isinstance(value, kinds)
    except Exception:
        return False


def attribute(value: Any, name: str) -> Any:
    """An attribute of whatever an app has made, None where it has none; whose own `__getattr__` may raise anything."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


def held(value: Any, name: str) -> Any:
    """The same, but not what is made as it is asked for: SQLAlchemy's `func`, or a client, answers to every name with something new, for ever."""
    own = attribute(value, "__dict__")
    is_there = any(name in vars(base) for base in type(value).__mro__) or (is_a(own, Mapping) and name in own)
    return attribute(value, name) if is_there else None


def wrapped_by(value: Any) -> Any:
    """What a wrapper says that it wraps; one that stands for another object says it for that: a function, and the same one each time."""
    found = held(value, "__wrapped__")
    if found is None and is_a(asked := attribute(value, "__wrapped__"), types.FunctionType) and attribute(value, "__wrapped__") is asked:
        return asked
    return found


def attributes(item: Any) -> list[Any]:
    """The values of the attributes that an object has of its own."""
    own = attribute(item, "__dict__")
    return list(own.values()) if is_a(own, Mapping) else []


def code_in_attributes(value: Any, *, kinds: bool = False) -> list[Any]:
    """The functions and classes that an object's attributes are, or carry. `kinds` as above."""
    found = attributes(value)
    return [code for one in found for code in ([one] if is_code(one) else callables_inside(one, kinds=kinds))]


def is_code(item: Any) -> bool:
    return is_a(item, (types.FunctionType, types.MethodType, functools.partial, type)) or attribute(item, "__wrapped__") is not None


def functions_of(value: Any) -> list[types.FunctionType]:
    """The plain functions behind an attribute of a class: of a property, a class method, a wrapper."""
    candidates = [value]
    functions: list[types.FunctionType] = []
    for _ in range(8):
        following: list[Any] = []
        for candidate in candidates:
            if is_a(candidate, types.FunctionType):
                functions.append(candidate)
                wrapped = attribute(candidate, "__wrapped__")
                following += [] if wrapped is None else [wrapped]
            elif is_a(candidate, (classmethod, staticmethod, types.MethodType)):
                following.append(candidate.__func__)
            elif is_a(candidate, property):
                following += [part for part in (candidate.fget, candidate.fset, candidate.fdel) if part is not None]
            elif is_a(candidate, (functools.partialmethod, functools.partial, functools.cached_property)):
                following.append(candidate.func)
            elif not is_a(candidate, type) and callable(attribute(candidate, "__wrapped__")):
                following.append(candidate.__wrapped__)
        candidates = following
        if not candidates:
            break
    return functions


def closure(function: types.FunctionType) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            inner[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    inner.pop("__class__", None)
    return inner


def closure_of_class(cls: type) -> dict[str, Any]:
    """What the names mean that the body of a class sees which was defined in a function: those that its methods have."""
    inner: dict[str, Any] = {}
    for value in vars(cls).values():
        for function in functions_of(value):
            inner.update(closure(function))
    return inner


def is_generated(function: types.FunctionType) -> bool:
    """Made by `dataclass`, `namedtuple` or the like from what the class body says."""
    filename = function.__code__.co_filename
    return filename.startswith("<") and not filename.startswith(("<ipython", "<stdin"))

"""Constants: the statements that define a module-level name, and when its value counts as well.

A value counts where it is plain, and its statement does not spell it out (`LIMIT = int(os.environ["LIMIT"])`), and does not come from a clock,
a random generator, the process or the place of a file: those differ in every process and mean nothing. One that can change (a list, a
dict) counts only where no function of its module changes it: a cache is no setting.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pipeline.fingerprint import values
from pipeline.fingerprint.bindings import names_bound
from pipeline.fingerprint.fleeting import is_fleeting
from pipeline.fingerprint.inside import is_a
from pipeline.fingerprint.project import main_name
from pipeline.fingerprint.values import is_scalar
from targets import seal


def live_value(
    name: str | None, value: Any, statements: list[Any], environment: Mapping[str, Any], changes: Callable[[], bool] = lambda: True
) -> str:
    """Text to be hashed beside the statements that bind this name, empty where the value does not count.

    `changes`: whether somebody may change it in place.
    """
    if statements and (_spelled_out(statements) or is_fleeting(name, statements, environment)):
        return ""
    if is_scalar(value):
        return f"={type(value).__name__}:{_placeless(_text(value))}"
    if statements and (chosen := _chosen(value)):
        return f"={chosen}"
    text = values.text(value) if statements and (values.is_fixed(value) or not changes()) else None
    return f"={seal.short_digest(_placeless(text).encode('utf-8', 'surrogatepass'))}" if text is not None else ""


def _chosen(value: Any) -> str:
    """The name of a function or class, which may be one of several that were there to choose from; a partial's with what it was given."""
    if is_a(value, functools.partial):
        given = [*value.args, *value.keywords.values()]
        return ":".join([_chosen(value.func), *(_placeless(_text(one)) for one in given if is_scalar(one))])
    if not is_a(value, (type, types.FunctionType)):
        return ""
    return f"{main_name() if value.__module__ == '__main__' else value.__module__}:{value.__qualname__}"


def contradicts(value: Any, statements: list[Any]) -> bool:
    """Whether a name holds something else than the one literal that its statement gives it."""
    statement = statements[0] if len(statements) == 1 else None
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or statement.value is None or _spelled_out([statement]) is False:
        return False
    plain = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not all(isinstance(target, ast.Name) for target in plain):
        return False
    try:
        said = ast.literal_eval(statement.value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return type(said) is not type(value) or repr(said) != repr(value)


def replaced_value(name: str, value: Any, tree: ast.Module) -> str:
    """Text to be hashed for a value that was put in the place of a literal; empty where functions of the module do that as they run."""
    if not is_scalar(value) or any(isinstance(inside, ast.Global) and name in inside.names for inside in ast.walk(tree)):
        return ""
    return f"={type(value).__name__}:{_text(value)}"


def live_attributes(cls: type, node: ast.ClassDef, skipped: Iterable[str], environment: Mapping[str, Any]) -> str:
    """Values of class attributes that the body does not spell out, and those that were assigned from elsewhere."""
    by_name: dict[str, list[Any]] = {}
    for statement in node.body:
        for name in names_bound(statement):
            by_name.setdefault(name, []).append(statement)
    texts = []
    for name, value in sorted(vars(cls).items(), key=lambda item: item[0]):
        if (name not in by_name and (name.startswith("_") or not is_scalar(value))) or name in skipped:
            continue
        text = live_value(name, value, by_name.get(name, []), environment)
        if text:
            texts.append(f";{name}{text}")
    return "".join(texts)


def live_values(function: types.FunctionType, node: Any, inner: Mapping[str, Any]) -> str:
    """Values of a function's closure and defaults that its source does not spell out."""
    texts = []
    rebound = {name for inside in ast.walk(node) if isinstance(inside, ast.Nonlocal) for name in inside.names} if inner else set()
    for name, value in sorted(inner.items()):
        if is_scalar(value) and name not in rebound:
            texts.append(f";{name}={type(value).__name__}:{_placeless(_text(value))}")
    positional = [*node.args.posonlyargs, *node.args.args]
    expressions = list(zip(positional[len(positional) - len(node.args.defaults) :], node.args.defaults, strict=True))
    for (argument, expression), value in zip(expressions, function.__defaults__ or (), strict=False):
        texts.append(_default(argument.arg, expression, value, function.__globals__))
    for argument, expression in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if expression is not None and argument.arg in (function.__kwdefaults__ or {}):
            texts.append(_default(argument.arg, expression, (function.__kwdefaults__ or {})[argument.arg], function.__globals__))
    return "".join(texts)


def _default(name: str, expression: Any, value: Any, environment: Mapping[str, Any]) -> str:
    text = live_value(None, value, [ast.Assign(targets=[], value=expression)], environment)
    return f";{name}{text}" if text else ""


def _text(value: Any) -> str:
    if isinstance(value, frozenset):
        return repr(sorted(map(_text, value)))
    if isinstance(value, tuple) and _holds_sets(value):
        return f"({', '.join(map(_text, value))})"
    return repr(value)


def _placeless(text: str) -> str:
    """The same text in whatever folder the code lies, and whoever runs it."""
    return _roots(tuple(sys.path), os.path.expanduser("~")).sub("<here>", text) if os.sep in text else text


@functools.lru_cache(maxsize=8)
def _roots(folders: tuple[str, ...], home: str) -> re.Pattern[str]:
    """Where code is found, and one's own folder, as they stand in the text of a path; the longest first."""
    found = {form for folder in (*folders, home) if folder for form in (os.path.abspath(folder), os.path.realpath(folder)) if form.strip(os.sep)}
    texts = sorted((re.escape(repr(root)[1:-1]) for root in found), key=len, reverse=True)
    return re.compile(rf"(?<=['\"])(?:{'|'.join(texts)})(?=[/\\'\"])")


def _holds_sets(value: Any) -> bool:
    return isinstance(value, frozenset) or (isinstance(value, tuple) and any(map(_holds_sets, value)))


def _spelled_out(statements: list[Any]) -> bool:
    return all(not _computes(statement) for statement in statements)


def _computes(statement: Any) -> bool:
    value = getattr(statement, "value", None)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)) or value is None:
        return True
    return any(isinstance(inside, (ast.Call, ast.Name, ast.Attribute, ast.Subscript, ast.Await)) for inside in ast.walk(value))

"""Bodies of classes and functions as they stand in the text: what they bind, and what they ask for."""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.fingerprint import inside, modules
from pipeline.fingerprint.names import Chain, References, references
from pipeline.fingerprint.sources import function_definition


def is_skipped(statement: ast.stmt, names: Iterable[str]) -> bool:
    bound = bound_by(statement)
    return bool(bound) and bound <= set(names)


def bound_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {name.id for target in statement.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign)) and isinstance(statement.target, ast.Name):
        return {statement.target.id}
    return set()


def asked_of_first(function: types.FunctionType) -> set[str]:
    """What a function asks its first argument for: `cls.LIMIT`."""
    found = function_definition(function)
    arguments = [*found[0].args.posonlyargs, *found[0].args.args] if found is not None and not isinstance(found[0], ast.ClassDef) else []
    if found is None or not arguments:
        return set()
    asked = [one for one in ast.walk(found[0]) if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name)]
    return {one.attr for one in asked if one.value.id == arguments[0].arg}  # type: ignore[attr-defined]


def asked_of_modules(value: Any) -> Iterator[tuple[str, Chain]]:
    """What a function, or those of a class, ask modules for (`features.scale`, `conf.LIMIT`), also those that they import as they run.

    Where code is pickled by value, it brings along what its names stand for, but of a module the name alone.
    """
    for function, asked in _asking(value):
        for module, rest in _named_modules(function, asked):
            yield _within(module, rest)
        for one in asked.imports:
            yield _within(modules.absolute(one.module, one.level, function.__globals__), one.chain if one.name is None else (one.name, *one.chain))


def modules_named_in(value: Any) -> set[str]:
    """The modules that a pickle of such code holds for no other reason than that names of it stand for them."""
    return {module for function, asked in _asking(value) for module, _ in _named_modules(function, asked)}


def _asking(value: Any) -> Iterator[tuple[types.FunctionType, References]]:
    for function in [value] if isinstance(value, types.FunctionType) else [one for held in vars(value).values() for one in inside.functions_of(held)]:
        found = function_definition(function)
        if found is not None:
            yield function, references(found[0])


def _named_modules(function: types.FunctionType, asked: References) -> Iterator[tuple[str, Chain]]:
    environment = {**function.__globals__, **inside.closure(function)}
    for name, *rest in asked.chains:
        if inside.is_a(module := environment.get(name), types.ModuleType):
            yield module.__name__, tuple(rest)


def _within(module: str, chain: Chain) -> tuple[str, Chain]:
    """The last module of a chain, and the name in it; what is asked of that in turn (`conf.client.url`) may cost something to find out."""
    while chain and module in sys.modules and inside.is_a(inner := vars(sys.modules[module]).get(chain[0]), types.ModuleType):
        module, chain = inner.__name__, chain[1:]
    return module, chain[:1]


def last_name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def annotations_of(node: ast.AST) -> list[ast.expr]:
    """What a function says about the types of its arguments and of its result."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return []
    given = node.args
    arguments = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [found for found in [*(one.annotation for one in arguments if one is not None), node.returns] if found is not None]


def first_name(decorator: ast.expr) -> str:
    while not isinstance(decorator, ast.Name):
        inner = getattr(decorator, "func", None) or getattr(decorator, "value", None)
        if inner is None:
            return ""
        decorator = inner
    return decorator.id


def shown_class(node: ast.ClassDef, decorators: list[ast.expr], body: list[ast.stmt]) -> ast.ClassDef:
    shown = ast.ClassDef(name=node.name, bases=node.bases, keywords=node.keywords, body=body or [ast.Pass()], decorator_list=decorators)
    shown.type_params = []  # type: ignore[attr-defined]
    return shown


def default_of(statement: ast.stmt) -> ast.expr | None:
    """The default that a statement of a class gives to a parameter."""
    made = getattr(statement, "value", None)
    if not isinstance(made, ast.Call):
        return None
    named = [keyword.value for keyword in made.keywords if keyword.arg == "default"]
    return named[0] if named else made.args[0] if made.args else None

"""Which statements bind a name, or change what it holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

#: Statements with others in them; their conditions decide what the others make of a name.
COMPOUND = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While, ast.Match)
_CHANGES = frozenset(
    "append add update setdefault pop popitem clear extend insert remove discard sort reverse appendleft popleft extendleft fill put".split()
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def statements_about(name: str, body: list[ast.stmt]) -> list[ast.stmt]:
    """Those of a body, in the order of the text, that bind a name or change what it holds, themselves or in one that they contain."""
    return [statement for statement in body if touches(name, statement)]


def touches(name: str, statement: ast.stmt) -> bool:
    if not isinstance(statement, COMPOUND):
        return _binds(name, statement)
    return any(_binds(name, inside) for inside in ast.walk(statement) if isinstance(inside, ast.stmt))


def names_bound(statement: ast.stmt) -> set[str]:
    """The names that an assignment binds, or those in a compound statement."""
    inner = ast.walk(statement) if isinstance(statement, COMPOUND) else [statement]
    targets = [target for inside in inner if isinstance(inside, ast.stmt) for target in _targets(inside)]
    return {part.id for target in targets for part in _flat(target) if isinstance(part, ast.Name)}


def imported_from(name: str, statements: list[ast.stmt]) -> Iterator[tuple[str, int, str, bool]]:
    """(module, level, original name, whether by `*`) where the last thing that binds a name is a plain import from elsewhere, the last first."""
    for statement in reversed(statements):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name or alias.name == "*":
                    yield statement.module or "", statement.level, name if alias.name == "*" else alias.name, alias.name == "*"
        elif not isinstance(statement, ast.Import):
            return


def is_passed_on(name: str, statements: list[ast.stmt]) -> bool:
    """Whether these only give a name to what is there already (`for step in (A, B)`, `chosen = A`), and nothing in them changes it."""
    inner = [inside for statement in statements for inside in (ast.walk(statement) if isinstance(statement, COMPOUND) else [statement])]
    about = [inside for inside in inner if isinstance(inside, ast.stmt) and _binds(name, inside)]
    return bool(about) and all(_passes_on(name, statement) for statement in about)


def _passes_on(name: str, statement: ast.stmt) -> bool:
    if not isinstance(statement, (ast.For, ast.Assign)):
        return False
    targets = [part for target in _targets(statement) for part in _flat(target)]
    plain = all(isinstance(target, ast.Name) for target in targets if _root(target) == name)
    given = statement.iter if isinstance(statement, ast.For) else statement.value
    return plain and not any(isinstance(inside, ast.Call) for inside in ast.walk(given))


def setters(tree: ast.Module) -> dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions of a module by the names of it that they bind (`global LIMIT`)."""
    found: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    waiting: list[tuple[ast.AST, ast.FunctionDef | ast.AsyncFunctionDef | None]] = [(tree, None)]
    while waiting:
        node, function = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node
        elif isinstance(node, ast.Global) and function is not None:
            for name in node.names:
                found.setdefault(name, []).append(function)
        waiting += [(child, function) for child in ast.iter_child_nodes(node)]
    return found


def changed_names(tree: ast.Module) -> frozenset[str]:
    """The names of a module of which a function of it changes what they hold."""
    found: set[str | None] = set()
    # What a function binds itself is another thing of the same name.
    waiting: list[tuple[ast.AST, bool, frozenset[str]]] = [(tree, False, frozenset())]
    while waiting:
        node, is_inside, own = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            is_inside, own = True, (own | _bound_in(node)) - _declared_global(node)
        root: str | None = None
        if is_inside:
            if isinstance(node, ast.Global):
                found.update(node.names)
            elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
                root = _root(node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
                root = _root(node.func)
        if root not in own:
            found.add(root)
        waiting += [(child, is_inside, own) for child in ast.iter_child_nodes(node)]
    return frozenset(name for name in found if name is not None)


def _bound_in(function: Any) -> frozenset[str]:
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = {argument.arg for argument in listed if argument is not None}
    waiting = list(function.body) if isinstance(function.body, list) else [function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def _declared_global(function: Any) -> frozenset[str]:
    return frozenset(name for inside in ast.walk(function) if isinstance(inside, ast.Global) for name in inside.names)


def _binds(name: str, statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.split(".")[0]) == name or alias.name == "*" for alias in statement.names)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == name
    return any(_root(part) == name for target in _targets(statement) for part in _flat(target))


def _targets(statement: ast.stmt) -> list[Any]:
    if isinstance(statement, (ast.Assign, ast.Delete)):
        return list(statement.targets)
    if isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For)):
        return [statement.target]
    if isinstance(statement, ast.With):
        return [item.optional_vars for item in statement.items if item.optional_vars is not None]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
        return [statement.value.func.value]  # `TABLE.update(...)`, `INDEX.setdefault(k, []).append(...)`
    return []


def _flat(target: Any) -> list[Any]:
    return [part for item in target.elts for part in _flat(item)] if isinstance(target, (ast.Tuple, ast.List)) else [target]


def _root(target: Any) -> str | None:
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred, ast.Call)):
        if isinstance(target, ast.Call):
            if not isinstance(target.func, ast.Attribute):
                return None  # what `Name(...)` gives is another thing than `Name`
            target = target.func
        target = target.value
    return target.id if isinstance(target, ast.Name) else None

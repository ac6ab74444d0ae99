"""Names: what a piece of code refers to outside of itself.

Every reference is a chain (`functions.clean` is `("functions", "clean")`) that begins with a name the piece does
not bind, in any of its nested functions, classes and comprehensions; `self.x` and locals are not references. What
it imports itself is listed as imports, and chains that begin with such a name are given as `Imported`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

Chain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """Something a function imports when it runs: a module, or a name in it; and the chain read from it."""

    module: str
    level: int
    name: str | None
    chain: Chain


@dataclass(slots=True)
class References:
    """What a piece of code refers to, in the order of the text."""

    chains: dict[Chain, None]
    imports: dict[Imported, None]
    #: Modules that are imported, whatever is done with them: (name, level).
    modules: dict[tuple[str, int], None]


def children(node: ast.AST) -> list[Any]:
    """The nodes directly below one, without contexts; `ast.iter_child_nodes` costs twice as much."""
    found: list[Any] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [item for item in value if isinstance(item, ast.AST)]  # type: ignore[union-attr]
        elif isinstance(value, ast.AST) and name != "ctx":
            found.append(value)
    return found


def references(nodes: ast.AST | list[Any]) -> References:
    """Everything that these nodes refer to; decorators and defaults of a definition included."""
    found = References({}, {}, {})
    walker = _Walker(found)
    for node in nodes if isinstance(nodes, list) else [nodes]:
        walker.visit(node)
    return found


class _Scope:
    def __init__(self, names: set[str], imports: dict[str, list[Imported]], *, is_class: bool = False) -> None:
        self.names = names
        self.imports = imports
        self.is_class = is_class


class _Walker(ast.NodeVisitor):
    def __init__(self, found: References) -> None:
        self._found = found
        self._scopes: list[_Scope] = []

    # References

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            self._refer((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        chain: list[str] = [node.attr]
        value: ast.expr = node.value
        while isinstance(value, ast.Attribute):
            chain.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name):
            self._refer((value.id, *reversed(chain)))
        else:
            self.visit(value)

    def _refer(self, chain: Chain) -> None:
        for scope in reversed(self._scopes):
            # The names of a class body are not seen from its methods.
            if scope.is_class and scope is not self._scopes[-1]:
                continue
            if chain[0] in scope.imports:
                for imported in scope.imports[chain[0]]:  # one in each branch, perhaps
                    self._found.imports[Imported(imported.module, imported.level, imported.name, (*imported.chain, *chain[1:]))] = None
                return
            if chain[0] in scope.names:
                return
        self._found.chains[chain] = None

    # Scopes

    def _function(self, node: Any) -> None:
        for outside in [*node.decorator_list, *node.args.defaults, *[default for default in node.args.kw_defaults if default is not None]]:
            self.visit(outside)
        self._enter(_bindings(node.body, node.args), node.body)

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:  # noqa: N802
        for outside in [*node.args.defaults, *[default for default in node.args.kw_defaults if default is not None]]:
            self.visit(outside)
        self._enter(_bindings([node.body], node.args), [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        for outside in [*node.decorator_list, *node.bases, *[keyword.value for keyword in node.keywords]]:
            self.visit(outside)
        # A name that a class body binds may be read in it before it is bound (`COLUMNS = COLUMNS`): then it is the one outside.
        scope = _Scope(set(), {}, is_class=True)
        self._scopes.append(scope)
        for statement in node.body:
            self.visit(statement)
            bound = _bindings([statement], None)
            scope.names |= bound.names
            for name, several in bound.imports.items():
                scope.imports.setdefault(name, []).extend(several)
        self._scopes.pop()

    def _comprehension(self, node: Any) -> None:
        self.visit(node.generators[0].iter)
        names = {name.id for generator in node.generators for name in ast.walk(generator.target) if isinstance(name, ast.Name)}
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._scopes.append(_Scope(names, {}))
        for at, generator in enumerate(node.generators):
            if at:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for result in results:
            self.visit(result)
        self._scopes.pop()

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def _enter(self, scope: _Scope, body: list[Any]) -> None:
        self._scopes.append(scope)
        for statement in body:
            self.visit(statement)
        self._scopes.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        # Annotations of a class body may name a default factory's type; they are hashed, not followed.
        if node.value is not None:
            self.visit(node.value)
        if not isinstance(node.target, ast.Name):
            self.visit(node.target)

    def visit_arg(self, node: ast.arg) -> None:
        return

    def visit_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            self._found.modules[alias.name, 0] = None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        self._found.modules[node.module or "", node.level] = None


def _imports(node: ast.Import | ast.ImportFrom) -> dict[str, Imported]:
    found: dict[str, Imported] = {}
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            found[alias.asname or alias.name] = Imported(node.module or "", node.level, alias.name, ())
        elif alias.asname:
            found[alias.asname] = Imported(alias.name, 0, None, ())
        else:
            # `import a.b` binds `a`, and makes `a.b` available through it.
            found[alias.name.split(".")[0]] = Imported(alias.name.split(".")[0], 0, None, ())
    return found


def _bindings(body: list[Any], arguments: ast.arguments | None) -> _Scope:
    """The names that a function or class body binds, nested scopes left out."""
    names: set[str] = set()
    outside: set[str] = set()
    imports: dict[str, list[Imported]] = {}
    if arguments is not None:
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        names.update(argument.arg for argument in every if argument is not None)
    waiting: list[Any] = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            outside.update(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for name, imported in _imports(node).items():
                imports.setdefault(name, []).append(imported)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
        if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            # Its targets are its own; a walrus inside binds here.
            waiting.extend(inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
            continue
        waiting += children(node)
    return _Scope(names - outside, {name: several for name, several in imports.items() if name not in outside})

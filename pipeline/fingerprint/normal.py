"""Normal form: what of a piece of code has a meaning.

Two pieces have the same form exactly if they differ only in comments, blank lines, formatting, docstrings and
annotations of arguments, results and locals. Annotations in a class body stay: dataclasses live by them. The
form does not depend on the version of Python; `text` is what a person is shown in a diff.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

#: Positions, contexts and what only some versions of Python have.
_SILENT = frozenset({"lineno", "col_offset", "end_lineno", "end_col_offset", "ctx", "kind", "type_comment", "type_ignores", "type_params"})


def form(node: ast.AST | list[Any], *, in_class: bool = False) -> str:
    """The normal form, as a string to be hashed. `in_class`: the node stands in a class body."""
    pieces: list[str] = []
    _write(node, pieces, in_class)
    return "".join(pieces)


def _write(value: Any, pieces: list[str], in_class: bool) -> None:
    kind = type(value)
    if kind is ast.Name:
        pieces.append(f"Name({value.id})")
    elif kind is ast.Constant:
        pieces.append(f"{type(value.value).__name__}:{value.value!r};")
    elif kind is list:
        pieces.append("[")
        for item in value:
            _write(item, pieces, in_class)
            pieces.append(",")
        pieces.append("]")
    elif kind in _SPECIAL:
        _SPECIAL[kind](value, pieces, in_class)
    elif isinstance(value, ast.AST):
        pieces.append(kind.__name__)
        pieces.append("(")
        _write_fields(value, value._fields, pieces, in_class)
        pieces.append(")")
    else:
        pieces.append(f"{value!r};")


def _write_fields(node: ast.AST, names: Any, pieces: list[str], in_class: bool) -> None:
    for name in names:
        if name in _SILENT:
            continue
        item = getattr(node, name, None)
        if item is None or item == []:
            continue
        pieces.append(name)
        pieces.append("=")
        _write(item, pieces, in_class)


def _write_function(node: Any, pieces: list[str], in_class: bool) -> None:
    pieces.append(f"{type(node).__name__}(name={node.name};")
    _write_fields(node, ("args", "decorator_list"), pieces, in_class)
    _write(without_docstring(node.body), pieces, False)
    pieces.append(")")


def _write_class(node: ast.ClassDef, pieces: list[str], in_class: bool) -> None:
    pieces.append(f"ClassDef(name={node.name};")
    _write_fields(node, ("bases", "keywords", "decorator_list"), pieces, in_class)
    _write(without_docstring(node.body), pieces, True)
    pieces.append(")")


def _write_argument(node: ast.arg, pieces: list[str], _: bool) -> None:
    pieces.append(f"arg({node.arg})")


def _write_annotated(node: ast.AnnAssign, pieces: list[str], in_class: bool) -> None:
    if in_class:
        pieces.append("AnnAssign(")
        _write_fields(node, node._fields, pieces, in_class)
        pieces.append(")")
    elif node.value is not None:
        # A bare annotation of a local says nothing at run time; one with a value is an assignment.
        pieces.append("Assign(targets=[")
        _write(node.target, pieces, in_class)
        pieces.append(",]value=")
        _write(node.value, pieces, in_class)
        pieces.append(")")


def _write_if(node: ast.If, pieces: list[str], in_class: bool) -> None:
    if _only_for_type_checkers(node):
        _write(node.orelse, pieces, in_class)
        return
    pieces.append("If(")
    _write_fields(node, node._fields, pieces, in_class)
    pieces.append(")")


def _write_f_string(node: ast.JoinedStr, pieces: list[str], in_class: bool) -> None:
    pieces.append("f(")
    for part in _joined(node.values):
        _write(part, pieces, in_class)
    pieces.append(")")


def _only_for_type_checkers(node: ast.If) -> bool:
    return (node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")) == "TYPE_CHECKING"


_SPECIAL: dict[type, Any] = {
    ast.FunctionDef: _write_function,
    ast.AsyncFunctionDef: _write_function,
    ast.ClassDef: _write_class,
    ast.arg: _write_argument,
    ast.AnnAssign: _write_annotated,
    ast.If: _write_if,
    ast.JoinedStr: _write_f_string,
}


def _joined(values: list[Any]) -> list[Any]:
    """Neighbouring constants of an f-string as one: versions of Python cut them differently."""
    joined: list[Any] = []
    for value in values:
        if isinstance(value, ast.Constant) and joined and isinstance(joined[-1], ast.Constant):
            joined[-1] = ast.Constant(str(joined[-1].value) + str(value.value))
        elif not (isinstance(value, ast.Constant) and value.value == ""):  # Python 3.12 has empty ones
            joined.append(value)
    return joined


def text(nodes: list[Any]) -> str:
    """Code as a person reads it in a diff, without what has no meaning."""
    shown = []
    for node in nodes:
        cleaned = _Cleaner().visit(copy.deepcopy(node))
        if cleaned is not None:
            shown.append(ast.unparse(ast.fix_missing_locations(cleaned)))
    return "\n".join(shown)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Nor strings that stand below what they describe: as statements they do nothing."""
    kept = [one for one in body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) and isinstance(one.value.value, str))]
    return kept or [ast.Pass()]


class _Cleaner(ast.NodeTransformer):
    def __init__(self) -> None:
        self._in_class = False

    def _function(self, node: Any) -> Any:
        outer, self._in_class = self._in_class, False
        node.returns = None
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]:
            if argument is not None:
                argument.annotation = None
        node.body = without_docstring(node.body)
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        self._in_class = outer
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:  # noqa: N802
        outer, self._in_class = self._in_class, True
        node.body = without_docstring(node.body)
        self.generic_visit(node)
        self._in_class = outer
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:  # noqa: N802
        self.generic_visit(node)
        if self._in_class:
            return node
        # A bare annotation of a local says nothing at run time.
        return ast.Assign(targets=[node.target], value=node.value) if node.value is not None else None

    def visit_If(self, node: ast.If) -> Any:  # noqa: N802
        if not _only_for_type_checkers(node):
            return self.generic_visit(node)
        kept = [self.visit(statement) for statement in node.orelse]
        return [statement for statement in kept if statement is not None] or ast.Pass()

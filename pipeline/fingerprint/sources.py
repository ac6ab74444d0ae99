"""Sources: the text of loaded code, parsed once a process, and where in it something is defined.

Promises that a definition that is handed out is the one that was loaded: it is compiled and compared with the
function in memory. Where the file was edited after it was imported, or a stale `.pyc` was loaded, `StaleSourceError`
says so rather than let a lie be recorded. Code without any source (typed into a prompt) has no definition.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
import os
import sys
import tokenize
import types
from typing import Any

from pipeline.errors import StaleSourceError
from pipeline.fingerprint import bindings, inside
from pipeline.fingerprint.names import children
from pipeline.fingerprint.rewriting import codes_in, first_line, is_same_code, rewritten_definition

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

_parsed: dict[str, Source | None] = {}


class Source:
    """One parsed file (or cell of a notebook)."""

    def __init__(self, filename: str, text: str) -> None:
        self.filename = filename
        self.text = text
        self.tree = ast.parse(text, filename)
        self._state = _state_of(filename)
        self.definitions: dict[str, list[Definition]] = {}
        self.lambdas: dict[int, list[ast.Lambda]] = {}
        self._codes: dict[tuple[str, int], list[types.CodeType]] | None = None
        self._index(self.tree, "")

    @functools.cached_property
    def changed(self) -> frozenset[str]:
        """Names of the module of which its functions change what they hold."""
        return bindings.changed_names(self.tree)

    @functools.cached_property
    def setters(self) -> dict[str, list[Any]]:
        """The functions of the module by the names of it that they bind."""
        return bindings.setters(self.tree) if "global" in self.text else {}

    def _index(self, tree: ast.AST, prefix: str) -> None:
        waiting: list[tuple[ast.AST, str]] = [(tree, prefix)]
        has_lambdas = "lambda" in self.text
        while waiting:
            node, within = waiting.pop()
            for child in children(node):
                if isinstance(child, ast.expr) and not has_lambdas:
                    continue  # nothing in it could be a definition
                inner = within
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    self.definitions.setdefault(within + child.name, []).append(child)
                    inner = f"{within}{child.name}.<locals>."
                elif isinstance(child, ast.ClassDef):
                    self.definitions.setdefault(within + child.name, []).append(child)
                    inner = f"{within}{child.name}."
                elif isinstance(child, ast.Lambda):
                    self.lambdas.setdefault(child.lineno, []).append(child)
                waiting.append((child, inner))
        for found in self.definitions.values():
            found.sort(key=lambda definition: definition.lineno)

    def codes(self, name: str, line: int) -> list[types.CodeType]:
        """The compiled code of a function by qualified name and first line; several where a line has several lambdas."""
        if self._codes is None:
            self._codes = {}
            for code in codes_in(compile(self.text, self.filename, "exec", dont_inherit=True)):
                self._codes.setdefault((code.co_qualname, code.co_firstlineno), []).append(code)
        return self._codes.get((name, line), [])

    def is_outdated(self) -> bool:
        """Whether the file was written again. Then it is parsed anew when it is next asked for: the module may have been reloaded."""
        if self._state == _state_of(self.filename):
            return False
        _parsed.pop(self.filename, None)
        return True


def _state_of(filename: str) -> tuple[int, int] | None:
    try:
        found = os.stat(filename)
    except (OSError, ValueError):  # a cell of a notebook has no file, and may have a name that none could have
        return None
    return found.st_mtime_ns, found.st_size


def source_of(filename: str, module: str | None = None) -> Source | None:
    """The parsed source of a file, None where there is none. Kept: it is what the loaded code came from."""
    if filename not in _parsed:
        _parsed[filename] = _read(filename, module)
    return _parsed[filename]


def _read(filename: str, module: str | None) -> Source | None:
    text = _text_of(filename, module)
    if text is None:
        return None
    try:
        return Source(filename, text)
    except (SyntaxError, ValueError):
        return None


def _text_of(filename: str, module: str | None) -> str | None:
    # No file: a cell of a notebook, or a module in an archive.
    with contextlib.suppress(OSError, SyntaxError, UnicodeDecodeError), tokenize.open(filename) as file:
        return file.read()
    known = linecache.cache.get(filename)
    if known is not None and len(known) > 2:
        return "".join(known[2])
    if filename.startswith("<"):
        return None  # made by `exec`, in a module that has a source of its own
    loader = getattr(sys.modules.get(module or ""), "__loader__", None)
    try:
        return loader.get_source(module) if hasattr(loader, "get_source") else None  # type: ignore[union-attr]
    except (ImportError, OSError):
        return None


def home(function: types.FunctionType) -> str:
    """The module in which a function's code stands. Its `__module__` may be another one: `functools.wraps` copies that."""
    return str(function.__globals__.get("__name__") or function.__module__)


def function_definition(function: types.FunctionType) -> tuple[Definition, Source] | None:
    """Where a loaded function is defined; None without source, `StaleSourceError` if the source is another one."""
    code = function.__code__
    if type(code) is not types.CodeType:  # of a wrapper of `wrapt`, which may show the function with another signature
        code = inside.attribute(code, "__wrapped__") or code
    for _ in (1, 2):
        source = source_of(code.co_filename, home(function))
        if source is None:
            return None
        found = _find(source, code)
        compiled = source.codes(code.co_qualname, code.co_firstlineno)
        if found is not None and (_rewritten(function) or any(is_same_code(one, code) for one in compiled)):
            return found, source
        found = rewritten_definition(code, home(function), source)
        if found is not None:
            return found, source
        # The module may have been reloaded since its file was parsed: look once more.
        _parsed.pop(code.co_filename)
    raise StaleSourceError(
        f"{function.__module__}.{function.__qualname__} in memory is not what {code.co_filename} says: "
        f"the file was edited after it was imported, or a stale .pyc was loaded. Start Python again"
    )


def _find(source: Source, code: types.CodeType) -> Definition | None:
    if code.co_name == "<lambda>":
        candidates = source.lambdas.get(code.co_firstlineno, [])
        if len(candidates) > 1:
            # Several on one line: told apart by where their bodies stand, else by what they are compiled to.
            places = set(code.co_positions())
            candidates = [node for node in candidates if _place(node.body) in places] or [
                node for node in candidates if is_same_code(_compiled_lambda(node), code)
            ]
        return candidates[0] if candidates else None
    for definition in source.definitions.get(code.co_qualname, []):
        if first_line(definition) == code.co_firstlineno:
            return definition
    return None


def _place(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.end_lineno, node.col_offset, node.end_col_offset


def _compiled_lambda(node: ast.Lambda) -> types.CodeType:
    compiled = compile(ast.Expression(node), "<lambda>", "eval", dont_inherit=True)
    return next(constant for constant in compiled.co_consts if isinstance(constant, types.CodeType))


def _rewritten(function: types.FunctionType) -> bool:
    # pytest compiles test modules with its own assert statements; their source is the right one all the same.
    return "@pytest_ar" in function.__globals__


def class_definition(cls: type) -> tuple[ast.ClassDef, Source] | None:
    """Where a loaded class is defined: beside one of its functions, else the last of that name in its module."""
    for value in vars(cls).values():
        function = inside.attribute(value, "__func__") or value
        function = inside.attribute(function, "fget") or function
        if inside.is_a(function, types.FunctionType) and function.__qualname__ == f"{cls.__qualname__}.{function.__name__}":
            source = source_of(function.__code__.co_filename, function.__module__)
            found = _class_in(source, cls, function.__code__.co_firstlineno) if source is not None else None
            if found is not None:
                return found
    for source in reversed(module_sources(cls.__module__)):
        found = _class_in(source, cls, None)
        if found is not None:
            return found
    return None


def _class_in(source: Source | None, cls: type, line: int | None) -> tuple[ast.ClassDef, Source] | None:
    definitions = [node for node in source.definitions.get(cls.__qualname__, []) if isinstance(node, ast.ClassDef)] if source else []
    if source is None or not definitions:
        return None
    if line is not None:
        around = [node for node in definitions if node.lineno <= line <= (node.end_lineno or node.lineno)]
        return (around[0], source) if around else None
    return definitions[-1], source


def module_sources(module: str) -> list[Source]:
    """The sources of a module: one file, or the cells of a notebook in the order of their execution."""
    loaded: Any = sys.modules.get(module)
    filename = getattr(loaded, "__file__", None)
    if filename:
        if filename.endswith(".pyc"):
            import importlib.util

            try:
                filename = importlib.util.source_from_cache(filename)
            except ValueError:
                return []  # it was deployed in the place of its source
        source = source_of(filename, module)
        return [source] if source is not None else []
    cells = getattr(loaded, "In", None) if module == "__main__" else None
    sources = []
    for at, text in enumerate(cells or []):
        name = f"<cell {at}> {text}"
        if name not in _parsed:
            try:
                _parsed[name] = Source(name, text)
            except SyntaxError:
                _parsed[name] = None
        cell = _parsed[name]
        if cell is not None:
            sources.append(cell)
    return sources


def about(name: str, module: str) -> tuple[list[Source], list[ast.stmt]]:
    """The sources of a module, and the statements in them that bind or change this name."""
    sources = module_sources(module)
    return sources, [statement for source in sources for statement in bindings.statements_about(name, source.tree.body)]

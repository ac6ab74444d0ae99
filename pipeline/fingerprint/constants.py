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
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipeline.fingerprint import values
from pipeline.fingerprint.values import is_scalar
from targets import seal

_FLEETING_MODULES = frozenset({"time", "uuid", "random", "secrets", "tempfile", "socket", "getpass", "platform", "threading", "logging"})
_FLEETING_NAMES = frozenset(
    """getpid getppid now today utcnow urandom uuid1 uuid4 perf_counter monotonic
    gethostname mkdtemp mkstemp getLogger id object""".split()
)
#: Where something lies, which means nothing unless it is read there. What the place of the code tells is the same in every folder: `_placeless`.
_OF_CODE = frozenset("__file__ __path__ __spec__".split())
_PLACES = frozenset("getcwd cwd resolve absolute abspath home expanduser".split())
_READS = frozenset("read read_text read_bytes readlines open load loads safe_load loadtxt genfromtxt".split())
_CHANGES = frozenset(
    "append add update setdefault pop popitem clear extend insert remove discard sort reverse appendleft popleft extendleft fill put".split()
)


def live_value(value: Any, statements: list[Any], environment: Mapping[str, Any], changes: Callable[[], bool] = lambda: True) -> str:
    """Text to be hashed beside the statements, empty where the value does not count. `changes`: whether somebody may change it in place."""
    if statements and (_spelled_out(statements) or _is_fleeting(statements, environment)):
        return ""
    if is_scalar(value):
        return f"={type(value).__name__}:{_placeless(_text(value))}"
    text = values.text(value) if statements and (values.is_fixed(value) or not changes()) else None
    return f"={seal.short_digest(_placeless(text).encode('utf-8', 'surrogatepass'))}" if text is not None else ""


def changed_names(tree: ast.Module) -> frozenset[str]:
    """The names of a module of which a function of it changes what they hold."""
    found: set[str | None] = set()
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_inside = waiting.pop()
        if is_inside:
            if isinstance(node, ast.Global):
                found.update(node.names)
            elif isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
                found.add(_root(node))
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
                found.add(_root(node.func))
        is_inside = is_inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        waiting += [(child, is_inside) for child in ast.iter_child_nodes(node)]
    return frozenset(name for name in found if name is not None)


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


def live_attribute(value: Any, statements: list[Any]) -> str:
    return live_value(value, statements, {})


def live_attributes(cls: type, node: ast.ClassDef, skipped: Iterable[str]) -> str:
    """Values of class attributes that the body does not spell out, and those that were assigned from elsewhere."""
    by_name: dict[str, list[Any]] = {}
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name):
                by_name.setdefault(target.id, []).append(statement)
    texts = []
    for name, value in sorted(vars(cls).items(), key=lambda item: item[0]):
        if (name not in by_name and (name.startswith("_") or not is_scalar(value))) or name in skipped:
            continue
        text = live_value(value, by_name.get(name, []), {})
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
    text = live_value(value, [ast.Assign(targets=[], value=expression)], environment)
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


def _is_fleeting(statements: list[Any], environment: Mapping[str, Any]) -> bool:
    for statement in statements:
        names = {getattr(inside, "id", getattr(inside, "attr", None)) for inside in ast.walk(statement)}
        is_told = not names.isdisjoint(_READS | _OF_CODE)
        for inside in ast.walk(statement):
            name = inside.id if isinstance(inside, ast.Name) else inside.attr if isinstance(inside, ast.Attribute) else None
            if name is None:
                continue
            if name in _FLEETING_NAMES or name in _FLEETING_MODULES or (name in _PLACES and not is_told):
                return True
            known = environment.get(name) if isinstance(inside, ast.Name) else None
            module = known.__name__ if isinstance(known, types.ModuleType) else getattr(known, "__module__", None)
            if isinstance(module, str) and module.split(".")[0] in _FLEETING_MODULES:
                return True
    return False


def statements_about(name: str, body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements at module level that bind a name, or change what it holds, in the order of the text."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, (ast.If, ast.Try, ast.With, ast.For, ast.While)) and _touches(name, statement):
            # The condition decides what the name is, so it belongs to it.
            found.append(statement)
        elif _binds(name, statement):
            found.append(statement)
    return found


def _touches(name: str, statement: ast.stmt) -> bool:
    return any(_binds(name, inside) for inside in ast.walk(statement) if isinstance(inside, ast.stmt))


def _binds(name: str, statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return any((alias.asname or alias.name.split(".")[0]) == name or alias.name == "*" for alias in statement.names)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return statement.name == name
    targets: list[Any] = []
    if isinstance(statement, (ast.Assign, ast.Delete)):
        targets = list(statement.targets)
    elif isinstance(statement, (ast.AnnAssign, ast.AugAssign, ast.For)):
        targets = [statement.target]
    elif isinstance(statement, ast.With):
        targets = [item.optional_vars for item in statement.items if item.optional_vars is not None]
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and isinstance(statement.value.func, ast.Attribute):
        # `TABLE.update(...)`, `LIST.append(...)`
        targets = [statement.value.func.value]
    return any(_root(part) == name for target in targets for part in _flat(target))


def _flat(target: Any) -> list[Any]:
    return [part for item in target.elts for part in _flat(item)] if isinstance(target, (ast.Tuple, ast.List)) else [target]


def _root(target: Any) -> str | None:
    while isinstance(target, (ast.Subscript, ast.Attribute, ast.Starred)):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def imported_from(name: str, statements: list[ast.stmt]) -> Iterator[tuple[str, int, str, bool]]:
    """(module, level, original name, whether by `*`) where the last thing that binds a name is a plain import from elsewhere, the last first."""
    for statement in reversed(statements):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) == name or alias.name == "*":
                    yield statement.module or "", statement.level, name if alias.name == "*" else alias.name, alias.name == "*"
        elif not isinstance(statement, ast.Import):
            return

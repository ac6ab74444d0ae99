"""Whether what a name holds comes from a clock, a random generator, the process or the place of a file: that differs in every process.

Asked are the expressions that are bound to the name, and those that decide about it; what else a statement does (it logs, say) is not.
"""

from __future__ import annotations

import ast
import datetime
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.fingerprint.bindings import COMPOUND, statements_about, touches
from pipeline.fingerprint.inside import is_a
from pipeline.fingerprint.sources import module_sources

_MODULES = frozenset({"time", "uuid", "random", "secrets", "tempfile", "socket", "getpass", "platform", "threading", "logging"})
_BUILTINS = frozenset({"id", "object"})
_CALLS = frozenset(
    """getpid getppid now today utcnow urandom uuid1 uuid4 perf_counter monotonic
    gethostname mkdtemp mkstemp getLogger""".split()
)
#: Where something lies, which means nothing unless it is read there. What the place of the code tells is the same in every folder.
_OF_CODE = frozenset("__file__ __path__ __spec__".split())
_PLACES = frozenset("getcwd cwd resolve absolute abspath home expanduser".split())
_OF_PLACES = frozenset({"os", "posix", "nt", "posixpath", "ntpath", "pathlib"})
_READS = frozenset("read read_text read_bytes readlines open load loads safe_load loadtxt genfromtxt".split())
#: Whoever starts the program says where.
_GIVEN = frozenset("environ getenv".split())
_NOTHING = object()
_MOMENTS = (int, float, str, datetime.date, datetime.time, datetime.timedelta)
#: How far it is followed from name to name.
_STEPS = 5


def is_fleeting(
    name: str | None, statements: Iterable[ast.stmt], environment: Mapping[str, Any], asked: tuple[str, ...] = (), *, places: bool = True
) -> bool:
    """`name` None: of each statement the value is meant, whatever it is bound to. `asked`: the names that are made of it."""
    for statement in statements:
        every = [node for expression in _said(name, statement) for node in ast.walk(expression)]
        # What a comprehension or a lambda binds is not the module's, whatever its name.
        own = {node.arg for node in every if isinstance(node, ast.arg)}
        own |= {node.id for node in every if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        inside = [node for node in every if not (isinstance(node, ast.Name) and node.id in own)]
        called = {id(node.func) for node in inside if isinstance(node, ast.Call)}
        words = {getattr(node, "id", getattr(node, "attr", None)) for node in inside}
        is_told = not words.isdisjoint(_READS | _OF_CODE | _GIVEN)
        if any(_is_one(node, id(node) in called, is_told or not places, environment) for node in inside):
            return True
        if len(asked) < _STEPS and any(_is_made_of_one(node, environment, asked) for node in inside if isinstance(node, ast.Name)):
            return True
    return False


def _is_made_of_one(node: ast.Name, environment: Mapping[str, Any], asked: tuple[str, ...]) -> bool:
    """Whether this is another name of the module for a moment or a number of the kind: `START + 60`.

    An object may hold other things beside; and what is read from a place is the same wherever that lies.
    """
    if node.id in asked or not is_a(environment.get(node.id), _MOMENTS):
        return False
    sources = module_sources(environment.get("__name__", ""))
    statements = [statement for source in sources for statement in statements_about(node.id, source.tree.body)]
    return is_fleeting(node.id, statements, environment, (*asked, node.id), places=False)


def _said(name: str | None, statement: ast.AST) -> Iterator[ast.expr]:
    if name is None or not isinstance(statement, COMPOUND):
        yield from _given(name, statement)
        return
    for field, part in ast.iter_fields(statement):
        if isinstance(part, ast.expr) and field != "target":
            yield part
        for item in part if isinstance(part, list) else ():
            if isinstance(item, ast.withitem):
                yield item.context_expr
            for inner in [item] if isinstance(item, ast.stmt) else getattr(item, "body", ()):  # of a handler, or a case
                if touches(name, inner):
                    yield from _said(name, inner)


def _given(name: str | None, statement: ast.AST) -> list[ast.expr]:
    """What is bound to a name: of `A, B = 1, 2` its part alone."""
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Assign) and isinstance(value, (ast.Tuple, ast.List)) and name is not None:
        rows = [target.elts for target in statement.targets if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(value.elts)]
        if not any(isinstance(part, ast.Starred) for row in [*rows, value.elts] for part in row):
            found = [given for row in rows for part, given in zip(row, value.elts, strict=True) if isinstance(part, ast.Name) and part.id == name]
            if found:
                return found
    return [] if value is None else [value]


def _is_one(node: ast.AST, is_called: bool, is_told: bool, environment: Mapping[str, Any]) -> bool:
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    found = _resolved(node, environment)
    word = node.id if isinstance(node, ast.Name) else node.attr
    module = _module_of(found)
    if module.split(".")[0] in _MODULES or module.startswith("numpy.random"):
        return True
    if is_called and word in _CALLS:
        return True
    if isinstance(node, ast.Name):
        if found is _NOTHING:
            return word in _BUILTINS or word in _MODULES
        return is_called and word in _PLACES and not is_told and module.split(".")[0] in _OF_PLACES
    return is_called and word in _PLACES and not is_told


def _resolved(node: ast.AST, environment: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return environment.get(node.id, _NOTHING)
    base = _resolved(node.value, environment) if isinstance(node, ast.Attribute) else _NOTHING
    if not isinstance(node, ast.Attribute) or not is_a(base, (types.ModuleType, type)):
        return _NOTHING
    return vars(base).get(node.attr, _NOTHING)


def _module_of(found: Any) -> str:
    try:
        module = found.__name__ if isinstance(found, types.ModuleType) else getattr(found, "__module__", None)
    except Exception:  # whatever an app has made
        return ""
    return module if isinstance(module, str) else ""

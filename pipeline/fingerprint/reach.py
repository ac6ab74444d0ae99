"""The walk: everything that a task class reaches by name, cut into named pieces.

It walks what is loaded, so that re-exports, `import as`, decorators, closures and partials lead where they lead at
run time, and hashes the source of what it meets. References to other task classes end it (rule 6 covers them); an
attribute read from one does not. It imports project modules that a function imports when it runs, never libraries.
"""

from __future__ import annotations

import ast
import builtins
import enum
import functools
import logging
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

import luigi

from pipeline.fingerprint import bindings, bodies, constants, inside, modules, normal, project
from pipeline.fingerprint.names import Chain, Imported, References, references
from pipeline.fingerprint.project import Project
from pipeline.fingerprint.sources import about, class_definition, function_definition, home, module_sources
from targets import seal

log = logging.getLogger("pipeline")

#: What a task class says about how it runs, not about what it makes.
NOT_MEANING = frozenset(
    """priority resources retries retry_delay timeout max_parallel fresh_for engine TARGET_DIR requires task_namespace
    on_code_change on_library_change cache_failures share_inputs version worker_timeout retry_count disabled
    disable_hard_timeout disable_window max_batch_size owner_email accepts_messages inherited_requirements""".split()
)
_INHERITING = frozenset({"inherit_list", "inherit_dict", "inherits", "requires", "copies", "auto_namespace"})


class Walk:
    """One walk from one class or object. `pieces`: name to (form, nodes for a diff)."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.pieces: dict[str, tuple[str, list[Any]]] = {}
        self.libraries: set[str] = set()
        #: What was met, by its mark; what has no other than its place in memory stays there, or the next might get that.
        self._seen: dict[Any, Any] = {}
        #: What the statement that binds it tells about, in the place of a definition.
        self._explained: set[int] = set()
        self._waiting: list[Any] = []

    def run(self, start: Any) -> Walk:
        is_task = isinstance(start, type) and issubclass(start, luigi.Task)
        self._waiting.append(lambda: self._class(start, start) if is_task else self._value(start, None, ()))
        for name, value in list(vars(sys.modules.get(start.__module__, builtins)).items()) if is_task else ():
            if value is start and not bindings.is_passed_on(name, about(name, start.__module__)[1]):
                self._made(start, start.__qualname__, (start.__module__, name))
        return self._to_its_end()

    def follow(self, module: str, chain: Chain) -> Walk:
        """What somebody finds who asks a module for this."""
        self._follow_import(Imported(module, 0, None, chain), {})
        return self._to_its_end()

    def _to_its_end(self) -> Walk:
        # A list of things to do instead of recursion: chains of calls may be long.
        while self._waiting:
            self._waiting.pop()()
        return self

    # What a name stands for

    def _follow_all(self, found: References, module: str, environment: Mapping[str, Any], inner: Mapping[str, Any]) -> None:
        for chain in found.chains:
            self._follow(chain, module, environment, inner)
        for name, level in found.modules:
            self._library(modules.absolute(name, level, environment))
        for imported in found.imports:
            self._follow_import(imported, environment)

    def _follow(self, chain: Chain, module: str, environment: Mapping[str, Any], inner: Mapping[str, Any]) -> None:
        name, rest = chain[0], chain[1:]
        if name in inner:
            self._later(inner[name], None, rest)
        elif name in environment:
            self._later(environment[name], (module, name), rest)
        elif not hasattr(builtins, name):
            log.debug("%s of %s is not bound yet", name, module)

    def _follow_import(self, imported: Imported, environment: Mapping[str, Any]) -> None:
        name = modules.absolute(imported.module, imported.level, environment)
        if not self.project.owns(name):
            self._library(name)
            return
        module = modules.imported(name)
        if module is None:
            return
        chain = (imported.name, *imported.chain) if imported.name is not None else imported.chain
        self._later(module, None, chain)

    def _later(self, value: Any, origin: tuple[str, str] | None, rest: Chain) -> None:
        self._waiting.append(lambda: self._value(value, origin, rest))

    def _value(self, value: Any, origin: tuple[str, str] | None, rest: Chain) -> None:
        while inside.is_a(value, types.ModuleType) and rest:
            if not self.project.owns(value.__name__):
                self._library(value.__name__)
                return
            name = value.__name__
            found = vars(value).get(rest[0]) if rest[0] in vars(value) else modules.imported(f"{name}.{rest[0]}")
            if found is None and "__getattr__" in vars(value):
                self._later(vars(value)["__getattr__"], None, ())
                found = inside.attribute(value, rest[0])  # made when it is asked for
            if found is None and rest[0] not in vars(value):
                return
            value, origin, rest = found, (name, rest[0]), rest[1:]
        if inside.is_a(value, types.ModuleType):
            self._module(value)
        elif inside.is_a(value, type):
            self._made(value, value.__qualname__, origin)
            self._class_reference(value, rest)
        elif inside.is_a(value, types.FunctionType):
            self._made(value, value.__code__.co_qualname, origin)
            self._function(value)
        elif inside.is_a(value, (types.BuiltinFunctionType, types.BuiltinMethodType)):
            self._library(getattr(value, "__module__", None))
        elif inside.is_a(value, (types.MethodType, classmethod, staticmethod)):
            self._later(value.__func__, None, ())
            if isinstance(value, types.MethodType) and origin is not None:
                self._constant(origin, value)
        else:
            self._object(value, origin)

    def _made(self, value: Any, name: str, origin: tuple[str, str] | None) -> None:
        """What a call has made (`clean = make([1, 2])`, `namedtuple(...)`): the statement says with what."""
        # The sources of libraries are not read.
        is_nowhere = isinstance(value, type) and self.project.owns(value.__module__) and class_definition(value) is None
        if origin is not None and self._constant(origin, value) and (name != origin[1] or is_nowhere):
            self._explained.add(id(value))

    def _object(self, value: Any, origin: tuple[str, str] | None) -> None:
        if self._new("object", id(value), origin is not None, value=value):
            self._held_by(value, is_registry=origin is not None)
        if origin is not None:
            self._constant(origin, value)

    def _held_by(self, value: Any, *, is_registry: bool) -> None:
        # What a function has in its closure may be filled as it runs; what has a name in a module is a registry.
        for found in inside.callables_inside(value, kinds=is_registry):
            self._later(found, None, ())
        kind = type(value)
        if self.project.owns(kind.__module__) and not issubclass(kind, luigi.Task):
            # A registry, say: what it holds may be called.
            for found in inside.code_in_attributes(value, kinds=is_registry):
                self._later(found, None, ())
            self._class_reference(kind, ())
        elif issubclass(kind, luigi.Config):
            self._class_reference(kind, ())
        else:
            self._library(kind.__module__)
            # Of a library's registry, that which the project has put there.
            for found in inside.code_in_attributes(value) if is_registry and not issubclass(kind, luigi.Task) else ():
                if self.project.owns(inside.attribute(found, "__module__")):
                    self._later(found, None, ())

    # Pieces

    def _add(self, name: str, form: str, nodes: list[Any]) -> None:
        if name.startswith("__main__."):
            name = project.main_name() + name[len("__main__") :]
        known = self.pieces.get(name)
        if known is not None and known[0] != form:
            # Several things of one name (lambdas, definitions under `if`): told apart by what they are.
            name = f"{name}#{seal.short_digest(form.encode())[:8]}"
        self.pieces[name] = (form, nodes)

    def _new(self, *mark: Any, value: Any = None) -> bool:
        if mark in self._seen:
            return False
        self._seen[mark] = value
        return True

    def _library(self, module: str | None) -> None:
        if module and self.project.is_library(module):
            self.libraries.add(module.split(".")[0])

    def _function(self, function: types.FunctionType) -> None:
        if not self._new("function", id(function), value=function):
            return
        module = home(function)
        if not self.project.owns(module):
            self._library(module)
            self._wrapper(function)
            self._dispatch(function)
            return
        found = function_definition(function)
        name = f"{module}.{function.__code__.co_qualname}"
        if found is None:
            self._without_source(name, function.__code__.co_filename)
            self._wrapper(function)  # beartype writes one for each function
            return
        node = found[0]
        inner = inside.closure(function)
        extra = constants.live_values(function, node, inner)
        if self._is_made_by_library(node, {**function.__globals__, **inner}):
            # It may coerce or check by annotations, which mean nothing otherwise.
            annotations: list[Any] = bodies.annotations_of(node)
            extra += normal.form(annotations)
            self._follow_all(references(annotations), module, function.__globals__, inner)
        self._add(name, normal.form(node) + extra, [node])
        for value in inner.values():
            if not inside.is_a(value, types.ModuleType):
                self._later(value, None, ())
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            self._later(wrapped, None, ())
        self._follow_all(references(node), module, function.__globals__, inner)

    def _wrapper(self, function: types.FunctionType) -> None:
        """A library's decorator has made it: what it wraps is the project's."""
        for wrapped in inside.callables_inside(function):
            self._later(wrapped, None, ())

    def _is_made_by_library(self, node: Any, environment: Mapping[str, Any]) -> bool:
        found = [environment.get(bodies.first_name(decorator)) for decorator in getattr(node, "decorator_list", ())]
        places = [inside.attribute(one, "__name__" if inside.is_a(one, types.ModuleType) else "__module__") for one in found]
        return any(map(self.project.is_library, places))

    def _dispatch(self, function: types.FunctionType) -> None:
        """For which classes `functools.singledispatch` calls what."""
        registered = getattr(function, "registry", None)
        if isinstance(registered, Mapping):
            rows = sorted(f"{kind.__module__}.{kind.__qualname__}: {getattr(called, '__qualname__', '')}" for kind, called in registered.items())
            self._add(f"{function.__module__}.{function.__qualname__} dispatch", "\n".join(rows), [])

    def _without_source(self, name: str, filename: str) -> None:
        if not filename.startswith("<") or filename in ("<stdin>", "<string>"):
            log.warning("%s has no source (%s): changes of it will not be noticed; put it into a file, or set `version`", name, filename)
        self._add(name, "no source", [])

    def _class_reference(self, cls: type, rest: Chain) -> None:
        if issubclass(cls, luigi.Config):
            self._defaults(cls)
            self._class(cls, cls)
            return
        if issubclass(cls, luigi.Task):
            # Another step: rule 6 knows it by its key. What is read from its class is used here, though, and with which defaults it is asked for.
            self._defaults(cls)
            if rest:
                self._task_attribute(cls, rest[0])
            return
        self._class(cls, None)

    def _class(self, cls: type, task: type | None) -> None:
        """A class with its bases; `task`: the task class that this walk is about, or belongs to its bases."""
        for base in cls.__mro__:
            if self.project.owns(base.__module__):
                self._own_class(base, is_task=task is not None)
            elif base is not object:
                self._library(base.__module__)
        if self.project.owns(type(cls).__module__):
            self._class(type(cls), None)

    def _own_class(self, cls: type, *, is_task: bool) -> None:
        if not self._new("class", id(cls), value=cls):
            return
        name = f"{cls.__module__}.{cls.__qualname__}"
        found = class_definition(cls)
        skipped = {attribute for attribute, value in vars(cls).items() if is_task and isinstance(value, luigi.Parameter)}
        for attribute in skipped:
            self._values_of(vars(cls)[attribute])
        skipped |= NOT_MEANING if is_task else frozenset()
        covered = self._methods(cls, skipped)
        environment = vars(sys.modules.get(cls.__module__, types.ModuleType("gone")))
        if found is None:
            if id(cls) not in self._explained:
                self._without_source(name, getattr(sys.modules.get(cls.__module__), "__file__", None) or "<string>")
            return
        node = found[0]
        names = [statement.name for statement in node.body if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))]
        covered -= {one for one in names if names.count(one) > 1}  # the class has the last of them: a decorator may have kept the others
        body = [statement for statement in normal.without_docstring(node.body) if not bodies.is_skipped(statement, skipped | covered)]
        decorators = [decorator for decorator in node.decorator_list if not (is_task and bodies.last_name(decorator) in _INHERITING)]
        head: list[Any] = [*decorators, *node.bases, *node.keywords]
        extra = constants.live_attributes(cls, node, skipped | covered, environment)
        self._add(name, normal.form([*head, *body], in_class=True) + extra, [bodies.shown_class(node, decorators, body)])
        shell = ast.ClassDef(name=node.name, bases=node.bases, keywords=node.keywords, body=body, decorator_list=decorators)
        self._follow_all(references(shell), cls.__module__, environment, inside.closure_of_class(cls))

    def _values_of(self, declared: luigi.Parameter[Any]) -> None:
        """The code of a parameter's values, whose names or fields alone are in the key: of an enum's members, and of the class of a default."""
        kind = getattr(declared, "_enum", None) or type(declared._default)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            # Not the members: with a new one all steps would run again that have never heard of it.
            for base in kind.__mro__:
                for function in [one for value in vars(base).values() for one in inside.functions_of(value)]:
                    if self.project.owns(home(function)):
                        self._function(function)
        elif self.project.owns(kind.__module__) and not issubclass(kind, luigi.Task):
            self._class(kind, None)

    def _methods(self, cls: type, skipped: Iterable[str]) -> set[str]:
        """Walk the functions of a class; the names of those that need not be read from its body."""
        covered: set[str] = set()
        for attribute, value in list(vars(cls).items()):
            if attribute in skipped:
                continue
            if inside.is_a(value, (dict, list, set)):
                for found in inside.callables_inside(value, kinds=True):  # a registry that subclasses or decorators fill
                    self._later(found, None, ())
            if inside.is_a(value, functools.singledispatchmethod):
                self._later(value.dispatcher, None, ())
            for function in inside.functions_of(value):
                if inside.is_generated(function):
                    continue
                if self.project.owns(home(function)):
                    self._function(function)
                    if function.__qualname__ == f"{cls.__qualname__}.{attribute}":
                        covered.add(attribute)
        return covered

    def _defaults(self, cls: type[luigi.Task]) -> None:
        """The defaults of a step's parameters, as its class says them."""
        if not self._new("defaults", id(cls), value=cls):
            return
        for base in cls.__mro__:
            found = class_definition(base) if self.project.owns(base.__module__) else None
            environment = vars(sys.modules.get(base.__module__, types.ModuleType("gone")))
            significant = {name: one for name, one in vars(base).items() if isinstance(one, luigi.Parameter) and one.significant}
            body = found[0].body if found is not None else []
            for attribute, value in significant.items():
                said = [bodies.default_of(statement) for statement in body if attribute in bodies.bound_by(statement)]
                given = [ast.Expr(expression) for expression in said if expression is not None]
                if given:
                    extra = constants.live_value(None, value._default, given, environment)
                    self._add(f"{base.__module__}.{base.__qualname__}.{attribute}, its default", normal.form(given) + extra, list(given))

    def _task_attribute(self, cls: type, attribute: str) -> None:
        for base in cls.__mro__:
            if attribute not in vars(base) or not self.project.owns(base.__module__):
                continue
            value = vars(base)[attribute]
            if inside.is_a(value, luigi.Parameter) or not self._new("attribute", id(base), attribute, value=base):
                return
            functions = inside.functions_of(value)
            for function in functions:
                self._function(function)
                for other in bodies.asked_of_first(function) if inside.is_a(value, classmethod) else ():
                    self._task_attribute(cls, other)
            found = class_definition(base)
            if not functions and found is not None:
                statements = [statement for statement in found[0].body if attribute in bodies.bound_by(statement)]
                environment = vars(sys.modules[base.__module__])
                extra = constants.live_value(attribute, value, statements, environment)
                self._add(f"{base.__module__}.{base.__qualname__}.{attribute}", normal.form(statements, in_class=True) + extra, statements)
                for statement in statements:
                    self._follow_all(references(statement), base.__module__, environment, {})
            return

    def _constant(self, origin: tuple[str, str], value: Any) -> bool:
        """The statements about a name; whether there are any that were not read before."""
        if not self._new("constant", origin):
            return False
        module, name = origin
        if not self.project.owns(module):
            self._library(module)
            return False
        loaded = sys.modules.get(module)
        environment = vars(loaded) if loaded is not None else {}
        sources, statements = about(name, module)
        replaced = ""
        if constants.contradicts(value, statements):
            if sum(source.is_outdated() for source in sources):
                sources, statements = about(name, module)
            if constants.contradicts(value, statements):
                replaced = "".join(constants.replaced_value(name, value, source.tree) for source in sources)
        for binding in bindings.imported_from(name, statements):
            target = modules.absolute(binding[0], binding[1], environment)
            elsewhere = sys.modules.get(target)
            if binding[3] and (elsewhere is None or name not in vars(elsewhere)):
                continue  # `import *` of a module that has no such name
            if self.project.owns(target):
                return self._constant((target, binding[2]), value)
            self._library(target)
            return False
        is_code = inside.is_a(value, (type, types.FunctionType))
        passed_over = (ast.Import, ast.ImportFrom, *((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef) if is_code else ()))
        found = [statement for statement in statements if not isinstance(statement, passed_over)]
        setters = [function for source in sources for function in source.setters.get(name, ())]
        if not found and not setters and (is_code or name.startswith("__")):
            return False  # it is a piece of its own, or Python's (`__file__`, `__name__`): where the code lies, not what it means
        live = constants.live_value(name, value, found, environment, lambda: any(name in source.changed for source in sources))
        self._add(f"{module}.{name}", normal.form([*found, *setters]) + live + replaced, [*found, *setters])
        for statement in [*found, *setters]:
            self._follow_all(references(statement), module, environment, {})
        return True

    def _module(self, module: types.ModuleType) -> None:
        """A module used as a value: anything in it may be meant, so all of it counts."""
        if not self.project.owns(module.__name__):
            self._library(module.__name__)
            return
        if not self._new("module", module.__name__):
            return
        for source in module_sources(module.__name__):
            body = [statement for statement in normal.without_docstring(source.tree.body) if not isinstance(statement, (ast.Import, ast.ImportFrom))]
            self._add(f"{module.__name__}.*", normal.form(sorted(body, key=normal.form)), [])
            for statement in body:
                self._follow_all(references(statement), module.__name__, vars(module), {})

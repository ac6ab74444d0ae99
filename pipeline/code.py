"""What the code of today means for outputs of yesterday: fingerprints, libraries and identities, once a run.

`on_code_change` and `on_library_change` (of a task class, else of `[pipeline]`) say whether a change makes a task run
again (`rerun`), is only told (`warn`), or is not looked at (`ignore`).
"""

from __future__ import annotations

import functools
import logging
import types
from typing import Any

from pipeline import fingerprint, libraries, settings
from pipeline.errors import ConfigurationError
from pipeline.fingerprint import Fingerprint, inside, kept, modules
from pipeline.fingerprint.bodies import asked_of_modules, modules_named_in
from targets import Target, seal
from targets.record import Part, Record

log = logging.getLogger("pipeline")

POLICIES = settings.POLICIES


class Code:
    """Fingerprints of classes and objects as they are now, and what they are compared with."""

    def __init__(self) -> None:
        self._of_class: dict[Any, Fingerprint] = {}
        self._of_name: dict[str, str] = {}
        self._libraries: dict[Any, frozenset[str]] = {}
        self._formats: dict[Any, tuple[str, ...]] = {}
        self._changes: dict[tuple[str, str, str], str] = {}
        #: What `pipeline.meaning` has found out and told, by task id and the identities today and before.
        self.told_of_meanings: dict[tuple[str, str | None, str], str] = {}
        #: What was noticed and does not make a task run: words by task class.
        self.notes: dict[Any, dict[str, None]] = {}

    @functools.cached_property
    def settings(self) -> settings.Settings:
        return settings.read()

    def of(self, cls: Any) -> Fingerprint:
        """The fingerprint of a task class."""
        known = self._of_class.get(cls)
        if known is None:
            known = self._of_class[cls] = fingerprint.of_task(cls)
        return known

    def libraries_of(self, cls: Any) -> frozenset[str]:
        """The libraries that the code of a task class imports, but for Luigi."""
        known = self._libraries.get(cls)
        if known is None:
            known = self._libraries[cls] = frozenset(self.of(cls).libraries) - {"luigi"}
        return known

    def known(self, cls: Any) -> str:
        """The digest of a class's fingerprint, where it was needed in this run."""
        known = self._of_class.get(cls)
        return known.digest if known is not None else ""

    def change(self, task: Any, record: Record) -> str | None:
        """What of the code changed, where that makes the task run again."""
        cls = type(task)
        policy = self._policy(cls, "on_code_change")
        if policy == "ignore":
            return None
        now = self.of(cls)
        if record.fingerprint == now.digest:
            return None
        mark = (task.store.url, record.fingerprint, now.digest)
        if mark not in self._changes:
            self._changes[mark] = kept.difference(task.store, record.fingerprint, now)
        return self._told(cls, policy, self._changes[mark])

    def library_change(self, task: Any, record: Record) -> str | None:
        """Which library changed, where that makes the task run again."""
        policy = self._policy(type(task), "on_library_change")
        if policy == "ignore" or not record.libraries:
            return None
        changes = libraries.changes(record.libraries)
        return self._told(type(task), policy, changes) if changes else None

    def _told(self, cls: Any, policy: str, words: str) -> str | None:
        if policy == "rerun":
            return words
        told = self.notes.setdefault(cls, {})
        if words not in told:
            told[words] = None
            log.warning("%s: %s; its outputs are kept", cls.get_task_family(), words)
        return None

    def _policy(self, cls: Any, name: str) -> str:
        policy = getattr(cls, name, None) or getattr(self.settings, name)
        if policy not in POLICIES:
            raise ConfigurationError(f"{name} of {cls.__name__} is {policy!r}, and must be one of {', '.join(POLICIES)}")
        return str(policy)

    # Identities

    def identity_of(self, task: Any, record: Record, *, as_recorded: bool = False) -> str:
        """What consumers of an output depend on: its content, and the code of what its pickle names, today's or that with which it was made."""
        formats = self._formats_of(type(task))
        if record.identity is not None:
            # What a step says of a value says nothing of the code that the value brings along.
            given = self._named(record, as_recorded)
            return seal.combine([record.identity, *given]) if given else record.identity
        if record.directory is None and not record.pickled and not formats:
            return record.digest
        return seal.combine([record.digest, record.directory or "", *self._named(record, as_recorded), *formats])

    def _named(self, record: Record, as_recorded: bool) -> list[str]:
        return [f"{name} {digest if as_recorded else self.of_name(name)}" for name, digest in record.pickled.items()]

    def changed_names(self, record: Record) -> list[str]:
        """What a pickle names whose code, or value, is no longer what it was."""
        return [name.replace(":", ".").rstrip(".") for name, digest in record.pickled.items() if self.of_name(name) != digest]

    def identity_of_part(self, owner: Any, record: Record, part: Part, *, as_recorded: bool = False) -> str:
        """Like `identity_of`, for one of several outputs: that of the others does not count."""
        names_code = (type(owner).outputs or {})[part.name].named_code is not Target.named_code
        named = self._named(record, as_recorded) if names_code else []
        formats = self._formats_of(type(owner), part.name)
        return seal.combine([part.digest, *named, *formats]) if named or formats else part.digest

    def _formats_of(self, cls: Any, part: str = "") -> tuple[str, ...]:
        """Today's fingerprints of the project's own formats that read an output."""
        known = self._formats.get((cls, part))
        if known is None:
            kinds = [cls.outputs[part]] if part else list((cls.outputs or {"": cls.target_type}).values())
            digests = {kind.__qualname__: fingerprint.of_object(kind) for kind in kinds if not kind.__module__.startswith("targets.")}
            known = self._formats[cls, part] = tuple(f"{name} {digest}" for name, digest in sorted(digests.items()) if digest)
        return known

    def of_name(self, name: str) -> str:
        """Today's fingerprint of what a pickle names: that of nothing where it is gone, an empty one where it is not the project's."""
        if name not in self._of_name:
            module, _, path = name.partition(":")
            value = resolve(name) if fingerprint.is_project(module) else None
            if name_of(value) == name:
                self._of_name[name] = fingerprint.of_object(value)
            else:
                # No class or function, but what one that is pickled by value asks a module for: a number, say.
                self._of_name[name] = fingerprint.of_chain(module, (path,) if path else ())
        return self._of_name[name]

    def names_in(self, values: Any) -> tuple[dict[str, str], set[str]]:
        """What of the project is named by these classes, functions and modules, with its fingerprints; and the libraries of the rest."""
        named: dict[str, None] = {}
        accounted: set[str] = set()
        held: set[str] = set()
        for value in values:
            if isinstance(value, types.ModuleType):
                held.add(value.__name__)
                continue
            name = name_of(value)
            if name is None:
                continue
            if name.startswith("__main__:") or resolve(name) is not value:
                # Pickled by value: its code is in the bytes, but for what it asks modules for.
                if isinstance(value, (type, types.FunctionType)):
                    named.update({f"{module}:{'.'.join(chain)}": None for module, chain in asked_of_modules(value)})
                    accounted |= modules_named_in(value)
            else:
                named[name] = None
        # Of a module that is handed on as a value, whoever gets it may ask for anything.
        named.update({f"{name}:": None for name in held if not any(f"{name}.".startswith(f"{known}.") for known in accounted)})
        digests = {name: self.of_name(name) for name in sorted(named)}
        tops = {name.partition(":")[0].split(".")[0] for name, digest in digests.items() if not digest}
        return {name: digest for name, digest in digests.items() if digest}, {top for top in tops if fingerprint.Project.is_library(top)}


def name_of(value: Any) -> str | None:
    """By what name a pickle knows a class or function; None for what has none."""
    module = getattr(value, "__module__", None)
    return f"{module}:{getattr(value, '__qualname__', '')}" if isinstance(module, str) else None


def resolve(name: str) -> Any:
    """The object `module:qualname`; None where it is not there."""
    module, _, path = name.partition(":")
    value: Any = modules.imported(module)
    for part in path.split(".") if path else ():
        value = inside.attribute(value, part)
    return value

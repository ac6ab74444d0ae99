"""What a class of tasks says of itself is looked at once, when it is defined: `TaskDefinitionError` names the class and what to change."""

from __future__ import annotations

import datetime
import difflib
import logging
import os
import re
import types
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import luigi
import luigi.target

from pipeline import keys, settings
from pipeline.errors import TaskDefinitionError
from targets import Target

if TYPE_CHECKING:
    from pipeline.task import Task

log = logging.getLogger("pipeline")

#: Bytes of an output's name: it stands in the name of a file, beside a slug and a key.
_LONGEST_OUTPUT = 64
_EXTENSION = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*", re.ASCII)
#: What stands beside an output under its name.
_OURS = ("record.json", "last-failure.json", "files", "tmp", "aside")
#: What a class of an app may say of itself. A name that nearly is one of them, and that the class does not use itself, is warned of.
_SETTINGS = (
    *("easy_run", "requires", "task_function", "target_type", "outputs", "TARGET_DIR", "version", "reads", "identity"),
    *("on_code_change", "on_library_change", "fresh_for", "check_input", "check_output", "load_options", "load_input_params"),
    *("retries", "retry_delay", "timeout", "cache_failures", "max_parallel", "share_inputs", "resources", "on_success", "on_failure"),
)
_ALIKE = 0.85


def check(cls: type[Task[Any]]) -> None:
    _check_target_types(cls)
    _check_limits(cls)
    _check_reads(cls)
    _check_place(cls)
    version_of(cls)
    _tell_of_complete(cls)
    _tell_of_output(cls)
    _tell_of_misspelt(cls)


def _check_target_types(cls: type[Task[Any]]) -> None:
    if cls.outputs is not None and not isinstance(cls.outputs, Mapping):
        raise TaskDefinitionError(f"{cls.__name__}.outputs is {cls.outputs!r}: it must be a dict of names and target classes")
    for kind in [cls.target_type, *(cls.outputs or {}).values()]:
        if isinstance(kind, type) and issubclass(kind, Target):
            _check_extension(cls, kind.extension)
            continue
        if cls.outputs or not (isinstance(kind, type) and issubclass(kind, luigi.target.Target) and hasattr(kind, "dump") and hasattr(kind, "load")):
            raise TaskDefinitionError(
                f"{cls.__name__}: {kind!r} is no target class: use one of `targets`, or a luigi.Target class with dump(value) and load()"
            )
    for name, kind in (cls.outputs or {}).items():
        if kind.in_memory or not isinstance(name, str) or not name.isidentifier():
            raise TaskDefinitionError(f"{cls.__name__}: the output {name!r} must be an identifier, and cannot be kept in memory alone")
        if len(name.encode()) > _LONGEST_OUTPUT:
            raise TaskDefinitionError(f"{cls.__name__}: the output {name[:40]}... has too long a name: {_LONGEST_OUTPUT} bytes are allowed")
    same = keys.same_as_files(list(dict.fromkeys([*(cls.outputs or {}), "record"])))
    if same is not None:
        raise TaskDefinitionError(f"{cls.__name__}: the outputs {same[0]!r} and {same[1]!r} would share a file on some systems: rename one of them")


def _check_extension(cls: type[Task[Any]], extension: Any) -> None:
    if not isinstance(extension, str) or not _EXTENSION.fullmatch(extension) or extension.endswith(_OURS):
        raise TaskDefinitionError(
            f"{cls.__name__}: {extension!r} is no extension of a file: write letters and digits, with dots between them, and not what a store "
            f"calls its own files ({', '.join(_OURS)})"
        )


def _check_limits(cls: type[Task[Any]]) -> None:
    for name in ("retries", "retry_delay", "timeout"):
        value = getattr(cls, name)
        if not isinstance(value, (luigi.Parameter, property)) and value is not None and (not isinstance(value, (int, float)) or value < 0):
            raise TaskDefinitionError(f"{cls.__name__}.{name} is {value!r}: it must be a number from 0")
    fresh = cls.fresh_for
    if not isinstance(fresh, (luigi.Parameter, property, datetime.timedelta)) and fresh is not None:
        raise TaskDefinitionError(f"{cls.__name__}.fresh_for is {fresh!r}: it must be a datetime.timedelta, or None for no limit")
    for name in ("on_code_change", "on_library_change"):
        policy = getattr(cls, name, None)
        if policy is not None and not isinstance(policy, (luigi.Parameter, property)) and policy not in settings.POLICIES:
            raise TaskDefinitionError(
                f"{cls.__name__}.{name} is {policy!r}: it must be one of {', '.join(settings.POLICIES)}, or None for the setting"
            )
    limit = cls.max_parallel
    if limit is not None and (type(limit) is not int or limit < 1):
        raise TaskDefinitionError(f"{cls.__name__}.max_parallel is {limit!r}: it must be a whole number from 1, or None for no limit")


def _check_reads(cls: type[Task[Any]]) -> None:
    names = getattr(cls, "reads", ())
    if isinstance(names, (str, bytes)):
        raise TaskDefinitionError(f"{cls.__name__}.reads is {names!r}: it must be a tuple of names, as in reads = ({names!r},)")
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TaskDefinitionError(f"{cls.__name__}.reads is {names!r}: it must be a tuple of names")


def _check_place(cls: type[Task[Any]]) -> None:
    place = cls.TARGET_DIR
    if place is not None and not (isinstance(place, (str, os.PathLike)) and os.fspath(place).strip()):
        raise TaskDefinitionError(f"{cls.__name__}.TARGET_DIR is {place!r}: it must be a directory or a URL, or None for the setting")


def _tell_of_complete(cls: type[Task[Any]]) -> None:
    if "complete" in vars(cls) and not cls.__module__.startswith("pipeline."):
        log.warning(
            "%s overrides complete(), which a build does not ask: its output is kept while it is true. Use `fresh_for`, `version` or --force, "
            "or make it a plain luigi.Task",
            cls.__name__,
        )


def _tell_of_output(cls: type[Task[Any]]) -> None:
    if "output" in vars(cls) and not cls.__module__.startswith("pipeline."):
        log.warning(
            "%s overrides output(), which a build does not ask: what easy_run returns is stored as target_type says. Use `target_type`, "
            "or make it a plain luigi.Task",
            cls.__name__,
        )


def _tell_of_misspelt(cls: type[Task[Any]]) -> None:
    known = {name.casefold(): name for name in _SETTINGS}
    used = None
    for name, value in vars(cls).items():
        if name.startswith("_") or isinstance(value, luigi.Parameter) or any(name in vars(base) for base in cls.__mro__[1:]):
            continue
        # Hardly anybody misspells the first letter, and every class of an app is looked at.
        close = difflib.get_close_matches(name.casefold(), [one for one in known if one[0] == name[0].casefold()], n=1, cutoff=_ALIKE)
        if not close:
            continue
        used = set(_used_by(cls)) if used is None else used
        if name not in used:
            log.warning("%s.%s is no setting, and nothing of the class uses it: did you mean %s?", cls.__name__, name, known[close[0]])


def _used_by(cls: type) -> Iterator[str]:
    """The names that the code of a class, and of what it inherits from an app, speaks of."""
    waiting: list[Any] = [value for base in cls.__mro__ for value in vars(base).values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, types.CodeType):
            yield from value.co_names
            yield from (one for one in value.co_consts if isinstance(one, str))  # as in getattr(self, "resource")
            waiting += value.co_consts
        else:
            value = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value.fget if isinstance(value, property) else value
            if isinstance(value, types.FunctionType):
                waiting.append(value.__code__)


def version_of(cls: type) -> str:
    """The `version` of a class as the text that is hashed; empty where there is none, or where it is a parameter and so a part of the key."""
    version = getattr(cls, "version", "")
    if isinstance(version, (luigi.Parameter, property)) or (isinstance(version, str) and not version):
        return ""
    if isinstance(version, (str, int, float)):
        return f"{type(version).__name__}:{version!r}"
    try:
        return f"encoded:{keys.encode(keys.freeze(version)).hex()}"
    except (keys.Unencodable, RecursionError):
        raise TaskDefinitionError(
            f"{cls.__name__}.version is {version!r}: it must be a text, a number, or a tuple, list or dict of such, that is the same in every run"
        ) from None

"""Functions whose code somebody has rewritten since it was compiled: a type checker (`typeguard`), a profiler, a test tool.

What is in memory is then not what the source compiles to, and no edit either. Such a source is believed where it cannot be another one: the code
does all that it says, in its order, and more beside; its file is older than this process; and what Python keeps compiled of it says the same.
Where one of these is not so, or cannot be told, it is not believed.
"""

from __future__ import annotations

import dis
import importlib.machinery
import importlib.util
import marshal
import os
import re
import struct
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.fingerprint.sources import Definition, Source


_NAMING = re.compile("LOAD|STORE|DELETE|IMPORT")
_ASKING = re.compile("(NOT_)?(TRUE|FALSE|NONE)")
_OPERATORS = frozenset({"COMPARE_OP", "CONTAINS_OP", "IS_OP", "BINARY_SUBSCR", "STORE_SUBSCR", "DELETE_SUBSCR", "FORMAT_VALUE"})


def _start_of_process() -> float:
    """When it began, as files tell the time; where the system does not say, the moment of our import."""
    try:
        ticks = int(Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19])
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return time.time()


#: So many seconds Python needs at least to import anything. Both clocks tick in hundredths of a second.
_HEAD_START = 0.02
#: The flags of a `.pyc` that is loaded whatever its source says.
_UNCHECKED = 1
#: Also in forked processes: their modules were imported in this one.
_STARTED = _start_of_process()


def rewritten_definition(code: types.CodeType, module: str, source: Source) -> Definition | None:
    """The definition that this code, or what it was made from, comes from for sure; None where it may come from another source."""
    if code.co_name == "<lambda>" or not _is_untouched(source.filename):
        return None
    for definition in source.definitions.get(code.co_qualname, []):
        first = first_line(definition)
        # Whoever compiles anew may leave the decorators out.
        if first <= code.co_firstlineno <= (definition.end_lineno or first):
            said = [one for one in source.codes(code.co_qualname, first) if _does_all(one, code)]
            if said and not _is_stale(module, said):
                return definition
    return None


def first_line(definition: Any) -> int:
    """Of a definition, where its decorators begin."""
    line: int = min([definition.lineno, *(decorator.lineno for decorator in getattr(definition, "decorator_list", []))])
    return line


def _is_untouched(filename: str) -> bool:
    try:
        found = os.stat(filename)
    except (OSError, ValueError):
        return filename.startswith("<")  # a cell of a notebook, which nobody edits: what is typed anew is another one
    return max(found.st_mtime, found.st_ctime) < _STARTED + _HEAD_START


def _is_stale(module: str, expected: list[types.CodeType]) -> bool:
    """Whether Python keeps something else compiled of the module, which it may have loaded instead."""
    spec = getattr(sys.modules.get(module), "__spec__", None)
    if getattr(type(getattr(spec, "loader", None)), "source_to_code", None) is not importlib.machinery.SourceFileLoader.source_to_code:
        return False  # an import hook compiles in its own way, and looks at the file itself
    try:
        kept = Path(getattr(spec, "cached", None) or os.devnull).read_bytes()
        found = os.stat(str(spec.origin))  # type: ignore[union-attr]
        stamp = struct.pack("<III", 0, int(found.st_mtime) & 0xFFFFFFFF, found.st_size & 0xFFFFFFFF)
        # Else Python has not loaded it: it is of another time, or is compared with the source by a hash.
        is_loaded = kept[:4] == importlib.util.MAGIC_NUMBER and (kept[4:16] == stamp or kept[4] == _UNCHECKED)
        top = marshal.loads(kept[16:]) if is_loaded else None
    except (OSError, ValueError, EOFError, TypeError, IndexError):
        return False
    return isinstance(top, types.CodeType) and not any(is_same_code(one, other) for one in codes_in(top) for other in expected)


def _does_all(said: types.CodeType, code: types.CodeType) -> bool:
    """Whether a code does all that another one says, in its order, whatever it does beside."""
    steps = _steps(code)
    return all(any(_is_same_step(one, other) for other in steps) for one in _steps(said))


def _is_same_step(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    if isinstance(one[1], types.CodeType) and isinstance(other[1], types.CodeType):
        return one[1].co_name == other[1].co_name and _does_all(one[1], other[1])
    return one == other


def _steps(code: types.CodeType) -> Iterator[tuple[str, Any]]:
    """What a code does with which names, constants and operators. Not how: what is done between may change that."""
    for one in dis.get_instructions(code):
        name, given = one.opname, one.argval
        if "_FAST" in name and isinstance(given, tuple):  # two at once
            yield from zip(_NAMING.findall(name), given, strict=False)
        elif "CONST" in name or name == "LOAD_SMALL_INT":
            yield "CONST", given if isinstance(given, types.CodeType) else repr(given)
        elif (done := _NAMING.match(name)) and isinstance(given, str):
            yield done[0], given
        elif name == "BINARY_OP":
            yield name, one.argrepr
        elif name in _OPERATORS:
            yield name, given
        elif asked := _ASKING.search(name):
            yield "JUMP", asked[0]


def codes_in(top: types.CodeType) -> Iterator[types.CodeType]:
    """A code and all that is defined in it."""
    waiting = [top]
    while waiting:
        code = waiting.pop()
        yield code
        waiting.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))


def is_same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Equal but for file names and lines."""
    if (one.co_code, one.co_names, one.co_varnames, one.co_argcount, one.co_kwonlyargcount, one.co_flags) != (
        other.co_code,
        other.co_names,
        other.co_varnames,
        other.co_argcount,
        other.co_kwonlyargcount,
        other.co_flags,
    ):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    for mine, theirs in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(mine, types.CodeType) and isinstance(theirs, types.CodeType):
            if not is_same_code(mine, theirs):
                return False
        elif type(mine) is not type(theirs) or repr(mine) != repr(theirs):
            if isinstance(mine, frozenset) and mine == theirs:
                continue
            return False
    return True

"""The parameters of a task class, and how values are bound to them.

Luigi looks through `dir(cls)` at every instantiation. Here a class is looked through once, and again only
after a parameter was assigned to some class. Binding normalises a value as its parameter declares it
(`"500"` for an IntParameter is 500), freezes it and encodes it, so that equal keys mean equal values.

A name that a class does not declare is let through, since one dict of parameters builds every step; where
it looks like a misspelt name that was not given, a warning says so.
"""

from __future__ import annotations

import copy
import difflib
import math
import warnings
from collections.abc import Mapping
from typing import Any

import luigi
from luigi import configuration, parameter
from luigi.cmdline_parser import CmdlineParser
from luigi.parameter import ParameterVisibility, _no_value

from pipeline import keys
from pipeline.errors import MissingParameterError, ParameterError, UnknownParameterError
from targets.messages import said

#: Objects of a class that are found by their arguments.
_RECENT = 256
#: Raised by one whenever any class gets or loses a parameter after its creation.
generation = 0


class Slot:
    """One parameter of one class."""

    __slots__ = ("declared", "exact", "name", "normalises", "position", "private", "significant", "visible")

    def __init__(self, name: str, declared: luigi.Parameter[Any], position: int) -> None:
        self.name = name
        self.declared = declared
        self.position = position
        self.significant: bool = declared.significant
        self.visible = declared.visibility == ParameterVisibility.PUBLIC
        self.private = declared.visibility == ParameterVisibility.PRIVATE
        # Most parameters do not define normalize(); calling the default costs as much as all the rest.
        self.normalises = type(declared).normalize is not luigi.Parameter.normalize
        #: A value of just this type is what it is.
        self.exact = {luigi.IntParameter: int, luigi.FloatParameter: float, luigi.Parameter: str}.get(type(declared))

    def normalise(self, family: str, value: Any) -> Any:
        """The value that this parameter declares it to be; `ParameterError` if it cannot be that."""
        if type(value) is self.exact:
            return value
        try:
            value = _coerce(self.declared, value)
            if self.normalises and not (value is None and not isinstance(self.declared, parameter.OptionalParameterMixin)):
                value = self.declared.normalize(value)
            value = keys.freeze(value)
            if isinstance(self.declared, _MUST_BE_TEXT) and value is not None:
                self.declared.serialize(value)  # Luigi writes it into the task's id, and the record has it as text
            return value
        except Exception as error:
            if self.private:
                raise ParameterError(f"{family}.{self.name} is a {type(self.declared).__name__} and cannot be what was given") from None
            raise ParameterError(f"{family}.{self.name} is a {type(self.declared).__name__} and cannot be {value!r}: {said(error)}") from error


class Recent:
    """Objects of a class by the very arguments that they were made with: what several steps require is made for each of them."""

    __slots__ = ("_cache", "_kinds", "_objects")

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self._kinds = {slot.name: slot.exact for slot in slots}
        self._objects: dict[Any, Any] = {}
        self._cache: Any = None

    def find(self, given: dict[str, Any], cache: Any) -> tuple[Any, Any]:
        """A name for these arguments, None where each has to be looked at; and the object, where it is known. `cache`: Luigi's, of all objects."""
        if cache is not self._cache:
            self._objects, self._cache = {}, cache
        kinds = self._kinds
        if len(given) != len(kinds):
            return None, None
        for name, value in given.items():
            if type(value) is not kinds.get(name):
                return None, None
        called = (*given.items(),)
        return called, self._objects.get(called)

    def keep(self, called: Any, task: Any) -> None:
        if len(self._objects) >= _RECENT:
            self._objects.clear()
        self._objects[called] = task


_DATES = (parameter._DateParameterBase, parameter._DatetimeParameterBase)


class Schema:
    """All parameters of one class, in the order of their declaration."""

    __slots__ = ("_warned", "by_name", "family", "generation", "positional", "recent", "slots", "visibilities")

    def __init__(self, cls: Any) -> None:
        self.generation = generation
        self.family: str = cls.get_task_family()
        found: dict[str, luigi.Parameter[Any]] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, luigi.Parameter):
                    found[name] = value
                else:
                    found.pop(name, None)
        ordered = sorted(found.items(), key=lambda item: item[1]._counter)
        self.slots = tuple(Slot(name, declared, at) for at, (name, declared) in enumerate(ordered))
        self.positional = tuple(slot for slot in self.slots if slot.declared.positional)
        self.by_name = {slot.name: slot for slot in self.slots}
        self.visibilities = {slot.name: slot.declared.visibility.serialize() for slot in self.slots if not slot.private}
        self._warned: set[str] = set()
        #: Where there is nothing that might have to be normalised.
        self.recent: Recent | None = Recent(self.slots) if all(slot.exact in (int, str) for slot in self.slots) else None

    def alone(self, bound: Mapping[str, Any]) -> str:
        """The parameter that one value alone is for, as `luigi.tools.range` passes it beside those that are `bound`."""
        free = [slot for slot in self.positional if slot.name not in bound]
        dated = [slot for slot in free if isinstance(slot.declared, _DATES)]
        needed = [slot for slot in dated or free if slot.declared._default is _no_value]
        if len(needed) == 1 or len(dated) == 1 or (free and not dated):
            return (needed if len(needed) == 1 else dated or free)[0].name
        names = " or ".join(slot.name for slot in dated) or "none"
        raise ParameterError(f"a date alone could be for several parameters of {self.family} ({names}): give the others in `of_params`")

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The value of each slot, from positional and named values, configuration and defaults."""
        values: list[Any] = [_no_value] * len(self.slots)
        given = len(args)
        if given:
            if given > len(self.positional):
                raise UnknownParameterError(f"{self.family} takes at most {len(self.positional)} positional parameters, {given} were given")
            for slot, value in zip(self.positional, args, strict=False):
                values[slot.position] = slot.normalise(self.family, value)
        for name, value in kwargs.items():
            slot_named = self.by_name.get(name)
            if slot_named is None:
                if name not in self._warned:
                    self._warn_if_misspelt(name, kwargs)
                continue
            if values[slot_named.position] is not _no_value:
                raise ParameterError(f"{self.family}: the parameter {name} was given by position and by name")
            values[slot_named.position] = slot_named.normalise(self.family, value)
            given += 1
        if given < len(values):
            self._fill(values)
        return values

    def _fill(self, values: list[Any]) -> None:
        plain = CmdlineParser.get_instance() is None and not _has_section(self.family)
        missing = []
        for slot in self.slots:
            if values[slot.position] is not _no_value:
                continue
            declared = slot.declared
            if plain and declared._config_path is None:
                value = declared._default
            else:
                try:
                    value = declared._get_value(self.family, slot.name)
                except Exception as error:
                    raise ParameterError(f"{self.family}.{slot.name}: its default cannot be read from the configuration: {error}") from error
            if value is _no_value:
                missing.append(slot.name)
            else:
                values[slot.position] = slot.normalise(self.family, value)
        if missing:
            names = ", ".join(missing)
            raise MissingParameterError(
                f"{self.family} needs {names}: pass {'them' if len(missing) > 1 else 'it'} as {self.family}({missing[0]}=...), "
                f"set {'them' if len(missing) > 1 else 'it'} in luigi.cfg under [{self.family}], or declare a default"
            )

    def encode(self, values: list[Any]) -> list[bytes]:
        """The encoded values; equal bytes mean equal values of equal types."""
        encoded = []
        for slot, value in zip(self.slots, values, strict=True):
            plain = type(value) is slot.exact
            encoded.append(keys.encode(value) if plain else keys.encode_parameter(self.family, slot.name, slot.declared, value))
        return encoded

    def key(self, encoded: list[bytes]) -> str:
        return keys.key_of(self.family, [(slot.name, encoded[slot.position]) for slot in self.slots if slot.significant])

    def _warn_if_misspelt(self, name: str, given: Mapping[str, Any]) -> None:
        self._warned.add(name)
        candidates = [declared for declared in self.by_name if declared not in given]
        close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.85)
        if close:
            warnings.warn(
                f"{self.family} has no parameter {name!r}; did you mean {close[0]!r}? It was let through.", MisspeltParameterWarning, stacklevel=5
            )


#: Of containers any content passes until it is written; a duration may be given as a number by mistake.
_MUST_BE_TEXT = (luigi.ListParameter, luigi.DictParameter, luigi.TimeDeltaParameter)


class MisspeltParameterWarning(UserWarning):
    """A name was let through that looks like a misspelt parameter."""


def _has_section(family: str) -> bool:
    config: Any = configuration.get_config()
    if isinstance(config, configuration.LuigiTomlParser):  # it inherits has_section, which knows of none
        return family in config.data
    return bool(config.has_section(family))


def _coerce(declared: Any, value: Any) -> Any:
    """What Luigi leaves to the caller: a value of another type becomes what the parameter declares, or is refused."""
    if value is None:
        return None
    if isinstance(declared, luigi.IntParameter):
        if type(value) is int:
            return value
        if isinstance(value, str):
            return declared.parse(value)
        number = int(value)
        if number != value:
            raise ParameterError(f"{value!r} is no whole number")
        return number
    if isinstance(declared, luigi.FloatParameter):
        return value if type(value) is float else declared.parse(value) if isinstance(value, str) else float(value)
    if isinstance(declared, luigi.EnumParameter) and isinstance(value, declared._enum):
        return value  # it may be a str as well
    if isinstance(value, str) and isinstance(declared, _PARSED_FROM_TEXT):
        return declared.parse(value)
    if isinstance(declared, luigi.NumericalParameter) and declared._var_type in (int, float):
        return declared.parse(repr(_coerce(_PLAIN[declared._var_type], value)))  # it knows the bounds
    if isinstance(declared, luigi.BoolParameter) and not isinstance(value, bool):
        if value not in (0, 1) or (isinstance(value, float) and math.isnan(value)):
            raise ParameterError(f"{value!r} is neither true nor false")
        return bool(value)
    if isinstance(declared, luigi.EnumParameter):
        raise ParameterError(f"it is no member of {declared._enum.__name__}")
    return value


_PLAIN: dict[type, luigi.Parameter[Any]] = {int: luigi.IntParameter(), float: luigi.FloatParameter()}

_PARSED_FROM_TEXT = (
    luigi.DateParameter,
    luigi.DateHourParameter,
    luigi.DateMinuteParameter,
    luigi.DateSecondParameter,
    luigi.BoolParameter,
    luigi.DateIntervalParameter,
    luigi.TimeDeltaParameter,
    luigi.EnumParameter,
    luigi.EnumListParameter,
    luigi.ListParameter,
    luigi.DictParameter,
    luigi.NumericalParameter,
)


def adopt(declared: luigi.Parameter[Any], cls: Any, name: str) -> luigi.Parameter[Any]:
    """The parameter as an attribute `name` of a class: a copy where the object already serves another name.

    Luigi keeps a value under the name that the object was given last, so one object under two names would mix them up.
    """
    if getattr(declared, "_attribute_name", name) != name:
        declared = copy.copy(declared)
    if hasattr(declared, "__set_name__"):  # before Luigi 3.7 a parameter did not know its name
        declared.__set_name__(cls, name)
    return declared

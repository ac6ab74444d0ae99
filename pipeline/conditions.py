"""Conditions on parameters, as a person writes them: `rate>=0.1`, `kind=ridge`, `day<2026-03-01`.

Promises: numbers are compared as numbers and everything else as text (dates as they are written sort rightly); a task without the parameter
does not fulfil a condition on it. A value that is missing, or of another kind than what it is compared with, is neither less nor more.
What is no condition, names a parameter that nothing has, or asks for an order that no value has, is a `ConditionError`.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.errors import ConditionError

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}
_EQUALITIES = (operator.eq, operator.ne)
_CONDITION = re.compile(r"\s*([^\W\d]\w*)\s*(>=|<=|!=|==|=|>|<)(.*)", re.DOTALL)

_YEAR = re.compile(r"\d{4}")
#: A day, with or without a time, or an interval of days: by the characters alone.
_DATE = re.compile(r"\d{4}-[\dW][-\dW:.+TZ ]*")


class Condition:
    """One condition. See the module."""

    def __init__(self, text: str) -> None:
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise ConditionError(f"{text!r} is no condition: write a parameter, one of {' '.join(_COMPARE)}, and a value, as in 'rate>=0.1'")
        self.text = text
        self.name, compare, value = found.groups()
        self._compare = _COMPARE[compare]
        self._value = value.strip()

    def can_compare(self, given: str) -> bool:
        """Whether the value and what it is compared with are of one kind, where that matters."""
        return self._compare in _EQUALITIES or _have_an_order(given, self._value)

    def holds(self, params: Mapping[str, str]) -> bool:
        """For public parameters as text."""
        given = params.get(self.name)
        if given is None or not self.can_compare(given):
            return False
        mine, wanted = _number(given), _number(self._value)
        if mine is not None and wanted is not None:
            return self._compare(mine, wanted)
        if given in ("True", "False"):
            return self._compare(given.lower(), self._value.lower())
        return self._compare(given, self._value)


def insist(conditions: Iterable[Condition], known: Sequence[Mapping[str, str]]) -> None:
    """`ConditionError` where one can hold for none of these parameters, whatever their values; nothing is known of what is empty."""
    names = sorted({name for params in known for name in params})
    for condition in conditions:
        given = [params[condition.name] for params in known if condition.name in params]
        there = [value for value in given if _kind(value) != "missing"]
        if there and not any(map(condition.can_compare, given)):
            raise ConditionError(f"{condition.text!r} asks for an order that none of its values has: they are like {there[0]!r}")
        if names and not given:
            close = difflib.get_close_matches(condition.name, names, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
            raise ConditionError(f"{condition.text!r} names a parameter that nothing here has: {hint}")


def _have_an_order(one: str, other: str) -> bool:
    kinds = {_kind(one), _kind(other)}
    if kinds == {"date", "number"}:
        return all(_kind(text) == "date" or _YEAR.fullmatch(text) for text in (one, other))
    return len(kinds) == 1 and "missing" not in kinds


def _kind(text: str) -> str:
    if text in ("", "None"):
        return "missing"
    if text.lower() in ("true", "false"):
        return "truth"
    return "number" if _number(text) is not None else "date" if _DATE.fullmatch(text) else "text"


def _number(text: str) -> float | int | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None

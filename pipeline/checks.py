"""Data checks at the door: what goes into a step and what comes out of it.

A check that fails stops the step with a `CheckError` that says what was wrong; the previous output stays.
"""

from __future__ import annotations

from typing import Any

from pipeline.errors import CheckError
from targets.messages import said


def check(name: str, task: Any, value: Any) -> None:
    """Apply the step's `check_input` or `check_output`, if it has one."""
    if getattr(type(task), name) is None:
        return
    declared = vars_of(type(task), name)
    try:
        validate = getattr(declared, "validate", None)
        verdict = validate(value) if callable(validate) else getattr(task, name)(value)
    except CheckError:
        raise
    except Exception as error:
        raise CheckError(f"{task!r}: {name} found: {type(error).__name__}: {said(error)}") from error
    if verdict is False or (type(verdict).__name__ in ("bool", "bool_") and not verdict):  # numpy has a False of its own
        raise CheckError(f"{task!r}: {name} said no. Raise an exception in it to say why")


def vars_of(cls: type, name: str) -> Any:
    """The attribute as it was declared, not bound to an object."""
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None

"""What an error says, for whoever tells it on.

Promises: never raises but for who ends the process, so that an error whose own message cannot be made does not hide that it came up.
"""

from __future__ import annotations


def said(error: object) -> str:
    """The message of an error, or any other value as text."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a SystemExit that comes from there is no wish to end
        return "its message cannot be shown"


def notes(error: object) -> list[str]:
    """What was added to an error."""
    found = getattr(error, "__notes__", None)
    return [said(note) for note in found] if isinstance(found, list) else []

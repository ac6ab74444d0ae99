"""Text that others gave, for a terminal or a pipe.

Promises: a control character is shown, not obeyed; what is left are characters that any UTF-8 stream can take, line breaks and tabs.
"""

from __future__ import annotations

import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def plain(value: Any) -> str:
    """Text without what a terminal would take for a command."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], str(value)).encode("utf-8", "backslashreplace").decode()

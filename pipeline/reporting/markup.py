"""HTML and SVG as nested calls: `element("td", value, class_="name")`.

Promises: whatever is not `Markup` is escaped, as content and as an attribute, so that no value of a run can become a tag, an attribute or
a script. There is no other way to put a value into a page.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from pipeline.reporting.text import printable

#: Elements without an end tag (of HTML), and those of SVG that we leave without content.
_EMPTY = frozenset({"meta", "br", "col", "rect", "path", "circle", "line"})


class Markup(str):
    """Text that is markup already. Made by this module, and from literals."""

    __slots__ = ()


def escape(value: object, *, lines: bool = False) -> Markup:
    """A value as text of a page."""
    return value if isinstance(value, Markup) else Markup(html.escape(printable(value, lines=lines)))


def element(name: str, /, *content: object, **attributes: object) -> Markup:
    """One element. Lists among the content are its items; an attribute that is None or False is left out.

    `class_` is written `class`, `stroke_width` `stroke-width`.
    """
    written = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None and value is not False)
    if name in _EMPTY and not content:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{join(content)}</{name}>")


def join(parts: Iterable[object], between: str = "") -> Markup:
    """Parts one after the other, each escaped unless it is markup."""
    return Markup(between.join(join(part, between) if isinstance(part, (list, tuple)) else escape(part) for part in parts if part is not None))


def number(value: float) -> str:
    """A coordinate: at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value % 1 else str(int(value))


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: object) -> str:
    if value is True:
        return ""
    return number(value) if isinstance(value, (int, float)) else escape(value)

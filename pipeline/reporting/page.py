"""A page that needs nothing but itself: no script, no font, no image from elsewhere.

The browser is told so as well: a policy in the page lets nothing be loaded and nothing be run, so that even a value that had escaped its
escaping could do neither.
"""

from __future__ import annotations

from pipeline.reporting.markup import Markup, element, join
from pipeline.reporting.style import PAGE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, *content: object, style: str = "") -> str:
    """A whole HTML file."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(PAGE), Markup(style)),
    )
    return join([Markup("<!doctype html>\n"), element("html", head, element("body", element("main", content)), lang="en"), Markup("\n")])


def heading(title: object, *beneath: object) -> Markup:
    """The top of a page."""
    return element("header", element("h1", title), element("p", beneath, class_="soft") if beneath else None)


def section(title: object, *content: object, name: str) -> Markup:
    """A part of a page under its heading; `name` is the anchor."""
    return element("section", element("h2", title), content, id=name)


def scrolling(drawing: Markup) -> Markup:
    """Something that may be wider than the window."""
    return element("div", drawing, class_="wide", tabindex=0)

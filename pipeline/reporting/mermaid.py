"""A graph as Mermaid text, as GitHub and GitLab draw it in a page: no value can end a label or a line."""

from __future__ import annotations

import re

from pipeline.reporting.colours import tone
from pipeline.reporting.graph import Graph, Node
from pipeline.reporting.text import printable, shortened

# A colon too: Mermaid takes the semicolon away from what looks to it like `style a:b#c;`.
_UNSAFE = re.compile(r"[^\w .,=()\[\]{}/+*-]", re.ASCII)
_SHAPES = {"wrapper": ("([", "])"), "external": ("[/", "/]")}


def write(graph: Graph) -> str:
    """The text of one flowchart."""
    lines = ["flowchart LR"]
    for at, node in enumerate(graph.nodes):
        opening, closing = _SHAPES.get(node.kind, ("[", "]"))
        lines.append(f'    n{at}{opening}"{_label(node)}"{closing}')
    for edge in graph.edges:
        arrow = "-.->" if edge.dynamic else "-->"
        label = f'|"{quoted(edge.label)}"|' if edge.label else ""
        lines.append(f"    n{edge.source} {arrow}{label} n{edge.target}")
    for label in graph.counts():
        colours = tone(label)
        members = ",".join(f"n{at}" for at, node in enumerate(graph.nodes) if node.label == label)
        if members:
            name = "of" + "".join(character for character in label if character.isascii() and character.isalnum())
            lines.append(f"    classDef {name} fill:{colours.pale},stroke:{colours.strong},color:#1f2328")
            lines.append(f"    class {members} {name}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """The text inside a label in quotes: what could mean something to Mermaid or to HTML as the number of its character."""
    return _UNSAFE.sub(lambda match: match[0] if ord(match[0]) > 0x7F else f"#{ord(match[0])};", printable(text))


def _label(node: Node) -> str:
    lines = [f"<b>{quoted(shortened(printable(node.title), 60, end=True))}</b> {node.times}".rstrip()]
    lines += [quoted(shortened(printable(str(row)), 60)) for row in node.rows]
    lines += [f"→ {quoted(shortened(printable(output), 60))}" for output in node.output]
    lines.append(f"<i>{quoted(node.caption)}</i>")
    return "<br/>".join(lines)

"""A graph in the language of Graphviz, for whoever has it: no value can end a string or a line."""

from __future__ import annotations

from pipeline.reporting.colours import tone
from pipeline.reporting.graph import Graph, Node
from pipeline.reporting.text import printable, shortened


def write(graph: Graph) -> str:
    """The text of one digraph, with its legend."""
    lines = [
        "digraph pipeline {",
        '    graph [rankdir=LR, bgcolor="white", nodesep=0.3, ranksep=0.7, fontname="Helvetica"];',
        '    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, fontcolor="#1f2328", margin="0.15,0.1"];',
        '    edge [color="#a9b0b9", arrowsize=0.7, fontname="Helvetica", fontsize=10, fontcolor="#5b636d"];',
    ]
    for at, node in enumerate(graph.nodes):
        colours = tone(node.label)
        style = "rounded,filled" if node.kind == "step" else "rounded,filled,dashed"
        lines.append(
            f'    n{at} [label={_label(node)}, fillcolor="{colours.pale}", color="{colours.strong}", style="{style}", '
            f"tooltip={quoted(shortened(printable(f'{node.caption}: {node.tip}' if node.tip else node.caption), 400))}];"
        )
    for edge in graph.edges:
        attributes = [f"label={quoted(edge.label)}"] if edge.label else []
        attributes += ["style=dashed"] if edge.dynamic else []
        lines.append(f"    n{edge.source} -> n{edge.target}{' [' + ', '.join(attributes) + ']' if attributes else ''};")
    legend = [f"{label} {count}" for label, count in graph.counts().items()]
    lines.append(f"    label={quoted('   '.join(legend))};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A string in quotes. Graphviz reads backslashes as its own escapes, and `&lt;` as HTML does."""
    return '"' + printable(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _label(node: Node) -> str:
    lines = [f"{shortened(printable(node.title), 60, end=True)} {node.times}".rstrip()]
    lines += [shortened(printable(str(row)), 60) for row in node.rows]
    lines += [f"→ {shortened(printable(output), 60)}" for output in node.output]
    lines.append(node.caption)
    # `\l` ends a line that stands at the left.
    return '"' + "".join(quoted(line)[1:-1] + "\\l" for line in lines) + '"'

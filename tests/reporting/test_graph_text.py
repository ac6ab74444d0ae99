"""The graph as Mermaid, Graphviz and SVG text: what is drawn is there, and no value can become a part of the language around it."""

import html
import re
from xml.etree.ElementTree import fromstring

import pytest

from pipeline.reporting import dot, mermaid, svg
from pipeline.reporting.graph import Item, Need, draw

HOSTILE = [
    '"]; evil [label="',
    "<script>alert(1)</script>",
    "`markdown` **bold**",
    "back\\slash\\",
    "two\nlines\r\nand a tab\t",
    "nul \x00, bell \x07, escape \x1b[31m",
    "turned \u202eround, \ud800 alone, \ufeff",
    "&lt; &amp; &#60; #quot; #lt;",
    "style a:b#c; classDef x:y#z;",
    "%% comment\nend",
    "]]> --> </svg></style>",
    "漢字 and ünïcödé 🙂",
    "",
    "x" * 5000,
]


def items(value="1"):
    return [
        Item("Ingest", "step", "CURRENT", params={"rows": value}, output=("ParquetTarget",)),
        Item("Train", "step", "CODE", value, {"rows": value}, {"rows": "int"}, ("PickleTarget",), (Need(0),)),
        Item("All", "wrapper", "UPSTREAM", needs=(Need(0, "frame"), Need(1, dynamic=True))),
    ]


def dot_statements(text):
    """The nodes and edges of a digraph; fails where the text is not one."""
    string = r'"(?:[^"\\\n]|\\.)*"'
    attribute = rf"[a-z]+=(?:{string}|[A-Za-z0-9.]+)"
    attributes = rf"\[{attribute}(?:, {attribute})*\]"
    first, *lines, last = text.splitlines()
    assert (first, last) == ("digraph pipeline {", "}")
    nodes, edges = {}, []
    for line in lines:
        node = re.fullmatch(rf" +(n\d+|graph|node|edge) ({attributes});", line)
        edge = re.fullmatch(rf" +(n\d+) -> (n\d+)(?: {attributes})?;", line)
        assert node or edge or re.fullmatch(rf" +label={string};", line), line
        if node and node[1].startswith("n") and node[1] != "node":
            nodes[node[1]] = re.search(rf"label=({string})", node[2])[1]
        if edge:
            edges.append((edge[1], edge[2]))
    return nodes, edges


def mermaid_statements(text):
    """The labels of the nodes, and the edges; fails where a line is none of those that we write."""
    first, *lines = text.splitlines()
    assert first == "flowchart LR"
    nodes, edges = {}, []
    label = r'"([^"]*)"'
    for line in lines:
        node = re.fullmatch(rf" +(n\d+)(?:\[|\(\[|\[/){label}(?:\]|\]\)|/\])", line)
        edge = re.fullmatch(rf" +(n\d+) (?:-->|-\.->)(?:\|{label}\|)? (n\d+)", line)
        assert node or edge or re.fullmatch(r" +(class n\d+(,n\d+)* \w+|classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6})", line), line
        if node:
            nodes[node[1]] = node[2]
        if edge:
            edges.append((edge[1], edge[3]))
    return nodes, edges


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_dot_stays_dot_with_any_value(value):
    nodes, edges = dot_statements(dot.write(draw(items(value))))
    assert list(nodes) == ["n0", "n1", "n2"]
    assert edges == [("n0", "n1"), ("n0", "n2"), ("n1", "n2")]


def test_dot_shows_a_value_as_it_is():
    nodes, _ = dot_statements(dot.write(draw(items('a "b" \\N &lt;'))))
    shown = html.unescape(nodes["n0"][1:-1].replace("\\l", "\n").replace('\\"', '"').replace("\\\\", "\\"))
    assert 'rows = a "b" \\N &lt;' in shown.splitlines()


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_mermaid_stays_mermaid_with_any_value(value):
    nodes, edges = mermaid_statements(mermaid.write(draw(items(value))))
    assert list(nodes) == ["n0", "n1", "n2"]
    assert edges == [("n0", "n1"), ("n0", "n2"), ("n1", "n2")]
    for label in nodes.values():
        assert re.sub(r"</?[bi]>|<br/>", "", label).isprintable()
        assert not re.search(r"[<>`:&;\\]", re.sub(r"</?[bi]>|<br/>|#\d+;", "", label)), label


def test_mermaid_shows_a_value_as_it_is():
    nodes, _ = mermaid_statements(mermaid.write(draw(items("<b> #lt; : `x`"))))
    shown = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), nodes["n0"])
    assert "rows = <b> #lt; : `x`" in shown


@pytest.mark.parametrize("by", ["class", "instance"])
@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_svg_stays_svg_with_any_value(value, by):
    drawing = fromstring(svg.draw(draw(items(value), by=by)).encode("utf-8"))
    names = {element.tag.rpartition("}")[2] for element in drawing.iter()}
    assert names == {"svg", "title", "style", "defs", "marker", "path", "rect", "circle", "g", "text", "tspan"}
    assert all(not name.startswith("on") and "href" not in name for element in drawing.iter() for name in element.attrib)


def test_svg_names_every_step_parameter_and_verdict():
    drawing = fromstring(svg.draw(draw(items("17"))))
    shown = " ".join("".join(element.itertext()) for element in drawing.iter("{http://www.w3.org/2000/svg}text"))
    for word in ("Ingest", "Train", "All", "wrapper", "rows", "17", "ParquetTarget", "CURRENT", "CODE", "UPSTREAM", "frame"):
        assert word in shown


def test_svg_draws_no_text_wider_than_its_card():
    """By the widths for which room is made: a column of the widest font that is named."""
    params = {"a_parameter_with_a_rather_long_name_" * 2: "value " * 50, "b": "漢" * 60}
    drawing = fromstring(svg.draw(draw([Item("a.long.namespace." * 6 + "Family", "external", "MISSING", params=params)])))
    space = "{http://www.w3.org/2000/svg}"
    card = next(element for element in drawing.iter(f"{space}rect") if "card" in element.get("class", ""))
    left, right = float(card.get("x")), float(card.get("x")) + float(card.get("width"))
    for element in drawing.find(f"{space}g").iter(f"{space}text"):
        text = "".join(element.itertext())
        columns = sum(2 if ord(character) > 0x2E80 else 1 for character in text)
        size = float(element.get("font-size", 12)) * (0.61 if "mono" in element.get("font-family", "") else 0.68)
        x = float(element.get("x"))
        begin, end = (x - columns * size, x) if element.get("text-anchor") == "end" else (x, x + columns * size)
        assert left <= begin, text
        assert end <= right, text


def test_many_tasks_are_drawn_by_class():
    many = [Item("Ingest", "step", "CURRENT", params={"day": str(day), "rows": "5"}, output=("ParquetTarget",)) for day in range(31)]
    many.append(Item("Train", "step", "MISSING", needs=tuple(Need(at) for at in range(31))))
    graph = draw(many)
    assert [(node.title, node.size) for node in graph.nodes] == [("Ingest", 31), ("Train", 1)]
    assert [str(row) for row in graph.nodes[0].rows] == ["day = 31 values", "rows = 5"]
    assert [(edge.source, edge.target) for edge in graph.edges] == [(0, 1)]
    assert len(draw(many, by="instance").nodes) == 32


def test_a_class_has_the_colour_of_what_needs_attention_most():
    labels = ["kept", "CURRENT", "UPSTREAM", "CODE", "failed"]
    for worst in range(1, len(labels) + 1):
        graph = draw([Item("Step", "step", label) for label in labels[:worst]], by="class")
        assert graph.nodes[0].label == labels[worst - 1]


def test_a_label_of_a_later_version_is_drawn_too():
    graph = draw([Item("Step", "step", "NEW*}</style>")])
    fromstring(svg.draw(graph))
    assert mermaid_statements(mermaid.write(graph))[0]
    assert dot_statements(dot.write(graph))[0]

"""A graph as SVG: cards in layers, lines from what is required to what requires it, a legend.

The picture needs nothing but itself: colours are attributes, so that every viewer shows them, and a style sheet changes them where dark
colours are preferred. Text is cut where it would not fit, and the whole of it is in the card's tooltip.
"""

from __future__ import annotations

from pipeline.reporting import layout
from pipeline.reporting.colours import tone
from pipeline.reporting.graph import Graph, Node
from pipeline.reporting.layout import Box, Layout, Point
from pipeline.reporting.markup import Markup, element, join, number
from pipeline.reporting.text import plural, printable, shortened, width

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
#: How wide a column is at most, in parts of the font's size: of the widest of those sans fonts in bold, and of any with columns.
_SANS_COLUMN, _MONO_COLUMN = 0.68, 0.61

_TITLE, _TEXT, _CAPTION = 14.0, 12.0, 11.5
_LINE, _PAD, _STRIPE = 18.0, 14.0, 4.0
_NARROWEST, _WIDEST = 150.0, 320.0
_MARGIN = 24.0
#: A graph that would be wider runs from top to bottom, if that is narrower.
WIDEST = 1080.0

_INK, _SOFT, _EDGE, _GROUND = "#1f2328", "#5b636d", "#a9b0b9", "#ffffff"
_DARK_INK, _DARK_SOFT, _DARK_EDGE, _DARK_GROUND = "#e6e8eb", "#a4abb6", "#5d6570", "#14161a"


def draw(graph: Graph, *, ground: bool = True) -> Markup:
    """The graph as one `<svg>` element. `ground`: with a background of its own, for a file."""
    sizes = [_size(node) for node in graph.nodes]
    placed = layout.place(sizes, [(edge.source, edge.target) for edge in graph.edges], widest=WIDEST - 2 * _MARGIN)
    full = max(placed.width, 260.0)
    legend, legend_height = _legend(graph, full)
    outer = (full + 2 * _MARGIN, placed.height + legend_height + 2 * _MARGIN)
    left = (full - placed.width) / 2
    drawn = element(
        "g",
        [_line(placed, at, graph.edges[at].label, graph.edges[at].dynamic) for at in range(len(graph.edges))],
        [_loop(placed.boxes[edge.source]) for edge in graph.edges if edge.source == edge.target],
        [_card(node, box) for node, box in zip(graph.nodes, placed.boxes, strict=True)],
        transform=f"translate({number(_MARGIN + left)} {number(_MARGIN)})",
    )
    words = f"{plural(sum(node.size for node in graph.nodes), 'task')}: " + ", ".join(f"{n} {label}" for label, n in graph.counts().items())
    return element(
        "svg",
        element("title", words),
        element("style", style(graph.counts())),
        _arrow(),
        element("rect", class_="ground", width=outer[0], height=outer[1], fill=_GROUND) if ground else None,
        drawn,
        element("g", legend, transform=f"translate({number(_MARGIN)} {number(_MARGIN + placed.height)})"),
        xmlns="http://www.w3.org/2000/svg",
        width=outer[0],
        height=outer[1],
        viewBox=f"0 0 {number(outer[0])} {number(outer[1])}",
        font_family=SANS,
        font_size=_TEXT,
        role="img",
    )


def style(labels: object) -> Markup:
    """What differs on a dark page."""
    dark = [
        f".ground{{fill:{_DARK_GROUND}}}.ink{{fill:{_DARK_INK}}}.soft{{fill:{_DARK_SOFT}}}.edge{{stroke:{_DARK_EDGE}}}.tip{{fill:{_DARK_EDGE}}}"
        f".halo{{stroke:{_DARK_GROUND};fill:{_DARK_SOFT}}}"
    ]
    for label in labels:  # type: ignore[attr-defined]
        colours = tone(label)
        dark.append(
            f".card-{_class(label)}{{fill:{colours.dark_pale};stroke:{colours.dark_strong}}}.dot-{_class(label)}{{fill:{colours.dark_strong}}}"
        )
    return Markup(f"@media (prefers-color-scheme:dark){{{''.join(dark)}}}")


def _class(label: str) -> str:
    """A label is a word; one that a later version wrote may be anything."""
    return "".join(character for character in label.lower() if character.isascii() and character.isalnum()) or "other"


def _size(node: Node) -> tuple[float, float]:
    widths = [_title_width(node)]
    widths += [_row_width(row.name, row.type, row.value) for row in node.rows]
    widths += [width(f"→ {printable(output)}") * _TEXT * _MONO_COLUMN for output in node.output]
    captions = _caption_lines(node)
    widths += [max(map(_caption_width, captions))]
    inner = min(max(_NARROWEST, *widths), _WIDEST)
    lines = 1 + len(node.rows) + len(node.output) + len(captions)
    return inner + 2 * _PAD + _STRIPE, lines * _LINE + 2 * _PAD - 2 + (6 if node.rows or node.output else 0)


def _title_width(node: Node) -> float:
    return width(printable(node.title)) * _TITLE * _SANS_COLUMN + (width(_beside(node)) + 2) * _TEXT * _SANS_COLUMN


def _row_width(name: str, kind: str, value: str) -> float:
    return (width(printable(name)) + (width(kind) + 1 if kind else 0) + 3 + min(width(printable(value)), 26)) * _TEXT * _MONO_COLUMN


def _caption_lines(node: Node) -> list[list[tuple[str, str]]]:
    """Labels and how they are written, in as many lines as they need."""
    lines: list[list[tuple[str, str]]] = [[]]
    for label in node.labels:
        words = (label, label if node.size == 1 else f"{node.counts[label]:,} {label}")
        if lines[-1] and _caption_width([*lines[-1], words]) > _WIDEST:
            lines.append([])
        lines[-1].append(words)
    return lines


def _caption_width(line: list[tuple[str, str]]) -> float:
    return sum(width(words) + 3 for _, words in line) * _CAPTION * _SANS_COLUMN


def _beside(node: Node) -> str:
    """What stands beside the title: how many tasks it is, or what kind of task where that is not the usual one."""
    return node.times or ("" if node.kind == "step" else node.kind)


def _card(node: Node, box: Box) -> Markup:
    label = node.label
    colours = tone(label)
    inner = box.width - 2 * _PAD - _STRIPE
    left, right = box.x + _PAD + _STRIPE, box.x + box.width - _PAD
    parts: list[Markup] = []
    baseline = box.y + _PAD + 10
    beside = _beside(node)
    columns = int((inner - (width(beside) + 1) * _TEXT * _SANS_COLUMN) / (_TITLE * _SANS_COLUMN))
    title = shortened(printable(node.title), max(columns, 8), end=True)
    parts.append(element("text", title, class_="ink", x=left, y=baseline, font_size=_TITLE, font_weight=600, fill=_INK))
    if beside:
        parts.append(element("text", beside, class_="soft", x=right, y=baseline, text_anchor="end", fill=_SOFT))
    baseline += 4 if node.rows or node.output else 0
    total = int(inner / (_TEXT * _MONO_COLUMN))
    for row in node.rows:
        baseline += _LINE
        value = shortened(printable(row.value), 26)
        name = shortened(printable(row.name), max(total - width(value) - 2, 6))
        room = total - width(name) - width(value) - 3
        kind = element("tspan", f" {row.type}", class_="soft", fill=_SOFT) if row.type and width(row.type) <= room else None
        parts.append(element("text", name, kind, class_="ink", x=left, y=baseline, font_family=MONO, fill=_INK, style="white-space:pre"))
        if value:
            parts.append(element("text", value, class_="ink", x=right, y=baseline, font_family=MONO, text_anchor="end", fill=_INK))
    for output in node.output:
        baseline += _LINE
        parts.append(
            element("text", shortened(f"→ {printable(output)}", total), class_="soft", x=left, y=baseline, font_family=MONO, fill=_SOFT),
        )
    baseline += 2
    for line in _caption_lines(node):
        baseline += _LINE
        parts.append(_caption(line, left, baseline))
    return element(
        "g",
        element("title", _tip(node)),
        element(
            "rect",
            class_=f"card-{_class(label)}",
            x=box.x,
            y=box.y,
            width=box.width,
            height=box.height,
            rx=8,
            fill=colours.pale,
            stroke=colours.strong,
            stroke_opacity=0.55,
            stroke_dasharray=None if node.kind == "step" else "5 4",
        ),
        _stripe(node, box),
        parts,
    )


def _stripe(node: Node, box: Box) -> list[Markup]:
    """The labels' shares as lengths of one stripe."""
    found, y, height = [], box.y + 10, box.height - 20
    # However small a share is, it is seen.
    spare = height - 4 * len(node.labels)
    for label in node.labels:
        share = 4 + spare * node.counts[label] / node.size
        drawn = {"x": box.x + 7, "y": y, "width": _STRIPE, "height": share, "rx": min(2, share / 2)}
        found.append(element("rect", class_=f"dot-{_class(label)}", fill=tone(label).strong, **drawn))
        y += share
    return found


def _caption(line: list[tuple[str, str]], x: float, y: float) -> Markup:
    spans: list[Markup] = []
    for label, words in line:
        spans.append(element("tspan", "  ● " if spans else "● ", class_=f"dot-{_class(label)}", fill=tone(label).strong))
        spans.append(element("tspan", words, class_="ink", fill=_INK))
    return element("text", spans, x=x, y=y, style="white-space:pre", font_size=_CAPTION)


def _tip(node: Node) -> str:
    lines = [node.title, *map(str, node.rows), *(f"→ {output}" for output in node.output), node.caption + (f": {node.tip}" if node.tip else "")]
    return "\n".join(shortened(printable(line), 400) for line in lines)


def _line(placed: Layout, at: int, label: str, dynamic: bool) -> Markup | None:
    stations = placed.lines[at]
    if not stations:
        return None
    tip = 7.0
    start = stations[0][1]
    path = [f"M{_point(start)}"]
    here = start
    for enters, leaves in stations[1:]:
        last = (enters, leaves) == stations[-1]
        end = _towards(enters, here, tip, placed.across) if last else enters
        path.append(_curve(here, end, placed.across))
        if not last:
            path.append(f"L{_point(leaves)}")
            here = leaves
    drawn = element(
        "path",
        class_="edge",
        d="".join(path),
        fill="none",
        stroke=_EDGE,
        stroke_width=1.5,
        stroke_dasharray="5 4" if dynamic else None,
        marker_end="url(#tip)",
    )
    if not label:
        return drawn
    middle = _between(start, stations[1][0])
    return join(
        [
            drawn,
            element(
                "text",
                shortened(printable(label), 30),
                class_="soft halo",
                x=middle[0],
                y=middle[1] + 4,
                text_anchor="middle",
                font_size=11,
                fill=_SOFT,
                stroke=_GROUND,
                stroke_width=4,
                paint_order="stroke",
            ),
        ]
    )


def _loop(box: Box) -> Markup:
    """A family whose tasks require others of it."""
    x, y = box.x + box.width - 26, box.y
    return element(
        "path", class_="edge", d=f"M{_point((x - 14, y))}C{_point((x - 14, y - 22))} {_point((x + 10, y - 22))} {_point((x + 10, y - 7))}",
        fill="none", stroke=_EDGE, stroke_width=1.5, marker_end="url(#tip)",
    )  # fmt: skip


def _arrow() -> Markup:
    tip = element("path", class_="tip", d="M0 0L8 4L0 8z", fill=_EDGE)
    return element(
        "defs", element("marker", tip, id="tip", markerWidth=8, markerHeight=8, refX=1, refY=4, orient="auto", markerUnits="userSpaceOnUse")
    )


def _point(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _towards(point: Point, other: Point, distance: float, across: bool) -> Point:
    """Some way before the point, for who comes from the other; against the direction of the graph where a cycle is closed."""
    along = 0 if across else 1
    distance = -distance if other[along] < point[along] else distance
    return (point[0] + distance, point[1]) if across else (point[0], point[1] + distance)


def _between(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def _curve(start: Point, end: Point, across: bool) -> str:
    middle = _between(start, end)
    first, second = ((middle[0], start[1]), (middle[0], end[1])) if across else ((start[0], middle[1]), (end[0], middle[1]))
    return f"C{_point(first)} {_point(second)} {_point(end)}"


def _legend(graph: Graph, room: float) -> tuple[list[Markup], float]:
    """A dot, a word and a number for each label, in as many lines as they need."""
    found: list[Markup] = []
    x, y = 0.0, 44.0
    for label, count in graph.counts().items():
        words = f"{label} {count:,}"
        needed = 18 + width(words) * _TEXT * _SANS_COLUMN + 16
        if x and x + needed > room:
            x, y = 0.0, y + 20
        found.append(element("circle", class_=f"dot-{_class(label)}", cx=x + 5, cy=y - 4, r=5, fill=tone(label).strong))
        count_span = element("tspan", f" {count:,}", class_="soft", fill=_SOFT)
        found.append(element("text", label, count_span, class_="ink", x=x + 17, y=y, fill=_INK, style="white-space:pre"))
        x += needed
    return found, y + 6

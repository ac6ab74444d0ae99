"""The table of steps: one table while it can be taken in, otherwise one for each family, folded.

A family's table has a column for each parameter in which its steps differ; what is the same for all of them stands above it.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pipeline.columns import TaskEntry
from pipeline.reporting.colours import ORDER, sorted_by_attention
from pipeline.reporting.earlier import Earlier, Usual
from pipeline.reporting.markup import Markup, element, join
from pipeline.reporting.style import tone_class
from pipeline.reporting.text import plural, printable, seconds, shortened

#: Up to so many steps stand in one table.
FEW = 60
#: The page has at most so many rows; of a family with more than its share, those that need attention most.
MOST_ROWS = 5_000
_MOST_COLUMNS = 6
#: Parts of a duration that are said to be slower or faster, and seconds below which nothing is said.
_NOTABLE, _NEGLIGIBLE = 0.2, 0.1


def draw(tasks: Sequence[TaskEntry], earlier: Earlier) -> Markup:
    """All tasks of a run."""
    if len(tasks) <= FEW:
        rows = [_row(task, earlier, element("td", _name(task)), element("td", _chips(task.params), class_="params")) for task in tasks]
        return _table(["Step", "Parameters"], rows, "steps stacked")
    families: dict[str, list[TaskEntry]] = {}
    for task in tasks:
        families.setdefault(task.family, []).append(task)
    share = _share([len(members) for members in families.values()])
    return join([_family(family, members, earlier, share) for family, members in families.items()])


def _family(family: str, members: list[TaskEntry], earlier: Earlier, share: int) -> Markup:
    counts = Counter(task.state for task in members)
    took = [task.duration for task in members if task.begun is not None]
    names = dict.fromkeys(name for task in members for name in task.params)
    same = {name: members[0].params[name] for name in names if len({task.params.get(name) for task in members}) == 1}
    different = [name for name in names if name not in same]
    shown = sorted(members, key=_attention)[:share]
    rows = []
    for task in shown:
        if len(different) > _MOST_COLUMNS:
            cells = [element("td", _chips({name: task.params[name] for name in different if name in task.params}), class_="params")]
        else:
            cells = [element("td", _value(task.params.get(name, ""), 40), class_="mono") for name in different]
        rows.append(_row(task, earlier, *cells))
    heads = ["Parameters"] if len(different) > _MOST_COLUMNS else different
    summary = element(
        "summary",
        element("span", family, class_="name"),
        element("span", _counts(counts), class_="counts"),
        element("span", f"{seconds(sum(took))} in all, {seconds(statistics.median(took))} each" if took else "", class_="soft took"),
        _bar(counts),
    )
    return element(
        "details",
        summary,
        element("p", element("span", "All with ", class_="soft"), _chips(same), class_="params") if same and len(members) > 1 else None,
        _table(heads, rows, "steps"),
        element("p", f"{_left_out(members, shown)} are not listed here.", class_="soft") if len(shown) < len(members) else None,
        class_="family",
        open=True if counts.get("failed") else None,
    )


def _row(task: TaskEntry, earlier: Earlier, *cells: Markup) -> Markup:
    usual = earlier.usual(task)
    took = task.begun is not None
    return element(
        "tr",
        cells[:1],
        element("td", pill(task.state)),
        element("td", element("span", task.rule, class_=f"rule {tone_class(task.rule)}"), _reason(task), class_="why"),
        cells[1:],
        element("td", seconds(task.duration) if took else "", class_="number"),
        element("td", _compared(task.duration, usual) if took and usual else _expected(usual), class_="number"),
    )


def _table(heads: list[str], rows: Iterable[Markup], classes: str) -> Markup:
    numbers = [element("th", words, class_="number", scope="col") for words in ("Duration", "Earlier runs")]
    names = [element("th", shortened(printable(words), 40), scope="col") for words in heads]
    outcome = [element("th", words, scope="col") for words in ("Outcome", "Verdict")]
    head = element("thead", element("tr", names[:1], outcome, names[1:], numbers))
    return element("div", element("table", head, element("tbody", rows), class_=classes), class_="wide", tabindex=0)


def pill(state: str) -> Markup:
    """What became of a step, in its colour."""
    return element("span", state, class_=f"pill {tone_class(state)}")


def _name(task: TaskEntry) -> Markup:
    kind = element("span", f" {task.kind}", class_="soft") if task.kind != "step" else None
    return element("span", element("b", shortened(printable(task.family), 60, end=True), title=task.task), kind, class_="name")


def _reason(task: TaskEntry) -> Markup | None:
    return element("span", f" {shortened(printable(task.reason), 160)}", class_="soft", title=_tip(task.reason, 160)) if task.reason else None


def _chips(params: Mapping[str, str]) -> Markup:
    return join([element("span", element("i", name), " ", _value(value, 60), class_="chip") for name, value in params.items()], between=" ")


def _value(value: str, columns: int) -> Markup:
    text = printable(value)
    short = shortened(text, columns)
    return element("code", short, title=None if short == text else shortened(text, 1000))


def _tip(text: str, columns: int) -> str | None:
    whole = printable(text)
    return None if shortened(whole, columns) == whole else shortened(whole, 1000)


def _compared(took: float, usual: Usual) -> Markup:
    """How it was before, and by how much it has become slower or faster."""
    words = f"{seconds(usual.seconds)}"
    change = took / usual.seconds - 1 if usual.seconds > 0 else 0.0
    mark = None
    if abs(took - usual.seconds) >= _NEGLIGIBLE and abs(change) >= _NOTABLE:
        by = f"{100 * change:+.0f} %" if change < 9 else f"{change + 1:.0f} times"
        mark = element("span", by.replace("-", "\N{MINUS SIGN}"), class_=f"change {'slower' if change > 0 else 'faster'}")
    return join([mark, " " if mark else None, element("span", words, class_="soft", title=_of(usual))])


def _expected(usual: Usual | None) -> Markup | None:
    return element("span", seconds(usual.seconds), class_="soft", title=_of(usual)) if usual is not None and usual.same else None


def _of(usual: Usual) -> str:
    of = plural(usual.count, "earlier execution")
    return f"the median of {of}" if usual.same else f"the median of {of} of other steps of its family"


def _counts(counts: Mapping[str, int]) -> Markup:
    return join(
        [element("span", element("i", class_="dot"), f"{counts[state]:,} {state}", class_=tone_class(state)) for state in sorted_by_attention(counts)]
    )


def _bar(counts: Mapping[str, int]) -> Markup:
    """The shares of the outcomes as one thin bar."""
    total = sum(counts.values())
    parts = [element("i", class_=tone_class(state), style=f"width:{100 * counts[state] / total:.2f}%") for state in sorted_by_attention(counts)]
    return element("span", parts, class_="shares")


def _attention(task: TaskEntry) -> tuple[int, float]:
    """Failed ones first; the longest of those that ran."""
    return (ORDER.index(task.state) if task.state in ORDER else len(ORDER), -task.duration)


def _share(sizes: list[int]) -> int:
    """How many rows each family may have, so that all of them have MOST_ROWS at most."""
    left, families = MOST_ROWS, sorted(sizes)
    for at, size in enumerate(families):
        fair = left // (len(families) - at)
        if size > fair:
            return max(fair, 1)
        left -= size
    return max(sizes, default=0)


def _left_out(members: list[TaskEntry], shown: list[TaskEntry]) -> str:
    counts = Counter(task.state for task in members) - Counter(task.state for task in shown)
    return ", ".join(
        f"{counts[state]:,} that were {state}" if state != "ran" else f"{counts[state]:,} that ran" for state in sorted_by_attention(counts)
    )

"""The table of steps: one table while it can be taken in, otherwise one for each family, folded.

A family's table has a column for each parameter in which its steps differ; what is the same for all of them stands above it, once.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline import units
from pipeline.columns import TaskEntry
from pipeline.reporting.colours import ORDER, sorted_by_attention
from pipeline.reporting.earlier import Earlier, Usual
from pipeline.reporting.markup import Markup, element, escape, join
from pipeline.reporting.style import tone_class
from pipeline.reporting.text import plural, printable, shortened, visible

#: Up to so many steps stand in one table.
FEW = 60
#: The page has at most so many rows; of a family with more than its share, those that need attention most.
MOST_ROWS = 5_000
#: A family whose steps differ in more parameters has them in one column.
_MOST_COLUMNS = 6
#: Parts of a duration that are said to be slower or faster, and seconds below which nothing is said.
_NOTABLE, _NEGLIGIBLE = 0.2, 0.1


def draw(tasks: Sequence[TaskEntry], earlier: Earlier) -> Markup:
    """All tasks of a run."""
    if len(tasks) <= FEW:
        table = _Table(tasks, earlier, ["Step", "Parameters"], "steps stacked")
        for task in tasks:
            table.add(task, element("td", _name(task)), element("td", _chips(task.params), class_="params"))
        return table.drawn()
    families: dict[str, list[TaskEntry]] = {}
    for task in tasks:
        families.setdefault(task.family, []).append(task)
    share = _share([len(members) for members in families.values()])
    return join([_family(family, members, earlier, share) for family, members in families.items()])


class _Table:
    """One table; the first cell of a row and the rest of what is given stand around outcome and verdict."""

    def __init__(self, tasks: Sequence[TaskEntry], earlier: Earlier, heads: list[str], classes: str, *, reasons: bool = True) -> None:
        self._earlier, self._heads, self._classes, self._reasons = earlier, heads, classes, reasons
        self._compares = any(self._usual(task) is not None for task in tasks)
        self._rows: list[Markup] = []

    def add(self, task: TaskEntry, *cells: Markup) -> None:
        took, usual = task.begun is not None, self._usual(task)
        verdict = [element("span", task.rule, class_=f"rule {tone_class(task.rule)}"), _reason(task) if self._reasons else None]
        compared = _compared(task.duration, usual) if took and usual is not None else _usually(usual)
        self._rows.append(
            element(
                "tr",
                cells[:1],
                element("td", element("span", task.state, class_=f"pill {tone_class(task.state)}")),
                element("td", verdict, class_="why"),
                cells[1:],
                element("td", units.duration(task.duration) if took else None, class_="number"),
                element("td", compared, class_="number") if self._compares else None,
            )
        )

    def drawn(self) -> Markup:
        names = [element("th", shortened(printable(words), 40), scope="col") for words in self._heads]
        outcome = [element("th", words, scope="col") for words in ("Outcome", "Verdict")]
        numbers = [element("th", words, class_="number", scope="col") for words in ("Duration", *(["Earlier runs"] if self._compares else []))]
        head = element("thead", element("tr", names[:1], outcome, names[1:], numbers))
        return element("div", element("table", head, element("tbody", self._rows), class_=self._classes), class_="wide", tabindex=0)

    def _usual(self, task: TaskEntry) -> Usual | None:
        """What others of the family took says something about a step that ran, and nothing about one that was kept."""
        found = self._earlier.usual(task)
        return found if found is not None and (found.same or task.begun is not None) else None


def _family(family: str, members: list[TaskEntry], earlier: Earlier, share: int) -> Markup:
    names = dict.fromkeys(name for task in members for name in task.params)
    same = {name: members[0].params[name] for name in names if len({task.params.get(name) for task in members}) == 1}
    different = [name for name in names if name not in same]
    one_reason = len(members) > 1 and len({(task.rule, task.reason) for task in members}) == 1
    in_one = len(different) > _MOST_COLUMNS
    table = _Table(members, earlier, ["Parameters"] if in_one else different, "steps", reasons=not one_reason)
    shown = sorted(members, key=_attention)[:share]
    for task in shown:
        if in_one:
            table.add(task, element("td", _chips({name: task.params[name] for name in different if name in task.params}), class_="params"))
        else:
            table.add(task, *(element("td", _value(task.params[name], 40) if name in task.params else None) for name in different))
    common = [_chips(same), " ", _verdict(members[0]) if one_reason and members[0].reason else None]
    return element(
        "details",
        _summary(family, members),
        element("p", common, class_="params") if same or (one_reason and members[0].reason) else None,
        table.drawn(),
        element("p", f"{_left_out(members, shown)} are not listed here.", class_="soft") if len(shown) < len(members) else None,
        class_="family",
        open=True if any(task.state == "failed" for task in members) else None,
    )


def _summary(family: str, members: list[TaskEntry]) -> Markup:
    counts = Counter(task.state for task in members)
    took = [task.duration for task in members if task.begun is not None]
    each = units.duration(sum(took)) if took else None
    if len(took) > 1:
        each = f"{each} in all, {units.duration(statistics.median(took))} each"
    states = sorted_by_attention(counts)
    words = [element("span", element("i", class_="dot"), f"{counts[state]:,} {state}", class_=tone_class(state)) for state in states]
    # However small a share is, it is seen.
    shares = [element("i", class_=tone_class(state), style=f"flex:{counts[state]} 0 6px") for state in states]
    return element(
        "summary",
        element("span", family, class_="name"),
        element("span", words, class_="counts"),
        element("span", each, class_="soft took"),
        element("span", shares, class_="shares"),
    )


def _name(task: TaskEntry) -> Markup:
    kind = element("span", f" {task.kind}", class_="soft") if task.kind != "step" else None
    return element(
        "span", element("b", shortened(printable(task.family), 60, end=True), title=shortened(printable(task.task), 300)), kind, class_="name"
    )


def _verdict(task: TaskEntry) -> Markup:
    return element("span", element("span", task.rule, class_=f"rule {tone_class(task.rule)}"), _reason(task), class_="chip")


def _reason(task: TaskEntry) -> Markup | None:
    return element("span", " ", _cut(task.reason, 160), class_="soft") if task.reason else None


def _chips(params: Mapping[str, str]) -> Markup:
    """Names with values, one after the other."""
    return join([element("span", element("i", name), " ", _value(value, 60), class_="chip") for name, value in params.items()], between=" ")


def _value(value: str, columns: int) -> Markup:
    return element("code", _cut(visible(value), columns))


def _cut(text: str, columns: int) -> Markup:
    """Text that is not too long, with the whole of it for who points at it."""
    whole = printable(text)
    short = shortened(whole, columns)
    return element("span", short, title=shortened(whole, 1000)) if short != whole else escape(whole)


def _compared(took: float, usual: Usual) -> Markup:
    """How long it took before, and by how much it has become slower or faster."""
    change = took / usual.seconds - 1 if usual.seconds > 0 else 0.0
    mark = None
    if abs(took - usual.seconds) >= _NEGLIGIBLE and abs(change) >= _NOTABLE:
        words = f"{100 * change:+.0f} %" if change < 9 else f"{change + 1:,.0f} times"
        mark = element("span", words.replace("-", "\N{MINUS SIGN}"), class_=f"change {'slower' if change > 0 else 'faster'}")
    return join([mark, " " if mark else None, _usually(usual)])


def _usually(usual: Usual | None) -> Markup | None:
    if usual is None:
        return None
    of = f"the median of {plural(usual.count, 'earlier execution')}"
    return element("span", units.duration(usual.seconds), class_="soft", title=of if usual.same else f"{of} of other steps of its family")


def _attention(task: TaskEntry) -> tuple[int, float]:
    """Failed ones first; the longest of those that ran."""
    return ORDER.index(task.state) if task.state in ORDER else len(ORDER), -task.duration


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
    return ", ".join(f"{counts[state]:,} that {state if state == 'ran' else 'were ' + state}" for state in sorted_by_attention(counts))

"""Pages as a person sees them, in a real Chromium: no complaint in its console, nothing asked for, nothing run, nothing cut or overlapping."""

import os
import pathlib
import subprocess
import sys

import luigi
import pytest

import pipeline
from pipeline import Task
from pipeline.reporting import earlier, report
from targets import JsonTarget

ROOT = pathlib.Path(__file__).parent.parent.parent
EVIL = [
    "<script>document.title='run'; alert(1)</script>",
    '"><img src=x onerror="document.title=\'run\'">',
    "'><svg onload=document.title='run'>",
    "</style></svg></title></pre><script>document.title='run'</script>",
    "javascript:document.title='run'",
]


class Fetch(Task):
    day = luigi.IntParameter()
    source = luigi.Parameter(default="plain")
    target_type = JsonTarget

    def easy_run(self, inputs):
        return self.day


class Clean(Task):
    """Every 400th fails, with a message that would like to be markup."""

    day = luigi.IntParameter()
    target_type = JsonTarget

    def requires(self):
        return Fetch(day=self.day)

    def easy_run(self, inputs):
        if self.day % 400 == 399:
            raise ValueError(f"no data for <b>day</b> {self.day} {EVIL[0]}")
        return inputs


class Summarise(Task):
    first = luigi.IntParameter()
    target_type = JsonTarget

    def requires(self):
        return [Clean(day=day) for day in range(self.first, self.first + 10)]

    def easy_run(self, inputs):
        return sum(inputs)


def page_of(run, store, folder):
    """The page of the run that was just made."""
    from pipeline import entries
    from targets.opening import open_store

    found = entries.find(open_store(str(store)), run.id)
    path = folder / "report.html"
    path.write_text(report.write(found, earlier.Earlier([]), {}), encoding="utf-8")
    return path


def insist_on_calm(page, path):
    assert page.complaints == []
    assert page.requests == [path.as_uri()]
    assert page.ask("document.scripts.length") == 0


#: Texts of cards that reach out of their card, or into each other, as Chromium has set them.
OUTSIDE = """
Array.from(document.querySelectorAll('svg g')).flatMap(group => {
  const card = group.querySelector(':scope > rect[class^=card]');
  if (!card) return [];
  const box = card.getBBox(), texts = Array.from(group.querySelectorAll(':scope > text'));
  const boxes = texts.map(text => text.getBBox());
  return texts.filter((text, at) => boxes[at].x < box.x + 4 || boxes[at].x + boxes[at].width > box.x + box.width - 4 ||
    boxes[at].y < box.y || boxes[at].y + boxes[at].height > box.y + box.height ||
    boxes.some((other, place) => place !== at && other.x < boxes[at].x + boxes[at].width && boxes[at].x < other.x + other.width &&
      other.y + 3 < boxes[at].y + boxes[at].height && boxes[at].y + 3 < other.y + other.height)
  ).map(text => text.textContent);
})
"""
#: Marks of the time's axis that run into each other.
CROWDED = """
Array.from(document.querySelectorAll('.lane-axis i')).map(one => one.getBoundingClientRect()).filter(box => box.width)
  .filter((box, at, boxes) => at && box.left < boxes[at - 1].right + 2).length
"""
#: How much wider than the window a page is.
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The example app run twice, its graph, and reports of both runs."""
    folder = tmp_path_factory.mktemp("example")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "PIPELINE_"))}
    environment |= {"PIPELINE_TARGET_DIR": str(folder / "store"), "PIPELINE_JSON_LOG": "", "APP_DEPLOY_DIR": str(folder / "deployed")}

    def command(*arguments):
        subprocess.run([sys.executable, "run.py", *arguments], cwd=ROOT, env=environment, check=True, capture_output=True)

    command()
    command("--force", "TrainModel+")
    command("graph", "--output", str(folder / "graph.html"))
    command("graph", "--output", str(folder / "graph.svg"))
    command("report", "--output", str(folder / "report.html"))
    command("report", "last-1", "--output", str(folder / "first.html"))
    return folder


@pytest.mark.parametrize("width", [390, 640, 1200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["report.html", "first.html", "graph.html"])
def test_the_example_is_shown_whole(browser, example, name, width, dark):
    page = browser.open(example / name, width=width, dark=dark)
    insist_on_calm(page, example / name)
    for family in ("IngestRecords", "TrainModel", "EvaluateModel", "DeployModel"):
        assert family in page.ask("document.body.innerText")
    assert page.ask(OUTSIDE) == []
    assert page.ask(TOO_WIDE) == 0
    assert page.ask(CROWDED) == 0


def test_a_graph_alone_is_a_picture(browser, example):
    page = browser.open(example / "graph.svg")
    assert page.complaints == []
    assert page.requests == [(example / "graph.svg").as_uri()]
    assert page.ask(OUTSIDE) == []
    assert "DeployModel" in page.ask("document.documentElement.textContent")


def test_dark_pages_are_dark(browser, example):
    for name in ("report.html", "graph.html"):
        for dark in (False, True):
            page = browser.open(example / name, dark=dark)
            light = page.ask("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)")
            card = page.ask(
                "getComputedStyle(document.querySelector('rect[class^=card]')).fill.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0)"
            )
            assert (light < 150, card < 250) == (dark, dark)


def test_one_step_is_a_page_too(browser, store, tmp_path):
    path = page_of(pipeline.build(Fetch(day=1)), store, tmp_path)
    page = browser.open(path)
    insist_on_calm(page, path)
    assert page.ask("document.querySelectorAll('tbody tr').length") == 1
    assert page.ask("document.querySelectorAll('.bar').length") == 1
    assert page.ask(OUTSIDE) == []


def test_values_that_would_like_to_be_a_script_are_shown_and_not_run(browser, store, tmp_path):
    steps = [Fetch(day=1, source=value) for value in EVIL]
    path = page_of(pipeline.build([*steps, Clean(day=399)], reason=EVIL[3]), store, tmp_path)
    page = browser.open(path)
    insist_on_calm(page, path)
    shown = page.ask("document.body.textContent")
    for value in EVIL:
        assert value in shown
    assert page.ask("document.title").startswith("Run failed")
    assert page.ask("document.querySelectorAll('img, iframe, object, embed, link, form, base').length") == 0
    handlers = "Array.from(document.querySelectorAll('*')).flatMap(one => one.getAttributeNames()).filter(name => name.startsWith('on')).length"
    assert page.ask(handlers) == 0
    assert page.ask("Array.from(document.querySelectorAll('[href]')).filter(one => !one.getAttribute('href').startsWith('#')).length") == 0
    assert page.ask(OUTSIDE) == []


def test_what_failed_comes_first_with_what_was_skipped(browser, store, tmp_path):
    path = page_of(pipeline.build(Summarise(first=395)), store, tmp_path)
    page = browser.open(path)
    insist_on_calm(page, path)
    assert page.ask("document.querySelector('section h2').innerText") == "What failed"
    failure = page.ask("document.querySelector('.failure').innerText")
    assert "Clean(day=399)" in failure
    assert "no data for <b>day</b> 399" in failure
    assert "1 step skipped because of it" in failure


def test_two_thousand_steps_are_a_small_quick_page_by_family(browser, store, tmp_path):
    run = pipeline.build([Summarise(first=first) for first in range(0, 960, 10)])
    assert len(run.outcomes) == 2016
    path = page_of(run, store, tmp_path)
    assert path.stat().st_size < 1_500_000
    page = browser.open(path, width=640)
    insist_on_calm(page, path)
    assert page.seconds < 20
    assert (
        page.ask("Array.from(document.querySelectorAll('details.family > summary .name')).map(one => one.innerText).join()")
        == "Fetch,Clean,Summarise"
    )
    assert page.ask("document.querySelectorAll('tbody tr').length") == 2016
    assert page.ask("document.querySelectorAll('details.family[open]').length") == 1
    assert page.ask("document.querySelectorAll('svg rect[class^=card]').length") == 3
    assert page.ask("document.querySelectorAll('.bar').length") < 1000
    assert page.ask("document.querySelector('details.family[open] tbody tr .pill').innerText") == "failed"
    assert page.ask(OUTSIDE) == []
    assert page.ask(TOO_WIDE) == 0


def test_long_names_and_values_stay_inside_what_holds_them(browser, store, tmp_path):
    steps = [Fetch(day=day, source=value) for day, value in enumerate(["x" * 3000, "W" * 300, "漢字" * 100, "a b " * 500, "\u202eright to left", ""])]
    path = page_of(pipeline.build(steps, reason="r" * 500), store, tmp_path)
    for width in (390, 1200):
        page = browser.open(path, width=width)
        insist_on_calm(page, path)
        assert page.ask(OUTSIDE) == []
        assert page.ask(TOO_WIDE) == 0
        assert page.ask(CROWDED) == 0

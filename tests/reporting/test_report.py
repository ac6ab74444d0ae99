"""`report`: what its page says of a run, read without a browser."""

import html
import json
import os
import re
import signal
import subprocess
import sys
import time

import luigi
import pytest

import pipeline
from pipeline import SecretParameter, Task, WrapperTask, entries
from pipeline.columns import TaskEntry
from pipeline.reporting import ends, report, steps, timeline
from pipeline.reporting.earlier import Earlier
from pipeline.scope import new_id
from targets import JsonTarget
from targets.opening import open_store


class Gather(Task):
    rows = luigi.IntParameter(default=10)
    token = SecretParameter(default="hunter2-hunter2")
    outputs = {"rows": JsonTarget, "head": JsonTarget}

    def easy_run(self, inputs):
        return {"rows": list(range(self.rows)), "head": 0}


class Fit(Task):
    l2 = luigi.FloatParameter(default=0.5)

    def requires(self):
        return Gather()["rows"]

    def easy_run(self, inputs):
        if self.l2 < 0:
            raise ValueError(f"l2 is {self.l2}\nand must not be")
        return self.l2


class Whole(WrapperTask):
    def requires(self):
        return [Fit(l2=0.1), Fit(l2=-1)]


def entry_of(run, store):
    return entries.find(open_store(str(store)), run.id)


def page_of(entry, runs=(), logs=None):
    return report.write(entry, Earlier(list(runs)), logs or {})


def text_of(page):
    """What is to be read in a page, a line each element."""
    body = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\n+", "\n", re.sub(r"<[^>]*>", "\n", body)))


def task(family, at=0, *, state="ran", begun=0.0, duration=1.0, params=None, needs=(), rule="MISSING", reason="", key=""):
    return TaskEntry(
        task=f"{family}({at})", family=family, key=key or f"{family}{at}", kind="step", params=params or {"at": str(at)}, state=state, rule=rule,
        reason=reason, begun=begun, duration=duration, error="", needs=needs,
    )  # fmt: skip


def command(tasks, *arguments):
    return pipeline.main(lambda: tasks, ["report", *arguments])


def test_the_page_has_all_that_is_known_of_a_run(store):
    run = pipeline.build(Whole(), reason="a first try")
    text = text_of(page_of(entry_of(run, store)))
    for words in (
        *("Run failed", run.id, "a first try", "Gather", "Fit", "Whole", "wrapper", "rows", "l2", "-1.0", "0.1", "MISSING"),
        *("it was never made, or was removed", "ValueError: l2 is -1.0", "and must not be", "failed, exit code 1", "python", "luigi"),
    ):
        assert words in text, words
    assert "and must not be" in text.splitlines()
    assert "hunter2" not in text


def test_ids_of_runs_are_in_the_order_of_their_beginnings():
    moments = [1_700_000_000 + part for part in (0, 0.000002, 0.09, 0.1, 0.999999, 1.0, 61.5)]
    ids = [new_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert new_id(5.0) != new_id(5.0)


def test_a_part_of_an_output_is_a_name_at_a_line(store):
    graph = report.graph(entry_of(pipeline.build(Fit()), store))
    assert [node.title for node in graph.nodes] == ["Gather", "Fit"]
    assert [(edge.source, edge.target, edge.label) for edge in graph.edges] == [(0, 1, "rows")]


def test_the_graph_of_a_run_without_single_edges_is_that_of_its_families(store, monkeypatch):
    monkeypatch.setattr(pipeline.columns, "MOST_EDGES", 1)
    entry = entry_of(pipeline.build([Fit(l2=0.1), Fit(l2=0.2)]), store)
    assert entry.edges_left_out
    graph = report.graph(entry)
    assert graph.by_class
    titles = [node.title for node in graph.nodes]
    assert {(titles[edge.source], titles[edge.target]) for edge in graph.edges} == {("Gather", "pipeline.Part"), ("pipeline.Part", "Fit")}


def test_steps_that_became_slower_or_faster_are_marked():
    class Before:
        counts = {"ran": 3}
        tasks = [task("A", duration=2.0), task("B", duration=2.0), task("C", duration=2.0)]

    now = [task("A", duration=4.0), task("B", duration=1.0), task("C", duration=2.1), task("A", 7, duration=8.0)]
    rows = re.findall(r"<tr>.*?</tr>", steps.draw(now, Earlier([Before])))[1:]
    assert [re.findall(r'class="change (\w+)">([^<]+)', row) for row in rows] == [
        [("slower", "+100 %")],
        [("faster", "\N{MINUS SIGN}50 %")],
        [],
        [("slower", "+300 %")],
    ]
    assert "1 earlier execution of other steps of its family" in rows[3]
    assert "other steps" not in rows[0]


def test_only_runs_before_it_say_how_long_a_step_took_earlier(store, monkeypatch):
    monkeypatch.setattr(Gather, "easy_run", lambda self, inputs: {"rows": [], "head": 0})
    runs = [pipeline.build(Gather(), force="all") for _ in range(3)]
    opened = open_store(str(store))
    assert [entry.id for entry in entries.before(opened, runs[2].id, 5)] == [runs[1].id, runs[0].id]
    assert [entry.id for entry in entries.before(opened, runs[2].id, 1)] == [runs[1].id]
    assert Earlier.of(opened, runs[0].id).usual(entry_of(runs[0], store).tasks[0]) is None
    assert Earlier.of(opened, runs[2].id).usual(entry_of(runs[2], store).tasks[0]).count == 2


def test_what_was_kept_and_took_long_before_is_time_that_was_spared():
    class Before:
        counts = {"ran": 2}
        tasks = [task("A", duration=90.0), task("B", duration=40.0)]

    kept = [task("A", state="kept", begun=None, duration=0.0), task("B", duration=40.0)]
    tiles = "".join(report._tiles(Facts(kept), Earlier([Before])))
    assert "1 min 30 s" in tiles
    assert "spared" in tiles


class Facts:
    """Of a run only what the tiles ask."""

    def __init__(self, tasks):
        self.tasks = tasks
        self.counts = {}


def test_a_step_takes_the_first_lane_that_is_free():
    tasks = [task("A", begun=0.0, duration=10), task("B", begun=1.0, duration=2), task("C", begun=2.0, duration=9), task("D", begun=3.0, duration=2)]
    assert {bar.tasks[0].family: bar.lane for bar in timeline.bars(tasks, pixel=0.01)} == {"A": 0, "B": 1, "C": 2, "D": 1}


def test_steps_too_short_to_be_seen_are_drawn_together():
    tasks = [task("A", at, begun=at / 1000, duration=0.001, state="failed" if at == 500 else "ran") for at in range(1000)]
    found = timeline.bars(tasks, pixel=0.1)
    assert [len(bar.tasks) for bar in found] == [1000]
    drawn = timeline.draw(tasks, 0.0, 100.0)
    assert drawn.count('class="bar') == 1
    assert 'class="bar is-failed"' in drawn


def test_bars_of_a_lane_lie_one_after_the_other_and_inside_the_run():
    import random

    chance = random.Random(5)
    tasks = [task("A", at, begun=chance.uniform(0, 100), duration=chance.choice([0.0, 0.01, 1, 20])) for at in range(500)]
    lanes = {}
    for bar in timeline.bars(tasks, pixel=0.1):
        assert lanes.get(bar.lane, 0.0) <= bar.begin + 0.01
        lanes[bar.lane] = bar.end
    for left, share in re.findall(r"left:([0-9.]+)%;width:max\(([0-9.]+)%", timeline.draw(tasks, 0.0, 110.0)):
        assert float(left) + float(share) <= 100.01


@pytest.mark.parametrize("whole", [0.002, 0.3, 1, 9, 59, 61, 500, 3599, 7300, 90_000, 3_000_000])
def test_the_axis_has_a_few_round_times(whole):
    drawn = timeline.draw([task("A", duration=whole)], 0.0, whole)
    marks = re.findall(r"<i>([^<]+)</i>", drawn)
    assert 2 <= len(marks) <= 9, marks
    assert marks[0] == "0"
    assert len(set(marks)) == len(marks)


def test_a_run_with_nothing_to_do_says_so(store):
    assert pipeline.build(Fit()).ok
    text = text_of(page_of(entry_of(pipeline.build(Fit()), store)))
    assert "Nothing was executed: all that was asked for was current." in text
    assert "What failed" not in text


def test_many_families_share_the_rows_of_a_page(monkeypatch):
    monkeypatch.setattr(steps, "MOST_ROWS", 200)
    tasks = [task("Big", at, duration=at) for at in range(500)] + [task("Small", at) for at in range(20)]
    tasks.append(task("Big", 999, state="failed"))
    drawn = steps.draw(tasks, Earlier([]))
    assert drawn.count("<tr>") == 200 + 2  # with the heads of two tables
    assert "321 that ran are not listed here." in drawn
    assert "999" in drawn
    assert all(f">{at}<" in drawn for at in range(20))


def test_large_families_share_alike_what_small_ones_leave(monkeypatch):
    monkeypatch.setattr(steps, "MOST_ROWS", 100)
    tasks = [task(family, at) for family, count in (("A", 70), ("B", 10), ("C", 200)) for at in range(count)]
    counts = [table.count("<tr>") - 1 for table in steps.draw(tasks, Earlier([])).split("<table")[1:]]
    assert counts == [45, 10, 45]


def test_what_is_the_same_for_a_family_is_said_once():
    tasks = [task("A", at, params={"at": str(at), "source": "the-same-source"}, reason="because of this") for at in range(70)]
    drawn = steps.draw(tasks, Earlier([]))
    assert drawn.count("the-same-source") == 1
    assert drawn.count("because of this") == 1
    assert drawn.count("<tr>") == 71


def test_a_family_of_one_shows_its_parameters_too():
    tasks = [task("A", at) for at in range(70)] + [task("B", params={"path": "given.csv"}, reason="because of that")]
    text = text_of(steps.draw(tasks, Earlier([])))
    assert "given.csv" in text
    assert "because of that" in text


def test_those_that_were_skipped_are_counted_for_each_failure(store):
    entry = entry_of(pipeline.build(Whole()), store)
    assert "1 step skipped" not in text_of(page_of(entry))  # a wrapper is no step

    chain = [task("A", state="failed"), *(task("B", at, state="skipped", needs=(at - 1,)) for at in range(1, 6))]
    assert report._skipped_because(chain) == {0: 5}


def test_the_end_of_a_log_is_shown(store):
    entry = entry_of(pipeline.build(Whole()), store)
    failed = next(one for one in entry.tasks if one.state == "failed")
    page = page_of(entry, logs={failed.key: "reading rows\n<b>out</b> of rows"})
    assert "reading rows\n&lt;b&gt;out&lt;/b&gt; of rows" in page


class Talks(Task):
    fails = luigi.BoolParameter(default=True)

    def easy_run(self, inputs):
        print("I have read <b>seven</b> rows")
        if self.fails:
            raise ValueError("one is missing")


def test_the_command_shows_what_a_failed_step_has_printed(tmp_path, store):
    run = pipeline.build([Talks(), Talks(fails=False)], workers=2)
    assert [type(one) for one in run.failed] == [Talks]
    path = tmp_path / "page.html"
    assert command([Talks()], "--output", str(path)) == 0
    assert path.read_text().count("I have read &lt;b&gt;seven&lt;/b&gt; rows") == 1


def test_the_log_of_a_later_execution_is_not_shown_for_an_earlier_run(store):
    first, second = pipeline.build(Talks(), workers=2), pipeline.build(Talks(), workers=2)
    opened = open_store(str(store))
    found = ends.of_failed(opened, entry_of(second, store))
    assert list(found) == [Talks().key]
    assert found[Talks().key].endswith("ValueError: one is missing")
    assert ends.of_failed(opened, entry_of(first, store)) == {}


def test_a_run_that_was_killed_is_a_page_too(tmp_path):
    (tmp_path / "app.py").write_text("""
import os, sys, time, pipeline
class Endless(pipeline.Task):
    def easy_run(self, inputs):
        open("begun", "w").close()
        time.sleep(600)
if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Endless()]))
""")
    environment = {**os.environ, "PIPELINE_TARGET_DIR": str(tmp_path / "store")}
    with subprocess.Popen([sys.executable, "app.py"], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    done = subprocess.run(
        [sys.executable, "app.py", "report", "--output", "page.html"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    text = text_of((tmp_path / "page.html").read_text())
    assert "Run without an end" in text
    assert "it was killed, or is still at work" in text


def test_the_command_writes_the_last_run_or_one_that_is_named(tmp_path, capfd):
    first, last = pipeline.build(Gather(rows=1)), pipeline.build(Gather(rows=2))
    path = tmp_path / "page.html"
    assert command([Gather()], "--output", str(path)) == 0
    assert last.id in path.read_text()
    assert str(path) in capfd.readouterr().out
    assert command([Gather()], "last-1", "--output", str(path)) == 0
    assert first.id in path.read_text()
    capfd.readouterr()
    assert command([Gather()], first.id, "--output", "-") == 0
    assert capfd.readouterr().out.startswith("<!doctype html>")


def test_a_run_that_is_not_there_is_named(capfd):
    assert command([Gather()]) == 2
    assert "the history has no run 'last': it is empty" in capfd.readouterr().err


def test_nothing_in_a_page_leads_elsewhere(store):
    page = page_of(entry_of(pipeline.build(Whole(), reason="see http://example.org/"), store))
    assert "default-src 'none'" in html.unescape(page)
    assert set(re.findall(r"(?:href|src|action|data)=\"([^\"]*)\"", page)) <= {"#failures", "#graph", "#timeline", "#steps", "#environment"}
    assert set(re.findall(r"url\([^)]*\)", page)) <= {"url(#tip)"}
    assert "@import" not in page
    assert "<script" not in page


def test_the_history_of_a_large_run_is_read_for_its_report(store):
    """Its tasks are in an object beside the entry."""
    run = pipeline.build([Gather(rows=rows) for rows in range(1001)])
    page = page_of(entry_of(run, store))
    assert page.count("<tr>") == 1002
    assert json.dumps(run.id) not in page

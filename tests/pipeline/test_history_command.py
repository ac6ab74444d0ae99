"""`history`: which runs there were, chosen and shown; and the same from Python."""

import datetime
import json

import pandas as pd
import pytest
from command_line import command
from store_commands import All, Train, cli, rows

import pipeline

__all__ = ["cli", "command"]


@pytest.fixture
def three_runs(store):
    pipeline.build(All(), reason="the first")
    pipeline.build(All(), reason="the second")
    pipeline.build([Train(rate=-1.0), Train(rate=0.9)], reason="the third")


def test_history_lists_runs_newest_first(cli, three_runs):
    listed = rows(cli, "history")
    assert [entry["reason"] for entry in listed] == ["the third", "the second", "the first"]
    assert [len(entry["ran"]) for entry in listed] == [1, 0, 7]
    assert [task["error"] for task in listed[0]["failed"]] == ["ValueError: a negative rate"]
    assert listed[2]["counts"] == {"ran": 7, "kept": 0, "failed": 0, "skipped": 0}  # a wrapper counts as nothing
    _, out, _ = cli("history")
    assert out.splitlines()[0].split() == ["RUN", "BEGUN", "TOOK", "OUTCOME", "RAN", "KEPT", "FAILED", "SKIPPED", "REASON"]
    assert out.splitlines()[1].endswith("the third")


@pytest.mark.parametrize("moment", [1e300, float("nan"), float("inf"), -1e17, 1e18])
def test_a_moment_that_no_calendar_has_is_damage(moment, cli, three_runs, store):
    newest = sorted(path for path in (store / ".luigi-warp" / "runs").iterdir() if ".begun." not in path.name)[-1]
    newest.write_text(json.dumps({**json.loads(newest.read_text()), "begun": moment}))
    assert [entry["reason"] for entry in rows(cli, "history")] == ["the second", "the first"]
    assert cli("history", "last-1")[0] == 0


def test_a_time_before_all_others_is_one_or_is_refused(cli, three_runs):
    assert cli("history", "--since", "0001-01-01")[0] in (0, 2)


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        (["--outcome", "failed"], ["the third"]),
        (["--family", "Evaluate"], ["the first"]),
        (["--family", "Train"], ["the third", "the first"]),
        (["--where", "rate>=0.3"], ["the third", "the first"]),
        (["--where", "rate>=0.5"], ["the third"]),
        (["--where", "rate>0.1", "--where", "rate<=0.2"], ["the first"]),
        (["--where", "day=2026-01-02", "--family", "Evaluate"], ["the first"]),
        (["--last", "1"], ["the third"]),
        (["--since", "1h"], ["the third", "the second", "the first"]),
        (["--until-time", "1h"], []),
        (["--since", "2999-01-01"], []),
        (["--until-time", "2999-01-01"], ["the third", "the second", "the first"]),
    ],
)
def test_history_is_filtered(arguments, reasons, cli, three_runs):
    assert [entry["reason"] for entry in rows(cli, "history", *arguments)] == reasons


def test_a_date_means_its_whole_day(cli, three_runs):
    today = datetime.date.today().isoformat()
    assert len(rows(cli, "history", "--since", today, "--until-time", today)) == 3


@pytest.mark.parametrize(
    "arguments", [["--since", "soon"], ["--family", "Trian"], ["--where", "rte=1"], ["--outcome", "good"], ["--last", "0"], ["nope"]]
)
def test_a_wrong_filter_is_wrong_usage(arguments, cli, three_runs):
    assert cli("history", *arguments)[0] == 2


def test_history_shows_one_run(cli, three_runs):
    code, out, _ = cli("history", "last")
    assert code == 0
    for words in ("the third", "failed", repr(Train(rate=-1.0)), "ValueError: a negative rate"):
        assert words in out
    assert len(rows(cli, "history", "last-1")["kept"]) == 8


def test_what_ran_since_its_input_changed_says_so(tmp_path):
    path = tmp_path / "in.txt"

    class Reads(pipeline.Task):
        def requires(self):
            return pipeline.ExternalFile(str(path))

        def easy_run(self, inputs):
            return inputs.read_text()

    class Above(pipeline.Task):
        def requires(self):
            return Reads()

        def easy_run(self, inputs):
            return inputs

    for text in ("one", "another"):
        path.write_text(text)
        assert pipeline.build(Above()).ok
    told = pipeline.history(tasks=True, last=1).set_index("family")
    assert (told.loc["Above", "rule"], told.loc["Above", "reason"]) == ("INPUT", "what it requires came out differently")


def test_history_as_a_table(three_runs, store):
    table = pipeline.history()
    assert list(table["reason"]) == ["the third", "the second", "the first"]
    assert list(table["ran"]) == [1, 0, 7]
    assert table["begun"].is_monotonic_decreasing
    assert (table["ended"] >= table["begun"]).all()
    pd.testing.assert_frame_equal(pipeline.history(store=store), table)
    tasks = pipeline.history(tasks=True, last=1)
    assert sorted(tasks["state"]) == ["failed", "kept", "ran"]
    assert tasks.set_index("state").loc["ran", "params"]["rate"] == "0.9"


def test_an_empty_history_as_a_table():
    assert len(pipeline.history()) == 0
    assert len(pipeline.history(tasks=True)) == 0

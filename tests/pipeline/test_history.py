"""The history: every run leaves an entry in its store, and it is read back as it was."""

import datetime
import json
import logging
import multiprocessing
import os
import re

import luigi
import pytest

import pipeline
from pipeline import SecretParameter, Task, TaskParameter, WrapperTask, columns, entries, forgetting, inherit_list
from pipeline.entry import FOLDER, INSIDE
from pipeline.errors import UnknownRunError
from targets.opening import open_store


@pytest.fixture
def history(store):
    """The store as the history reads it."""
    return open_store(str(store))


class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    day = luigi.DateParameter(default=datetime.date(2026, 1, 2))

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list(Ingest)
class Train(Task):
    rate = luigi.FloatParameter(default=0.5)
    note = luigi.Parameter(default="it's")

    def easy_run(self, inputs):
        if self.note == "fails":
            raise ValueError("no model fits")
        return sum(inputs[0]) * self.rate


class Score(Task):
    model = TaskParameter()
    models = pipeline.ListTaskParameter(default=())

    def easy_run(self, inputs):
        return inputs["model"]


class All(WrapperTask):
    def requires(self):
        return [Score(model=Train(), models=[Train(rate=0.1), Train(rate=0.2)]), Train(note="fails")]


def test_a_run_is_read_back_as_it_was(history):
    run = pipeline.build(All(), reason="a first try")
    (entry,) = entries.runs(history)
    assert (entry.id, entry.outcome, entry.exit_code, entry.reason) == (run.id, "failed", 1, "a first try")
    assert entry.counts == run.counts() == {"ran": 5, "kept": 0, "failed": 1, "skipped": 0}  # All() is no step
    assert entry.process == os.getpid()
    assert entry.begun <= entry.ended
    assert entry.versions["python"]
    by_name = {task.task: task for task in entry.tasks}
    assert set(by_name) == {repr(task) for task in run.outcomes}
    for task, outcome in run.outcomes.items():
        kept = by_name[repr(task)]
        assert (kept.state, kept.rule, kept.reason) == (outcome.state, str(outcome.verdict.rule), outcome.verdict.reason)
        assert (kept.family, kept.key) == (task.get_task_family(), task.key)
        assert kept.duration == pytest.approx(outcome.duration, abs=1e-6)
        if kept.state in ("ran", "failed"):
            assert entry.begun - 1 <= kept.begun <= entry.ended
    assert by_name["Ingest(rows=3, day=datetime.date(2026, 1, 2))"].params == {"rows": "3", "day": "2026-01-02"}
    assert by_name[repr(Train(note="fails"))].error == "ValueError: no model fits"
    assert by_name["All()"].kind == "wrapper"


def test_what_a_task_needs_is_known_by_position(history):
    pipeline.build(Score(model=Train()))
    (entry,) = entries.runs(history)
    needed = {task.task: [entry.tasks[at].task for at in task.needs] for task in entry.tasks}
    assert needed[repr(Score(model=Train()))] == [repr(Train())]
    assert needed[repr(Train())] == [repr(Ingest())]
    assert set(entry.family_edges) == {("Score", "Train"), ("Train", "Ingest")}
    assert not entry.edges_left_out


def test_what_was_asked_for_while_running_is_needed_too(history):
    class AskedFor(Task):
        def easy_run(self, inputs):
            return 1

    class Asks(Task):
        def easy_run(self, inputs):
            return (yield AskedFor())

    pipeline.build(Asks())
    (entry,) = entries.runs(history)
    (asks,) = [task for task in entry.tasks if task.family == "Asks"]
    assert [entry.tasks[at].family for at in asks.needs] == ["AskedFor"]


def test_a_run_with_nothing_to_do_leaves_one_object(history, store):
    pipeline.build(Train())
    pipeline.build(Train())
    newest, oldest = entries.runs(history)
    assert (newest.outcome, newest.counts["ran"], newest.counts["kept"]) == ("done", 0, 2)
    assert [task.state for task in newest.tasks] == ["kept", "kept"]
    left = sorted(path.name.removeprefix(newest.id) for path in (store / FOLDER).glob(f"{newest.id}*"))
    assert left == [".json"]
    assert oldest.counts["ran"] == 2


def test_the_history_counts_what_the_summary_counts(history, tmp_path, capsys):
    (tmp_path / "raw.txt").write_text("raw")

    class Read(Task):
        path = luigi.Parameter(default="raw.txt")

        def requires(self):
            return pipeline.ExternalFile(str(tmp_path / self.path))

        def easy_run(self, inputs):
            return inputs.read_text()

    class Both(WrapperTask):
        def requires(self):
            return [Read(), Train()]

    for task, expected in [(Both(), "3 ran, 0 kept"), (Both(), "0 ran, 3 kept"), (Read(path="none"), "0 ran, 0 kept, 1 failed, 1 skipped")]:
        run = pipeline.build(task, progress=True)
        assert f"{expected} in " in re.sub(r" \(saved .*?\)", "", capsys.readouterr().out)
        assert run.one_line_summary.startswith(f"{expected} in ")
        assert entries.runs(history)[0].counts == run.counts()
        assert ", ".join(f"{number} {state}" for state, number in run.counts().items() if number or state in ("ran", "kept")) == expected


def test_a_plan_leaves_nothing(history, store):
    pipeline.plan(Train())
    assert not store.exists()


def test_plain_luigi_leaves_nothing(history):
    luigi.build([Train()], local_scheduler=True)
    assert entries.runs(history) == []


def test_plain_luigi_tasks_are_in_it(history):
    class Plain(luigi.Task):
        words = luigi.Parameter(default="x")
        done = False

        def run(self):
            self.done = True

        def complete(self):
            return self.done

    pipeline.build(Plain())
    (task,) = entries.runs(history)[0].tasks
    assert (task.kind, task.state, task.task, task.params) == ("luigi", "ran", "Plain(words=x)", {"words": "x"})
    assert task.begun is not None


def test_a_secret_is_in_no_entry(history, store):
    class Uses(Task):
        password = SecretParameter(default="correct horse")
        url = luigi.Parameter(default="https://me:correct horse@host")

        def easy_run(self, inputs):
            raise ValueError(f"cannot log in with {self.password}")

    run = pipeline.build(Uses(), reason="with correct horse")
    assert not run.ok
    for path in (store / FOLDER).iterdir():
        assert b"correct horse" not in path.read_bytes()
    (task,) = entries.runs(history)[0].tasks
    assert task.error == "ValueError: cannot log in with ***"
    assert "password" not in task.params


def test_private_and_hidden_parameters_are_not_among_the_public(history):
    class Hides(Task):
        seen = luigi.IntParameter(default=1)
        hidden = luigi.IntParameter(default=2, visibility=luigi.parameter.ParameterVisibility.HIDDEN)
        private = luigi.IntParameter(default=3, visibility=luigi.parameter.ParameterVisibility.PRIVATE)

        def easy_run(self, inputs):
            return 1

    pipeline.build(Hides())
    (task,) = entries.runs(history)[0].tasks
    assert task.params == {"seen": "1"}
    assert task.task == repr(Hides())


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_of_a_large_run_are_beside_it(workers, history, store):
    class Small(Task):
        at = luigi.IntParameter()
        name = luigi.Parameter(default="n" * 5000)

        def easy_run(self, inputs):
            return self.at

    class Many(WrapperTask):
        def requires(self):
            return [Small(at=at) for at in range(INSIDE + 1)]

    run = pipeline.build(Many(), workers=workers)
    head = store / FOLDER / f"{run.id}.json"
    assert head.stat().st_size < 3000
    assert "tasks" not in json.loads(head.read_text())
    (entry,) = entries.runs(history)
    assert len(entry.tasks) == INSIDE + 2
    assert [task.task for task in entry.tasks] == [repr(task) for task in run.outcomes]
    assert all(len(task.params.get("name", "")) < 2100 for task in entry.tasks)
    assert len(entry.tasks[-1].needs) == INSIDE + 1


def test_edges_are_left_out_of_what_is_too_much(history, monkeypatch):
    monkeypatch.setattr(columns, "MOST_EDGES", 1)
    pipeline.build(Score(model=Train()))
    (entry,) = entries.runs(history)
    assert entry.edges_left_out
    assert all(task.needs == () for task in entry.tasks)
    assert set(entry.family_edges) == {("Score", "Train"), ("Train", "Ingest")}


def test_a_chain_of_tasks_as_parameters_stays_small(history, store):
    class Link(Task):
        at = luigi.IntParameter()
        before = TaskParameter(default=None)

        def easy_run(self, inputs):
            return self.at

    link = None
    for at in range(40):
        link = Link(at=at, **({"before": link} if link else {}))
    pipeline.build(link)
    (entry,) = entries.runs(history)
    assert [task.task for task in entry.tasks][1] == "Link(at=1, before=Link(at=0, before=None))"
    assert (store / FOLDER / f"{entry.id}.json").stat().st_size < 20_000


def test_values_that_json_does_not_know(history):
    class Odd(Task):
        number = luigi.FloatParameter()
        things = luigi.ListParameter(default=[1, "a"])
        nothing = luigi.OptionalParameter(default=None)
        surrogate = luigi.Parameter(default="\udc80")

        def easy_run(self, inputs):
            return 1

    tasks = [Odd(number=number) for number in (float("inf"), float("nan"), -0.0, 1e300)]
    pipeline.build(tasks)
    (entry,) = entries.runs(history)
    assert {task.task for task in entry.tasks} == {repr(task) for task in tasks}
    assert entry.tasks[0].params["things"] == '[1, "a"]'


def test_an_interrupted_run_has_what_ended_until_then(history):
    @inherit_list(Train)
    class Interrupts(Task):
        def easy_run(self, inputs):
            raise KeyboardInterrupt

    pipeline.build(Ingest())
    with pytest.raises(KeyboardInterrupt):
        pipeline.build(Interrupts())
    entry = entries.runs(history)[0]
    assert (entry.outcome, entry.exit_code) == ("interrupted", 130)
    assert {task.family: task.state for task in entry.tasks} == {"Ingest": "kept", "Train": "ran"}


def test_a_run_that_ends_with_an_error_says_which(history, monkeypatch):
    from pipeline.worker import Worker

    def broken(self):
        raise RuntimeError("the scheduler is gone")

    monkeypatch.setattr(Worker, "run_all", broken)
    with pytest.raises(RuntimeError):
        pipeline.build(Train())
    (entry,) = entries.runs(history)
    assert (entry.outcome, entry.error) == ("failed", "RuntimeError: the scheduler is gone")


def _build_one(at):
    os.environ["AT"] = str(at)
    pipeline.build(Ingest(rows=at))


def test_runs_at_the_same_time_do_not_clash(history):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_build_one, args=(at,)) for at in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    found = entries.runs(history)
    assert len({entry.id for entry in found}) == 6
    assert {entry.tasks[0].params["rows"] for entry in found} == {str(at) for at in range(6)}
    assert all(entry.outcome == "done" for entry in found)


def test_a_run_that_cannot_be_read_is_left_out(history, store, caplog):
    pipeline.build(Ingest())
    (entry,) = entries.runs(history)
    for name, text in {"20200101T000000-aaaaaaaaaaaa.json": '{"half', "20200101T000001-bbbbbbbbbbbb.json": "[1]"}.items():
        (store / FOLDER / name).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert [found.id for found in entries.runs(history)] == [entry.id]
    assert "aaaaaaaaaaaa" in caplog.text
    assert "bbbbbbbbbbbb" in caplog.text


def test_a_run_is_found_by_the_beginning_of_its_id_or_from_the_end(history):
    ids = [pipeline.build(Ingest(rows=rows)).id for rows in (1, 2)]
    ids.sort()
    assert entries.find(history, ids[0]).id == ids[0]
    assert entries.find(history, ids[1][:-3]).id == ids[1]
    assert {entries.find(history, "last").id, entries.find(history, "last-1").id} == set(ids)
    with pytest.raises(UnknownRunError, match="2 runs begin with"):
        entries.find(history, "2")
    for unknown in ("nope", "", "last-7"):
        with pytest.raises(UnknownRunError, match="the latest are"):
            entries.find(history, unknown)


def test_a_store_that_takes_no_entry_does_not_fail_the_run(history, store, caplog):
    (store / FOLDER).parent.mkdir(parents=True)
    (store / FOLDER).write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert pipeline.build(Ingest()).ok
    assert "the history has no entry of this run" in caplog.text


def test_the_history_of_a_remote_store():
    class Remote(Ingest):
        TARGET_DIR = "memory://history-of-a-remote-store"

    pipeline.build(Remote())
    pipeline.build(Remote())
    found = entries.runs(open_store(Remote.TARGET_DIR))
    assert sorted(entry.counts["ran"] for entry in found) == [0, 1]
    assert entries.find(open_store(Remote.TARGET_DIR), found[0].id).tasks[0].family == "Remote"


def aged(history, run, days):
    """The same run, so many days earlier, as its files' names say."""
    moment = datetime.datetime.strptime(run.id[:15], "%Y%m%dT%H%M%S") - datetime.timedelta(days=days)
    older = f"{moment:%Y%m%dT%H%M%S}{run.id[15:]}"
    for name in list(history.list(FOLDER)):
        if name.startswith(run.id):
            history.path(f"{FOLDER}/{name}").rename(history.path(f"{FOLDER}/{older}{name.removeprefix(run.id)}"))
    return older


@pytest.mark.parametrize(("days", "left"), [("7", [1, 6]), ("0.5", []), ("0", [1, 6, 8, 400]), ("1e9", [1, 6, 8, 400])])
def test_the_history_forgets_what_is_older_than_a_setting_says(history, monkeypatch, days, left):
    large = [Ingest(rows=at) for at in range(INSIDE + 1)]
    ages = {aged(history, pipeline.build(large if age == 8 else Ingest(rows=age)), age): age for age in (1, 6, 8, 400)}
    monkeypatch.setenv("PIPELINE_HISTORY_DAYS", days)
    now = pipeline.build(Ingest())
    found = [entry.id for entry in entries.runs(history)]
    assert found[0] == now.id
    assert sorted(ages[run] for run in found[1:]) == left
    assert {name.partition(".")[0] for name in history.list(FOLDER)} == set(found), "nothing else is left of a forgotten run"
    assert pipeline.build(large).ran == [], "outputs stay"


def test_a_run_that_did_not_come_to_its_end_is_not_forgotten(history, monkeypatch):
    run = pipeline.build(Ingest())
    history.delete(f"{FOLDER}/{run.id}.json")
    older = aged(history, run, 400)
    monkeypatch.setenv("PIPELINE_HISTORY_DAYS", "1")
    pipeline.build(Ingest())
    assert older in [entry.id for entry in entries.runs(history) if entry.outcome == "unfinished"]


def test_a_run_that_took_longer_than_histories_are_kept_does_not_forget_itself(history):
    long = aged(history, pipeline.build(Ingest()), 400)
    forgetting.old_runs(history, 1, but=long)
    assert long in [entry.id for entry in entries.runs(history)]
    forgetting.old_runs(history, 1, but="another")
    assert long not in [entry.id for entry in entries.runs(history)]

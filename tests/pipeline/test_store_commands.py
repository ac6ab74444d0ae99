"""Commands about what is stored: ls, show, verify, rm; and the same from Python."""

import datetime
import json
import os
import pty
import subprocess
import sys
import time

import luigi
import pytest
from command_line import command, environment, folder
from store_commands import All, Evaluate, Ingest, Train, cli, files, rows

import pipeline
from pipeline import Task
from pipeline.errors import ParameterError, UnknownOutputError

__all__ = ["cli", "command", "folder"]


# ls


def test_ls_lists_what_is_stored_as_the_plan_shows_it(cli):
    assert rows(cli, "ls") == []
    pipeline.build(All())
    listed = rows(cli, "ls")
    planned = {row["task"]: row["key"] for row in rows(cli, "plan") if row["kind"] == "step"}
    assert {row["task"]: row["key"] for row in listed} == planned
    first = next(row for row in listed if row["key"] == Train(rate=0.1).key)
    assert first["params"] == {"rows": "3", "day": "2026-01-02", "rate": "0.1", "name": "it's"}
    assert 0 <= first["age_seconds"] < 600
    assert first["duration"] >= 0
    assert first["size"] > 0
    assert os.path.exists(next(row for row in listed if row["family"] == "Train")["path"])


def test_ls_lists_also_what_nothing_needs_any_more(cli):
    pipeline.build([All(), Ingest(rows=9)])
    assert len(rows(cli, "ls", "--family", "Ingest")) == 2


def test_ls_chooses_by_name_family_and_condition(cli):
    pipeline.build(All())
    assert len(rows(cli, "ls", "Train")) == 3
    assert len(rows(cli, "ls", "Train", "Ingest")) == 4
    assert len(rows(cli, "ls", "--where", "rate>=0.2")) == 4
    assert len(rows(cli, "ls", "--family", "Train", "--where", "rate>=0.2", "--where", "rate<0.3")) == 1
    key = Train(rate=0.2).key
    assert [row["key"] for row in rows(cli, "ls", key[:6])] == [key]
    assert rows(cli, "ls", key, "--family", "Ingest") == []


def test_ls_for_people_has_a_line_for_each_and_the_sum(cli):
    pipeline.build(All())
    code, out, _ = cli("ls")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["KEY", "SIZE", "AGE", "TOOK", "TASK"]
    assert repr(Train(rate=0.2)) in out
    assert lines[-1].startswith("7 outputs, ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--family", "Trian"], "did you mean 'Train'?"),
        (["0000000"], "nothing in the store is named '0000000'"),
        (["--where", "rte>1"], "did you mean 'rate'?"),
        (["--where", "rate"], "is no condition"),
        (["abc"], "the beginning of a key (4 characters or more)"),
    ],
)
def test_what_is_not_there_is_wrong_usage(arguments, words, cli):
    pipeline.build(All())
    for called in ("ls", "verify", "rm"):
        code, out, err = cli(called, *arguments)
        assert code == 2
        assert words in err
        assert out == ""


def test_a_family_of_the_app_may_have_nothing_stored(cli):
    assert rows(cli, "ls", "--family", "Train") == []
    assert cli("rm", "--family", "Train", "--yes")[0] == 0


def test_a_record_that_cannot_be_read_is_listed_with_the_reason(cli, store):
    pipeline.build(Ingest())
    record = next(store.rglob("*.record.json"))
    record.write_bytes(record.read_bytes()[:-30])
    (row,) = rows(cli, "ls")
    assert row["family"] == "Ingest"
    assert row["key"] == Ingest().key
    assert "checksum" in row["error"]


def test_a_value_cannot_command_the_terminal(cli):
    def task():
        return Train(name="\x1b]0;gone\x07")

    pipeline.build(task())
    for called in (["ls"], ["show", "Train"], ["history", "last"], ["plan", "--all"], ["audit"], ["accept", "Train"], ["trim", "Train"]):
        out = cli(*called, tasks=task)[1]
        assert "\\x1b" in out or called[0] == "accept"
        assert not {"\x1b", "\x07"} & set(out)


# show


def test_show_says_what_made_an_output(cli):
    pipeline.build(All())
    task = Evaluate(rate=0.2)
    code, out, _ = cli("show", task.key[:8])
    assert code == 0
    for words in (repr(task), "fingerprint", "params", "rate                 0.2", repr(Train(rate=0.2)), "metrics", "side files"):
        assert words in out
    shown = rows(cli, "show", task.key)
    assert shown["fingerprint"] == task.target.record.fingerprint
    assert [row["key"] for row in shown["inputs"]] == [Train(rate=0.2).key]
    assert shown["run"] == task.target.record.run


def test_show_wants_one_output(cli):
    pipeline.build(All())
    code, _, err = cli("show", "Train")
    assert code == 2
    assert "3 outputs bear the name 'Train'" in err
    assert cli("show", "Ingest")[0] == 0
    assert cli("show", "ffff")[0] == 2


def test_show_of_a_damaged_record_says_where_it_is(cli, store):
    pipeline.build(Ingest())
    record = next(store.rglob("*.record.json"))
    record.write_bytes(b"{}")
    code, _, err = cli("show", "Ingest")
    assert code == 3
    assert str(record) in err


def test_a_secret_is_not_shown(cli):
    class Logs(Task):
        password = pipeline.SecretParameter(default="correct horse", significant=True)

        def easy_run(self, inputs):
            return 1

    pipeline.build(Logs())
    for called in (["ls"], ["show", "Logs"], ["history", "last"], ["ls", "--json"], ["history", "--json"]):
        assert "correct" not in cli(*called)[1]


# verify


def test_verify_reads_every_byte(cli, store):
    pipeline.build(All())
    assert cli("verify")[:2] == (0, "7 verified, 0 wrong\n")
    data = next((store / "Train").glob("*rate-0-2*.pkl"))
    body = bytearray(data.read_bytes())
    body[-2] ^= 1
    data.write_bytes(body)
    code, out, _ = cli("verify")
    assert code == 1
    assert repr(Train(rate=0.2)) in out
    assert "DamagedError" in out
    assert "6 verified, 1 wrong" in out
    assert cli("verify", "Ingest")[0] == 0
    code, out, _ = cli("verify", "--json", "Train")
    assert code == 1
    assert sorted(row["state"] for row in json.loads(out)) == ["right", "right", "wrong"]
    assert data.exists()
    assert "`doctor --fix` sets all aside" in cli("verify")[1]
    cli("doctor", "--fix")
    assert pipeline.build(All()).ran[0] == Train(rate=0.2)
    assert cli("verify")[0] == 0


def test_verify_looks_at_parts_and_side_files(cli, store):
    pipeline.build(Evaluate())
    next(store.rglob("notes.txt")).write_text("ugly")
    code, out, _ = cli("verify")
    assert code == 1
    assert "2 verified, 1 wrong" in out


def test_verify_checks_signatures(cli, monkeypatch):
    pipeline.build(Ingest())
    monkeypatch.setenv("PIPELINE_SIGNING_KEY", "k" * 32)
    code, out, _ = cli("verify")
    assert code == 1
    assert "UntrustedError" in out


def test_what_was_trimmed_is_not_wrong(cli):
    pipeline.build(All())
    pipeline.trim([Ingest()])
    assert cli("verify")[:2] == (0, "6 verified, 0 wrong, 1 trimmed: nothing to read\n")


def test_only_what_has_data_would_be_trimmed(cli):
    pipeline.build(All())
    would = rows(cli, "trim", "all")
    assert {row["task"].partition("(")[0] for row in would} == {"Ingest", "Train", "Evaluate"}
    assert rows(cli, "trim", "all", "--yes") == [row | {"done": True} for row in would]
    assert rows(cli, "trim", "all") == []


def test_what_is_gone_is_wrong(cli, store):
    pipeline.build(Ingest())
    next(store.rglob("*.pkl")).unlink()
    assert cli("verify")[0] == 1


# rm


def test_a_store_within_another_is_none_of_its_business(cli, store, monkeypatch):
    with monkeypatch.context() as within:
        within.setattr(Task, "TARGET_DIR", str(store / "inner"))
        assert pipeline.build(All()).ok
    inner = sorted((store / "inner").rglob("*.record.json"))
    assert cli("doctor", "--fix")[0] == 0
    assert cli("rm", "all", "--yes")[0] == 0
    assert sorted((store / "inner").rglob("*.record.json")) == inner != []


def test_rm_only_lists_without_yes(cli, store):
    pipeline.build(All())
    before = files(store)
    code, out, _ = cli("rm", "--family", "Train")
    assert code == 0
    assert "3 would be removed; add --yes to do it" in out
    assert files(store) == before


def test_rm_removes_everything_of_an_output(cli, store):
    pipeline.build(All())
    (store / "Evaluate" / f"{Evaluate(rate=0.1).target.place.stem.rpartition('/')[2]}.log").write_text("its log")
    code, out, _ = cli("rm", Evaluate(rate=0.1).key, "--yes")
    assert code == 0
    assert "1 removed" in out
    assert not [name for name in files(store) if Evaluate(rate=0.1).key in name]
    assert len(rows(cli, "ls")) == 6
    assert not list(store.rglob(f"*{Evaluate(rate=0.1).key}*"))


def test_rm_by_condition(cli):
    pipeline.build(All())
    assert cli("rm", "--family", "Train", "--where", "rate=0.1", "--yes")[0] == 0
    assert sorted(row["params"]["rate"] for row in rows(cli, "ls", "Train")) == ["0.2", "0.3"]


def test_rm_of_nothing_in_particular_is_wrong_usage(cli):
    pipeline.build(All())
    assert cli("rm", "--yes")[0] == 2
    assert len(rows(cli, "ls")) == 7
    assert cli("rm", "all", "--yes")[0] == 0
    assert rows(cli, "ls") == []


def test_rm_removes_what_has_no_readable_record(cli, store):
    pipeline.build(Ingest())
    next(store.rglob("*.record.json")).write_bytes(b"{}")
    assert cli("rm", "Ingest", "--yes")[0] == 0
    assert files(store) == []


def test_rm_asks_on_a_terminal(folder):
    def answer(words):
        ours, theirs = pty.openpty()
        command = [sys.executable, "run.py", "rm", "all"]
        process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.write(ours, words)
        while True:
            try:
                if not os.read(ours, 4096):
                    break
            except OSError:
                break
        os.close(ours)
        process.wait(60)
        return len(list((folder / "store").rglob("*.record.json")))

    subprocess.run([sys.executable, "run.py"], cwd=folder, env=environment(folder), check=True, capture_output=True)
    assert answer(b"n\n") == 3
    assert answer(b"y\n") == 0


# From Python


def test_stored_gives_the_tasks_of_a_class():
    pipeline.build([All(), Train(name="other")])
    assert set(pipeline.stored(Train)) == {Train(rate=rate) for rate in (0.1, 0.2, 0.3)} | {Train(name="other")}
    assert pipeline.stored(Train, rate=0.2) == [Train(rate=0.2)]
    assert pipeline.stored(Train, rate="0.2") == [Train(rate=0.2)]
    assert pipeline.stored(Train, rate=7.0) == []
    assert pipeline.stored(Ingest, day=datetime.date(2026, 1, 2)) == [Ingest()]
    assert pipeline.stored(Train, rate=0.2)[0].load() == pytest.approx(0.6)


def test_stored_refuses_what_is_no_class_and_names_what_is_no_parameter():
    with pytest.raises(ParameterError, match="takes a class"):
        pipeline.stored("Train")
    with pytest.raises(ParameterError, match="no parameter 'rte': it has rows, day, rate, name"):
        pipeline.stored(Train, rte=1)


def test_load_gives_values_in_the_shape_of_the_tasks():
    pipeline.build(All())
    assert pipeline.load(Ingest()) == [0, 1, 2]
    assert pipeline.load([Train(rate=0.1), Train(rate=0.2)]) == pytest.approx([0.3, 0.6])
    assert pipeline.load({"a": Ingest()}) == {"a": [0, 1, 2]}


def test_remove_says_how_many_there_were(store):
    pipeline.build(All())
    assert pipeline.remove([Train(rate=0.1), Train(rate=0.2)]) == 2
    assert pipeline.remove(Train(rate=0.1)) == 0
    assert pipeline.stored(Train) == [Train(rate=0.3)]
    assert not Train(rate=0.1).complete()


def test_a_remote_store_is_listed_verified_and_emptied(cli):
    class Remote(Ingest):
        TARGET_DIR = "memory://store-commands"

    pipeline.build(Remote())

    def tasks():
        return Remote()

    assert len(json.loads(cli("ls", "--json", tasks=tasks)[1])) == 1
    assert cli("verify", tasks=tasks)[0] == 0
    assert len(json.loads(cli("history", "--json", tasks=tasks)[1])) == 1
    assert pipeline.stored(Remote) == [Remote()]
    assert cli("rm", "Remote", "--yes", tasks=tasks)[0] == 0
    assert json.loads(cli("ls", "--json", tasks=tasks)[1]) == []


def test_what_has_no_number_is_not_removed_by_an_ordering(cli):
    class Guess(Task):
        maybe = luigi.OptionalIntParameter(default=None)

        def easy_run(self, inputs):
            return 1

    tasks = [Guess(), Guess(maybe=9)]
    pipeline.build(tasks)
    assert cli("rm", "--where", "maybe>7", "--yes", tasks=lambda: tasks)[0] == 0
    assert [task.complete() for task in tasks] == [True, False]


def test_one_is_not_many(cli):
    pipeline.build(Ingest())
    assert cli("ls")[1].splitlines()[-1].startswith("1 output, ")
    assert cli("history")[1].splitlines()[-1] == "1 run"


def test_the_only_output_of_a_name(store):
    from pipeline import outputs, stores

    pipeline.build(Ingest())
    with pytest.raises(UnknownOutputError, match="did you mean 'Ingest'"):
        outputs.find([stores.default()], "Ingst")
    assert time.time() - outputs.find([stores.default()], "Ingest").made < 600

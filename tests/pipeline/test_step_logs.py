"""What a step prints and logs is in its log beside the record, and in the failure report."""

import os
import pathlib
import re
import subprocess

import pytest
from step_logs import ROOT, SAID, Silent, Speaks, linux, logs_of, said, script

import pipeline
from pipeline import SecretParameter, Task, steplogs
from targets import Target
from targets.opening import open_store
from targets.store import QUARANTINE

# In the store


@pytest.mark.parametrize("workers", [1, 2])
def test_all_that_a_step_says_is_in_its_log_in_this_order(workers):
    run = pipeline.build([Speaks(), Silent()], workers=workers)
    assert said(run.outcomes[Speaks()].log()) == SAID


@pytest.mark.parametrize("workers", [1, 2])
def test_also_where_the_streams_are_those_of_the_program(workers, tmp_path):
    program = """
class Speaks(Task):
    def easy_run(self, inputs):
        sys.stdout.write("no end of line, ")
        os.write(2, b"") or print("printed")
        print("to standard error", file=sys.stderr)
        logging.getLogger("app").warning("logged")
        subprocess.run(["echo", "by a child"])
run = pipeline.build(Speaks(), workers=int(sys.argv[1]))
print(run.outcomes[Speaks()].log(), end="")
"""
    out, _ = script(tmp_path, program, str(workers))
    assert out.splitlines() == ["no end of line, printed", "to standard error", "logged", "by a child"]


def test_a_step_that_says_nothing_has_no_log(store):
    run = pipeline.build(Silent())
    assert run.outcomes[Silent()].log() == ""
    assert logs_of(store) == []


def test_the_log_lies_beside_the_record(store):
    pipeline.build(Speaks())
    (log,) = logs_of(store)
    assert (log.parent / f"{log.stem}.record.json").exists()
    assert steplogs.where(Speaks()) == str(log)


def test_a_kept_step_keeps_its_log():
    first = pipeline.build(Speaks()).outcomes[Speaks()].log()
    run = pipeline.build(Speaks())
    assert run.kept == [Speaks()]
    assert run.outcomes[Speaks()].log() == first


def test_a_log_is_replaced_when_the_step_runs_again():
    pipeline.build(Speaks())
    run = pipeline.build(Speaks(), force=["all"])
    assert said(run.outcomes[Speaks()].log()) == SAID


@pytest.mark.parametrize("where", ["here", "memory://logs/store"])
def test_a_log_of_an_earlier_time_is_not_shown_when_the_step_says_nothing_any_more(where, monkeypatch):
    if where != "here":
        monkeypatch.setattr(Task, "TARGET_DIR", where)

    class Once(Task):
        def easy_run(self, inputs):
            if os.environ.get("SPEAK"):
                print("only once")

    monkeypatch.setenv("SPEAK", "yes")
    assert pipeline.build(Once()).outcomes[Once()].log() == "only once\n"
    monkeypatch.delenv("SPEAK")
    assert pipeline.build(Once(), force=["all"]).outcomes[Once()].log() == ""


def test_the_log_goes_with_the_output(store):
    pipeline.build(Speaks())
    Speaks().remove()
    assert logs_of(store) == []


def test_trimming_leaves_the_log(store):
    pipeline.build(Speaks())
    pipeline.trim([Speaks()])
    assert said(pipeline.build(Speaks()).outcomes[Speaks()].log()) == SAID


def test_a_log_makes_no_other_output(monkeypatch):
    monkeypatch.setenv("PIPELINE_CAPTURE", "false")
    pipeline.build(Speaks())
    without = Speaks().target.record
    monkeypatch.delenv("PIPELINE_CAPTURE")
    pipeline.build(Speaks(), force=["all"])
    assert (Speaks().target.record.identity, Speaks().target.record.parts) == (without.identity, without.parts)


def test_an_output_may_have_the_ending_of_a_log():
    class LogTarget(Target):
        extension = "log"

        def write(self, value, file):
            file.write(value)

        def read(self, file):
            return file.read()

    class Writes(Task):
        target_type = LogTarget

        def easy_run(self, inputs):
            print("said")
            return b"the output"

    run = pipeline.build(Writes())
    assert Writes().load() == b"the output"
    assert run.outcomes[Writes()].log() == "said\n"


def test_logs_on_a_store_that_is_far_away(monkeypatch):
    monkeypatch.setattr(Task, "TARGET_DIR", "memory://bucket/logs")
    run = pipeline.build(Speaks())
    assert said(run.outcomes[Speaks()].log()) == SAID
    Speaks().remove()
    assert steplogs.read(Speaks()) is None


def test_logs_are_found_by_the_beginning_of_a_key(store):
    pipeline.build([Speaks(n=1), Speaks(n=2)])
    (found,) = steplogs.find(open_store(str(store)), Speaks(n=2).key[:12])
    log = steplogs.read_at(open_store(str(store)), found)
    assert "printed 2" in log.text
    assert (log.state, log.task) == ("done", "Speaks(n=2)")


# What is left out


def test_a_secret_is_in_no_log(store, capfd):
    class Careless(Task):
        password = SecretParameter()

        def easy_run(self, inputs):
            print("logging in with", self.password)
            subprocess.run(["echo", f"password={self.password}"])
            raise ValueError(self.password)

    task = Careless(password="correct-horse-battery")
    run = pipeline.build(task, workers=1)
    assert "logging in with ***\npassword=***" in run.outcomes[task].log()
    assert b"correct-horse" not in logs_of(store)[0].read_bytes()
    assert "correct-horse" not in run.summary_text


@linux
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_last_megabyte_is_kept_and_the_log_says_what_was_cut(workers, tmp_path):
    program = """
class Chatters(Task):
    def easy_run(self, inputs):
        for n in range(60_000):
            print(f"line {n:06d} " + "x" * 87)
run = pipeline.build(Chatters(), workers=int(sys.argv[1]))
open("log", "w").write(run.outcomes[Chatters()].log())
"""
    _, err = script(tmp_path, program, workers)
    log = (tmp_path / "log").read_text()
    first, second, *_, last = log.splitlines()
    cut = int(re.fullmatch(r"--- (\d+) bytes before this were cut", first)[1])
    assert 1_000_000 < len(log) < 1_100_000
    assert cut + len(log) - len(first) - 1 == 60_000 * 100
    assert second == f"line {cut // 100:06d} " + "x" * 87
    assert last.startswith("line 059999 ")
    assert err.splitlines() == [f"Chatters() | line {n:06d} " + "x" * 87 for n in range(60_000)]


def test_of_a_line_that_was_written_over_the_last_is_kept():
    class Progresses(Task):
        def easy_run(self, inputs):
            for percent in (0, 50, 100):
                print(f"\r{percent} %", end="")
            print()

    assert pipeline.build(Progresses()).outcomes[Progresses()].log() == "100 %\n"


def test_bytes_that_are_no_text_do_no_harm():
    class Binary(Task):
        def easy_run(self, inputs):
            os.write(1, b"\xff\xfe\0 after\n")

    assert pipeline.build(Binary()).outcomes[Binary()].log() == "\ufffd\ufffd\0 after\n"


def test_it_can_be_turned_off(monkeypatch, store, tmp_path):
    monkeypatch.setenv("PIPELINE_CAPTURE", "false")
    assert pipeline.build(Speaks(fails=True)).outcomes[Speaks()].log() == ""
    assert logs_of(store) == []
    out, _ = script(tmp_path, "class A(Task):\n    def easy_run(self, inputs): print('as it is')\npipeline.build(A())", PIPELINE_CAPTURE="no")
    assert out == "as it is\n"


# Failures


@pytest.mark.parametrize("workers", [1, 2])
def test_the_log_of_a_failure_ends_with_the_traceback_of_the_step(workers):
    run = pipeline.build([Speaks(fails=True), Silent()], workers=workers)
    log = run.outcomes[Speaks()].log()
    printed, _, end = log.partition("--- failed\n")
    assert said(printed) == SAID
    assert end.startswith("Traceback (most recent call last):\n")
    assert end.endswith("ValueError: failed 0\n")
    assert str(ROOT / "pipeline") not in end  # our own frames say nothing


def test_a_silent_failure_has_a_log(store):
    class Fails(Task):
        def easy_run(self, inputs):
            return 1 / 0

    run = pipeline.build(Fails())
    assert "ZeroDivisionError" in run.outcomes[Fails()].log()
    assert "in easy_run" in run.summary_text


@pytest.mark.parametrize("workers", [1, 2])
def test_the_summary_shows_the_last_lines_and_where_the_rest_is(workers, store):
    class Counts(Task):
        def easy_run(self, inputs):
            for n in range(30):
                print(f"line {n}")
            raise ValueError("enough")

    run = pipeline.build([Counts(), Silent()], workers=workers)
    shown = [line.strip() for line in run.summary_text.splitlines()]
    failed = next(n for n, line in enumerate(shown) if line.startswith("failed: Counts()"))
    assert "enough" in shown[failed]
    assert shown[failed + 1 : failed + 6] == [f"| line {n}" for n in range(25, 30)]
    assert shown[failed + 6] == f"the whole log: {logs_of(store)[0]}"


def test_the_log_of_a_failure_is_gone_when_the_step_succeeds(store, monkeypatch):
    class Depends(Task):
        def easy_run(self, inputs):
            if os.environ.get("FAIL"):
                raise ValueError("not now")

    monkeypatch.setenv("FAIL", "yes")
    pipeline.build(Depends())
    assert len(logs_of(store)) == 1
    monkeypatch.delenv("FAIL")
    assert pipeline.build(Depends()).outcomes[Depends()].log() == ""
    assert logs_of(store) == []


def test_a_failure_that_is_kept_keeps_the_log_that_explains_it():
    class Doomed(Speaks):
        cache_failures = True

    first = pipeline.build(Doomed(fails=True)).outcomes[Doomed()].log()
    assert pipeline.build(Doomed(fails=True)).outcomes[Doomed()].log() == first
    assert "ValueError: failed 0" in first


@pytest.mark.parametrize("workers", [1, 2])
def test_want_of_memory_is_explained(workers):
    class Wants(Task):
        def easy_run(self, inputs):
            raise MemoryError

    run = pipeline.build([Wants(), Silent()], workers=workers)
    assert re.search(r"out of memory: its process has used at most \d+ MB.*; fewer workers", run.summary_text)
    assert "out of memory: " in run.outcomes[Wants()].log()


def test_a_log_that_cannot_be_written_is_a_warning(store, caplog):
    class Blocks(Task):
        def easy_run(self, inputs):
            print("said")
            pathlib.Path(steplogs.where(self)).mkdir(parents=True)
            (store / QUARANTINE).touch()  # where the directory would be set aside

    run = pipeline.build(Blocks())
    assert run.ran == [Blocks()]
    assert "the log of Blocks() could not be kept" in caplog.text


def test_a_step_that_is_interrupted_has_a_log(tmp_path):
    program = """
class Waits(Task):
    def easy_run(self, inputs):
        print("waiting")
        os.kill(os.getpid(), 2)
        time.sleep(60)
try:
    pipeline.build(Waits())
except KeyboardInterrupt:
    print("left")
    from pipeline import steplogs
    print(steplogs.read(Waits()))
"""
    out, _ = script(tmp_path, program)
    assert out.startswith("left\n")
    assert "state='interrupted'" in out
    assert "waiting\\n--- interrupted" in out


def test_standard_output_is_where_it_was_after_an_interrupt_while_it_is_collected(tmp_path):
    """In a notebook the process goes on."""
    program = """
import io
class Out(io.TextIOWrapper):
    armed = False
    def flush(self):
        if self.armed:
            Out.armed = False
            raise KeyboardInterrupt
        super().flush()
class Step(Task):
    def easy_run(self, inputs):
        Out.armed = True
        return 1
sys.stdout = Out(sys.stdout.buffer)
before = os.fstat(1)
try:
    pipeline.build(Step())
except KeyboardInterrupt:
    print(os.path.samestat(os.fstat(1), before), flush=True)
"""
    out, _ = script(tmp_path, program)
    assert out == "True\n"

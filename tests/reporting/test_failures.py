"""A failure in few lines: the project's own code first, libraries folded; what is skipped; tries; what no engine ever had."""

import dataclasses
import json
import sys

import luigi
import pytest

import pipeline
from pipeline import ExternalFile, Task, WrapperTask, inherit_list, tracebacks
from pipeline.errors import StepError
from pipeline.reporting import console, summary
from pipeline.reporting.tally import Tally
from pipeline.reporting.watching import watch
from pipeline.secrets import remembered


def parse(text):
    return json.loads(text)


def from_another(text):
    try:
        parse(text)
    except ValueError as error:
        raise RuntimeError("the configuration is wrong") from error


def again(depth):
    if depth:
        again(depth - 1)
    raise ValueError("deep")


def caught(function, *args):
    try:
        function(*args)
    except BaseException as error:
        return error


def test_own_code_is_shown_and_libraries_are_folded():
    lines = tracebacks.told(caught(parse, "{")).splitlines()
    assert lines[0].endswith("in caught")
    assert [line.rpartition(" in ")[2] for line in lines if ".py:" in line] == ["caught", "parse"]
    assert lines[3] == "    return json.loads(text)"
    assert lines[4] == "  (3 frames of json)"
    assert lines[5].startswith("json.decoder.JSONDecodeError: ")
    assert len(lines) == 6


def test_what_an_error_came_from_is_told_after_it():
    text = tracebacks.told(caught(from_another, "{"))
    assert text.index("RuntimeError: the configuration is wrong") < text.index("which came from") < text.index("JSONDecodeError")


def test_a_recursion_is_shown_by_its_ends():
    text = tracebacks.told(caught(again, 500))
    assert "more places of the project" in text
    assert len(text.splitlines()) < 40


def test_a_message_that_raises_hides_nothing():
    class Bad(Exception):
        def __str__(self):
            raise ValueError

    assert "Bad" in tracebacks.told(Bad())
    broken = SyntaxError("odd")
    broken.lineno, broken.text = 1, 5
    assert tracebacks.told(broken) == "SyntaxError: its message cannot be shown"


def test_the_parts_of_a_group_are_named():
    text = tracebacks.told(ExceptionGroup("two things", [ValueError("one"), KeyError("other")]))
    assert "ValueError: one" in text
    assert "KeyError: 'other'" in text


def test_secrets_are_not_in_it():
    remembered("very-secret-word")
    assert "very-secret-word" not in tracebacks.told(ValueError("it is very-secret-word"))


def test_a_child_tells_the_same_as_this_process():
    class Fails(Task):
        def easy_run(self, inputs):
            return parse("{")

    told = [tracebacks.of(pipeline.build(Fails(), engine=engine).outcomes[Fails()].error) for engine in ("inline", "processes")]
    assert told[0] == told[1]
    assert "in easy_run" in told[0]


def test_where_nothing_was_told_the_message_is():
    assert tracebacks.of(StepError("Task X died unexpectedly with exit code 3")) == "Task X died unexpectedly with exit code 3"


# What is emitted while a build is at work


@pytest.fixture
def emitted(monkeypatch):
    lines = []
    monkeypatch.setattr(console, "emit", lines.append)
    return lines


class Fails(Task):
    def easy_run(self, inputs):
        raise ValueError("as it was told")


@inherit_list(Fails)
class Below(Task):
    def easy_run(self, inputs):
        return 1


class Around(WrapperTask):
    def requires(self):
        return Below()


@inherit_list(Around)
class FarBelow(Task):
    def easy_run(self, inputs):
        return 1


def test_everything_that_needs_what_failed_is_named_as_skipped(emitted):
    run = pipeline.build(FarBelow(), progress=watch(quiet=True))
    assert len(emitted) == 1
    assert emitted[0].endswith("skipped because of it: Below(), FarBelow()")
    assert sorted(map(repr, run.skipped)) == ["Around()", "Below()", "FarBelow()"]


def test_a_try_that_is_not_the_last_skips_nothing(emitted):
    class Again(Task):
        retries = 1

        def easy_run(self, inputs):
            raise ValueError("as it was told")

    @inherit_list(Again)
    class Needs(Task):
        def easy_run(self, inputs):
            return 1

    pipeline.build(Needs(), progress=watch(quiet=True))
    assert [("(try 1 of 2)" in text, "(try 2 of 2)" in text, "skipped because of it" in text) for text in emitted] == [
        (True, False, False),
        (False, True, True),
    ]


def test_after_many_failures_each_has_one_line_and_then_none(emitted):
    class Each(Task):
        n = luigi.IntParameter()

        def easy_run(self, inputs):
            raise ValueError("as it was told")

    pipeline.build([Each(n=n) for n in range(150)], progress=watch(quiet=True))
    assert sum("\n" in text for text in emitted) == 10
    assert sum(text.startswith("failed: Each(n=") for text in emitted) == 100
    assert emitted[-1].startswith("more steps fail")
    assert len(emitted) == 111


def test_a_file_that_is_not_there_is_told_before_anything_runs(emitted, tmp_path):
    class Reads(Task):
        def requires(self):
            return [ExternalFile(path=tmp_path / "none.csv"), Fine()]

        def easy_run(self, inputs):
            return 1

    class Fine(Task):
        def easy_run(self, inputs):
            return len(emitted)

    run = pipeline.build(Reads(), progress=watch(quiet=True))
    assert run.exit_code == 1
    assert emitted[0].startswith("missing: ExternalFile(path=")
    assert emitted[0].endswith("none.csv is not there; needed by Reads()")
    assert Fine().load() == 1
    assert emitted[-1].startswith("failed: ExternalFile")


# Counting


class Leaf(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return self.n


class Asks(Task):
    def easy_run(self, inputs):
        return sum((yield [Leaf(n=n) for n in range(3)]))


class Keep:
    """Keeps the counters of a build."""

    def planned(self, plan, workers, recorded):
        self.tally = Tally(plan, workers, recorded)
        self.at_first = self.tally.left()

    def began(self, task, pid):
        self.tally.began(task, pid)

    def ended(self, task, state, duration, error):
        self.tally.ended(task, state)

    def finished(self, run):
        pass

    def abandoned(self, error):
        pass


def counted(tally, family):
    found = tally.families[family]
    return found.ran, found.kept, found.running, found.failed, found.total


def test_what_is_asked_for_while_running_is_counted():
    seen = Keep()
    pipeline.build(Asks(), progress=seen)
    assert counted(seen.tally, "Asks") == (1, 0, 0, 0, 1)
    assert counted(seen.tally, "Leaf") == (3, 0, 0, 0, 3)
    assert seen.tally.running == {}


def test_what_is_kept_because_its_inputs_came_out_as_before_is_counted_as_kept():
    class Source(Task):
        version = "1"

        def easy_run(self, inputs):
            return 1

    @inherit_list(Source)
    class User(Task):
        def easy_run(self, inputs):
            return 1

    pipeline.build(User())
    Source.version = "2"
    seen = Keep()
    pipeline.build(User(), progress=seen)
    assert counted(seen.tally, "Source") == (1, 0, 0, 0, 1)
    assert counted(seen.tally, "User") == (0, 1, 0, 0, 1)


def test_how_long_it_will_take_comes_from_records_of_the_family():

    first = Keep()
    pipeline.build([Leaf(n=n) for n in range(4)], progress=first)
    assert first.at_first is None
    for n in range(4):
        record = Leaf(n=n).target.record
        Leaf(n=n).target.rewrite(dataclasses.replace(record, duration=10.0))
    forced, never_made = Keep(), Keep()
    pipeline.build([Leaf(n=n) for n in range(4)], force="all", workers=2, progress=forced)
    assert forced.at_first == (20.0, True)
    Leaf(n=0).target.rewrite(dataclasses.replace(Leaf(n=0).target.record, duration=10.0))
    pipeline.build([Leaf(n=99), Fails()], progress=never_made)
    assert never_made.at_first is not None
    assert never_made.at_first[1] is False


def test_the_summary_groups_by_reason_also_what_was_asked_for_while_running(capsys):
    pipeline.build(Asks(), progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip() == "MISSING: it was never made, or was removed"
    assert {line.split()[0] for line in lines[2:4]} == {"Asks()", "Leaf(n=0)"}


def test_an_unreadable_reader_does_not_fail_a_run(monkeypatch):
    class Gone:
        encoding = "utf-8"

        def write(self, text):
            raise BrokenPipeError

        flush = write

        def isatty(self):
            return False

        def fileno(self):
            raise ValueError

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, Gone())
    assert pipeline.build(Leaf(n=1), progress=True).ok


def test_a_summary_stays_short_whatever_happened():
    class Each(Task):
        n = luigi.IntParameter()

        def easy_run(self, inputs):
            if self.n % 2:
                raise ValueError("as it was told\nin two lines")
            return 1

    run = pipeline.build([Each(n=n) for n in range(200)])
    text = summary.text(run, {}, width=80, colour=False)
    assert len(text.splitlines()) < 40
    assert max(map(len, text.splitlines())) <= 80


class Rings(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        print("printed \x1b[32min green\x1b[0m \a")
        raise ValueError(f"told {self.n} \x1b[31min red\x1b[0m, \0 and \x9b2J\rover it")


@pytest.mark.parametrize("engine", ["inline", "processes"])
def test_control_characters_of_a_failure_are_shown_and_not_obeyed(engine, emitted):
    run = pipeline.build([Rings(n=n) for n in range(12)], progress=watch(), engine=engine)
    failures = [text for text in emitted if text.startswith("failed: ")]
    assert len(failures) == 12
    said = "\n".join([*failures, summary.text(run, {}, width=10_000, colour=False), run.summary_text])
    assert not set(map(chr, [*range(9), *range(11, 32), *range(127, 160)])) & set(said)
    assert r"told 1 \x1b[31min red\x1b[0m, \x00 and \x9b2J" in said
    assert r"| printed \x1b[32min green\x1b[0m \x07" in said
    assert "printed \x1b[32min green\x1b[0m \a\n" in run.outcomes[Rings(n=1)].log()

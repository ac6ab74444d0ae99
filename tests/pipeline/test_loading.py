"""What a step was given is what is recorded: nothing that others write meanwhile passes for it."""

from __future__ import annotations

import dataclasses
import os
import pathlib

import luigi
import pytest

import pipeline
from pipeline import ExternalFile, Task, WrapperTask
from pipeline.observing import Observer
from targets import JsonTarget


class Maker(Task):
    outputs = {"it": JsonTarget}

    def easy_run(self, inputs):
        return {"it": "made here"}


class Wrapped(WrapperTask):
    def requires(self):
        return [Maker()]


class Whole(Task):
    def easy_run(self, inputs):
        return "made here"


class Around(WrapperTask):
    def requires(self):
        return {"whole": Whole()}


KINDS = {"a part": lambda: Maker()["it"], "a wrapper": Around, "a wrapper of parts": Wrapped, "a step": Whole}


class Between(Task):
    """While it is at work, another process with other code commits what was judged before."""

    kind = luigi.Parameter()

    def requires(self):
        return KINDS[self.kind]()

    def easy_run(self, inputs):
        if os.environ.get("BETWEEN"):
            Maker().target.dump({"it": "by other code"})
            Whole().target.dump("by other code")


class User(Task):
    kind = luigi.Parameter()
    dynamic = luigi.BoolParameter(default=False)

    def requires(self):
        return [Between(kind=self.kind)] if self.dynamic else [Between(kind=self.kind), KINDS[self.kind]()]

    def easy_run(self, inputs):
        got = (yield KINDS[self.kind]()) if self.dynamic else inputs[1]
        return str(got)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_another_process_commits_meanwhile_is_not_taken_for_what_was_judged(kind, dynamic, ran, monkeypatch):
    monkeypatch.setenv("BETWEEN", "1")
    ran(User(kind=kind, dynamic=dynamic))
    monkeypatch.delenv("BETWEEN")
    ran(User(kind=kind, dynamic=dynamic))
    assert "made here" in User(kind=kind, dynamic=dynamic).load()
    assert ran(User(kind=kind, dynamic=dynamic)) == []


class Delivered(luigi.ExternalTask):
    def output(self):
        return luigi.LocalTarget("raw/file")


class Files(WrapperTask):
    def requires(self):
        return [ExternalFile("raw")]


SOURCES = {"a file": lambda: ExternalFile("raw/file"), "a directory": lambda: ExternalFile("raw"), "a wrapper": Files, "of plain Luigi": Delivered}


class First(Task):
    """While it is at work, somebody delivers something else."""

    def easy_run(self, inputs):
        if os.environ.get("BETWEEN"):
            pathlib.Path("raw/file").write_text("bad")


class Reader(Task):
    source = luigi.Parameter()

    def requires(self):
        return [First(), SOURCES[self.source]()]

    def easy_run(self, inputs):
        return pathlib.Path("raw/file").read_text()


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_that_changes_during_the_run_is_not_recorded_as_what_it_was(source, ran, app, monkeypatch, caplog):
    pathlib.Path("raw").mkdir()
    pathlib.Path("raw/file").write_text("good")
    monkeypatch.setenv("BETWEEN", "1")
    ran(Reader(source=source))
    assert Reader(source=source).load() == "bad"
    assert "changed while Reader" in caplog.text
    monkeypatch.delenv("BETWEEN")
    pathlib.Path("raw/file").write_text("good")
    assert ran(Reader(source=source)) == ["Reader"]
    assert Reader(source=source).load() == "good"
    assert ran(Reader(source=source)) == []


class A(Task):
    def easy_run(self, inputs):
        return "made here"


class Overwrites(Task):
    def requires(self):
        return A()

    def easy_run(self, inputs):
        if os.environ.get("BETWEEN"):
            A().target.dump("by other code")


class Asks(Task):
    def requires(self):
        return Overwrites()

    def easy_run(self, inputs):
        return (yield A())


class Counts(Observer):
    begun = ()

    def began(self, task, pid):
        self.begun = (*self.begun, str(task))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_made_in_this_run_and_replaced_since_is_made_again_at_once(workers, ran, monkeypatch):
    """A scheduler of Luigi's ignores for ten seconds that a task which is done is not: all the while who needs it would begin again."""
    ran(Asks())
    A().remove()
    Overwrites().remove()
    monkeypatch.setenv("BETWEEN", "1")
    counts = Counts()
    assert pipeline.build(Asks(), workers=workers, progress=counts).ok
    assert Asks().load() == "made here"
    assert len([one for one in counts.begun if one == "Asks()"]) <= 3


class Old(Task):
    def easy_run(self, inputs):
        return "of this code"


def _while_it_is_loaded():
    target, mark = Old().target, pathlib.Path("others were at it")
    if not mark.exists():
        mark.touch()
        record = target.record
        target.dump("of other code")
        target.rewrite(dataclasses.replace(record, parts=target.record.parts, fingerprint="of others", run="of others"))
    return "slow"


class Slow:
    """While it is loaded, another process with other code makes what is loaded after it."""

    def __reduce__(self):
        return _while_it_is_loaded, ()


class LoadsSlowly(Task):
    def easy_run(self, inputs):
        return Slow()


class Both(Task):
    def requires(self):
        return [LoadsSlowly(), Old()]

    def easy_run(self, inputs):
        return inputs[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_other_code_has_made_meanwhile_is_made_again(workers, app):
    run = pipeline.build(Both(), workers=workers)
    assert run.ok, run.summary_text
    assert pathlib.Path("others were at it").exists()
    assert (Both().load(), Old().load()) == ("of this code", "of this code")
    assert pipeline.build(Both()).ran == []

"""Functions that a pickle holds by value are compiled for one version of Python: any other would crash as it loads them."""

import dataclasses
import functools

import pytest

import pipeline
import targets
from pipeline import Task
from targets import LoadError, PickleTarget
from targets.bytecode import THIS


def named(x):
    return x


class Named:
    def method(self):
        return 1


class Packed(PickleTarget):
    compression = 1


def local_class():
    class Local:
        def method(self):
            return 1

    return Local


HOLD_CODE = {
    "a lambda": lambda: lambda x: x + 1,
    "a local class": local_class,
    "an object of one": lambda: local_class()(),
    "a partial of a lambda": lambda: functools.partial(lambda x, y: x, 1),
    "deep inside": lambda: {"a": [(1, lambda x: x)]},
}
HOLD_NONE = {
    "a number": lambda: 1,
    "a function of a module": lambda: named,
    "an object": Named,
    "a method": lambda: Named().method,
    "a partial": lambda: functools.partial(named, 1),
    "a table": lambda: {"a": [named, Named]},
}


@pytest.mark.parametrize("kind", [PickleTarget, Packed])
@pytest.mark.parametrize("name", [*HOLD_CODE, *HOLD_NONE])
def test_the_record_says_who_has_compiled_what_is_in_a_pickle(name, kind, tmp_path):
    target = kind(tmp_path / f"x.{kind.extension}")
    target.dump({**HOLD_CODE, **HOLD_NONE}[name]())
    assert [part.bytecode for part in target.record.parts] == [THIS if name in HOLD_CODE else ""]
    target.load()


class Makes(Task):
    on_library_change = "ignore"
    outputs = {"run": PickleTarget, "scores": targets.JsonTarget}

    def easy_run(self, inputs):
        return {"run": lambda x: x + 1, "scores": [1]}


class Calls(Task):
    version = "1"

    def requires(self):
        return Makes()["run"]

    def easy_run(self, inputs):
        return inputs(1)


def say_another_made_it():
    """Let the output of `Makes` be one that another Python has stored."""
    record = Makes().target.record
    parts = tuple(dataclasses.replace(part, bytecode="cpython-310") if part.bytecode else part for part in record.parts)
    assert parts != record.parts
    Makes().target.rewrite(dataclasses.replace(record, parts=parts))


@pytest.fixture
def made_by_another(ran):
    ran(Calls())
    say_another_made_it()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_another_python_has_compiled_is_made_again(workers, made_by_another, ran):
    verdict = pipeline.plan(Calls()).verdicts[Makes()]
    assert str(verdict) == f"LIBRARY: it holds functions that cpython-310 has compiled, and {THIS} cannot run"
    Calls().remove()
    assert ran(Calls(), workers=workers) == ["Calls", "Makes"]
    assert Calls().load() == 2
    assert ran(Calls()) == []


def test_what_another_python_has_compiled_is_not_loaded(made_by_another):
    with pytest.raises(LoadError, match=r"Makes\(\) cannot be loaded: it holds functions that cpython-310 has compiled.*: build it again"):
        Makes().load()
    with pytest.raises(LoadError, match="cpython-310"):
        Makes()["run"].load()
    assert Makes()["scores"].load() == [1]
    assert Makes().target.exists(), "it is no damage"


def test_what_was_trimmed_stays_current(ran):
    ran(Calls())
    pipeline.trim([Makes()])
    say_another_made_it()
    assert ran(Calls()) == []

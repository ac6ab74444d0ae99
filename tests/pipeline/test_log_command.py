"""`log`: what a step printed when it last ran."""

import os
import pathlib

import luigi
import pytest
from command_line import command

import pipeline
from pipeline import Task, steplogs

__all__ = ["command"]


class Talks(Task):
    words = pipeline.SecretParameter(default="", significant=False)
    times = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        print("hello " * self.times)
        if self.times > 5:
            raise ValueError("too much talk")
        return self.times


class Silent(Task):
    def easy_run(self, inputs):
        return 1


@pytest.fixture
def cli(command):
    def run(*arguments):
        return command(*arguments, tasks=lambda: [Talks(), Silent()])

    return run


def test_log_prints_what_a_step_has_printed(cli):
    pipeline.build(Talks(times=2))
    for name in (Talks(times=2).key, Talks(times=2).key[:6], "Talks"):
        code, out, _ = cli("log", name)
        assert code == 0
        assert "hello hello" in out


def test_log_of_a_failed_step_has_its_traceback(cli):
    pipeline.build(Talks(times=6))
    code, out, _ = cli("log", Talks(times=6).key)
    assert code == 0
    assert "hello hello" in out
    assert "ValueError: too much talk" in out


@pytest.mark.parametrize("instead", [os.mkdir, os.mkfifo] if hasattr(os, "mkfifo") else [os.mkdir])
@pytest.mark.parametrize("times", [2, 6])
def test_what_is_no_file_in_the_place_of_a_log_hinders_nothing(instead, times, cli):
    step = Talks(times=times)
    pipeline.build(step)
    path = pathlib.Path(steplogs.where(step))
    path.unlink()
    instead(path)
    code, _, err = cli("log", step.key)
    if instead is os.mkdir:
        assert code == 3
        assert f"StoreError: {path} cannot be read" in err
    else:
        assert code == (2 if times == 6 else 0)
        assert "printed nothing" in err or "nothing in the store is named" in err
    run = pipeline.build(step, force="all")
    assert run.ok == (times == 2)
    assert "hello" in cli("log", step.key)[1]


def test_a_silent_step_has_printed_nothing(cli):
    pipeline.build(Silent())
    code, out, err = cli("log", "Silent")
    assert (code, out) == (0, "")
    assert "printed nothing" in err


def test_what_is_not_the_name_of_one_log_is_wrong_usage(cli):
    pipeline.build([Talks(times=1), Talks(times=2)])
    code, _, err = cli("log", "Talks")
    assert code == 2
    assert "2 logs bear the name 'Talks'" in err
    assert cli("log", "ffffffff")[0] == 2

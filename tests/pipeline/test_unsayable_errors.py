"""Errors of the app's code whose message raises another: they are named all the same, and end no command."""

import sys

import luigi
import pytest

import pipeline
from pipeline import Task


class Unsayable(Exception):
    def __str__(self):
        raise SystemExit(9)


class Unstorable:
    def __reduce__(self):
        raise Unsayable


class RequiresUnsayable(Task):
    def requires(self):
        raise Unsayable


class ReturnsUnstorable(Task):
    def easy_run(self, inputs):
        return Unstorable()


class ChecksUnsayable(Task):
    def check_output(self, value):
        raise Unsayable

    def easy_run(self, inputs):
        return 1


class TakesUnsayable(Task):
    class Odd(luigi.Parameter):
        def normalize(self, x):
            raise Unsayable

    x = Odd()

    def easy_run(self, inputs):
        return 1


class CompleteUnsayable(luigi.Task):
    def complete(self):
        raise Unsayable


class EndsUnsayable:
    def __str__(self):
        raise Unsayable


def get_unsayable():
    raise Unsayable


def get_end():
    sys.exit(EndsUnsayable())


@pytest.mark.parametrize(
    ("get_tasks", "code", "words"),
    [
        (RequiresUnsayable, 3, "RequirementError: RequiresUnsayable(): its requires() failed with Unsayable: its message cannot be shown"),
        (ReturnsUnstorable, 1, "DumpError: ReturnsUnstorable() returned a Unstorable that PickleTarget cannot store: Unsayable: its message"),
        (ChecksUnsayable, 1, "CheckError: ChecksUnsayable(): check_output found: Unsayable: its message cannot be shown"),
        (lambda: TakesUnsayable(x="1"), 3, "ParameterError: TakesUnsayable.x is a Odd and cannot be '1': its message cannot be shown"),
        (CompleteUnsayable, 1, "its complete() failed with Unsayable: its message cannot be shown"),
        (get_end, 3, "the app's code ends the program (SystemExit: its message cannot be shown)"),
        (get_unsayable, 3, "PlanningError: the terminal tasks cannot be made: Unsayable: its message cannot be shown"),
    ],
)
def test_an_error_whose_message_raises_ends_no_command(get_tasks, code, words, capsys):
    assert pipeline.main(get_tasks, ["run"]) == code
    captured = capsys.readouterr()
    assert words in captured.out + captured.err

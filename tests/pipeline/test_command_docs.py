"""The reference of the command line says what the commands themselves say."""

import re

from command_docs import PAGE, page

from pipeline import interrupts
from pipeline.cli import BUSY, FAILED, OK, UNPLANNED, UNWRITTEN, USAGE


def test_the_reference_is_that_of_today():
    text = PAGE.read_text()
    assert text == page(text), "run: python tests/pipeline/command_docs.py"


def test_every_exit_code_is_there():
    codes = re.findall(r"^\| ([\d, ]+) \|", PAGE.read_text(), re.M)
    assert [int(code) for line in codes for code in line.split(",")] == [
        OK,
        FAILED,
        USAGE,
        UNPLANNED,
        UNWRITTEN,
        BUSY,
        interrupts.INTERRUPTED,
        interrupts.TERMINATED,
    ]

"""Durations and sizes in words: never a unit too many, never two digits that mean nothing."""

import pytest

from pipeline import units


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "<1 ms"),
        (0.0124, "12 ms"),
        (0.9996, "1.0 s"),
        (3.44, "3.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (4800, "1 h 20 min"),
    ],
)
def test_a_duration(seconds, words):
    assert units.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 ms"), (0.5, "500 ms"), (59, "59 s"), (60, "1 minute"), (90, "90 s"), (5400, "90 minutes"), (86400, "1 day"), (200_000, "2 days")],
)
def test_a_span(seconds, words):
    assert units.span(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3440, "3.4 kB"), (12_400, "12 kB"), (999_600, "1 MB"), (2.5e9, "2.5 GB"), (3e15, "3000.0 TB")],
)
def test_a_size(count, words):
    assert units.size(count) == words

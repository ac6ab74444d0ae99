"""Different values never have the same key, and the same values always have: over 50,000 generated ones, in other processes, seeds and locales."""

import collections
import datetime
import decimal
import enum
import fractions
import json
import os
import pathlib
import pickle
import subprocess
import sys
import uuid
import zoneinfo

import luigi
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipeline import Task
from pipeline.errors import ParameterError
from pipeline.keys import Unencodable, encode, freeze, key_of

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
#: So many values are drawn at a time, since hypothesis itself costs most.
TOGETHER = 10
QUICK = settings(
    deadline=None, derandomize=True, database=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


class Colour(enum.Enum):
    RED = 1
    BLUE = "RED"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


Point = collections.namedtuple("Point", "x y")


class Step(Task):
    value = luigi.Parameter()

    def easy_run(self, inputs):
        return None


zones = st.sampled_from([None, datetime.UTC, zoneinfo.ZoneInfo("Europe/Paris"), datetime.timezone(datetime.timedelta(hours=1))])
texts = st.text(max_size=6) | st.sampled_from(["", "None", "1", "1.0", "True", "()", "a\0", "\u00e9", "e\u0301", "\ud800", "s\0\0\0\x01a"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.integers()
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, float("inf")])
    | texts
    | st.binary(max_size=6)
    | st.dates()
    | st.datetimes(timezones=zones)
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.sampled_from([decimal.Decimal("1"), decimal.Decimal("1.0"), decimal.Decimal("NaN"), decimal.Decimal("-0")])
    | st.fractions()
    | st.uuids()
    | st.complex_numbers()
    | st.sampled_from([*Colour, *Access, Access.READ | Access.WRITE, Access(0)])
    | st.lists(texts, max_size=3).map(lambda parts: pathlib.PurePosixPath(*[part.replace("\0", "") for part in parts]))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(texts | st.integers(-1, 2) | st.booleans(), inner, max_size=3)
        | st.frozensets(texts | st.integers(-1, 2) | st.none(), max_size=3)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=4,
)


def neighbours(value):
    """What a careless encoding would take for the value."""
    yield str(value)
    yield repr(value)
    yield (value,)
    yield ((value,),)
    yield (None, value)
    yield {"a": value}
    yield {"value": value, "other": None}
    yield Point(value, None)
    if isinstance(value, (int, float)) and abs(value) < 1e15:
        yield float(value)
        yield complex(value)
        if value == value:
            yield int(value)
    if isinstance(value, str):
        yield value.encode("utf-8", "surrogatepass")
        yield value + "\0"
        yield (value, "")
        yield ("", value)


def typed(value):
    """Equality that tells types apart, as the reference; written without any of the code under test."""
    kind = type(value)
    if isinstance(value, tuple):
        return (kind.__name__, *map(typed, value))
    if isinstance(value, dict):
        return ("dict", frozenset((typed(name), typed(item)) for name, item in value.items()))
    if isinstance(value, frozenset):
        return ("set", frozenset(map(typed, value)))
    if kind is float:
        return ("float", value.hex())
    if kind is complex:
        return ("complex", value.real.hex(), value.imag.hex())
    if kind is decimal.Decimal:
        return ("decimal", value.as_tuple())
    if kind is datetime.datetime:
        # The same hour twice a year is two moments, and the same moment in two zones is two values.
        zone = value.tzinfo
        return ("datetime", value.replace(tzinfo=None, fold=0), getattr(zone, "key", None) or str(zone), value.utcoffset())
    if isinstance(value, enum.Enum):
        return (kind.__name__, str(value))
    return (kind.__name__, value)


class Book:
    """Every value that was ever seen, by its key and by what it is: one page for each, whatever the order."""

    def __init__(self):
        self.by_key = {}
        self.by_value = {}

    def enter(self, key, what):
        assert self.by_key.setdefault(key, what) == what, "two values have one key"
        assert self.by_value.setdefault(what, key) == key, "one value has two keys"


def key(value):
    return key_of("Step", [("value", encode(freeze(value)))])


def test_no_two_of_50_000_values_have_the_same_key():
    book = Book()
    entered = 0

    @settings(QUICK, max_examples=6_000 * HEAVY // TOGETHER)
    @given(st.lists(values, min_size=TOGETHER, max_size=TOGETHER))
    def draw(some):
        nonlocal entered
        for value in some:
            for one in [value, *neighbours(value)]:
                book.enter(key(one), typed(one))
                entered += 1

    draw()
    assert entered >= 50_000 * HEAVY
    assert len(book.by_key) > 3_000 * HEAVY


def test_a_careless_encoding_is_caught():
    """What the test above would say of other ways to make a key."""

    def hash_of(value):
        try:
            return hash(value)
        except TypeError:
            return hash(str(value))

    def caught(encoding):
        book = Book()

        @settings(QUICK, max_examples=200)
        @given(st.lists(values, min_size=TOGETHER, max_size=TOGETHER))
        def draw(some):
            for value in some:
                for one in [value, *neighbours(value)]:
                    book.enter(encoding(one), typed(one))

        with pytest.raises(AssertionError, match="have one key|has two keys"):
            draw()

    caught(str)
    caught(hash_of)
    caught(lambda value: json.dumps(value, default=str, skipkeys=True, sort_keys=False))
    caught(lambda value: encode(freeze(value)).lower())


def test_families_names_and_values_are_told_apart():
    book = Book()
    tasks = st.tuples(texts, st.dictionaries(texts, scalars, max_size=3))

    @settings(QUICK, max_examples=2_000 * HEAVY // TOGETHER)
    @given(st.lists(tasks, min_size=TOGETHER, max_size=TOGETHER))
    def draw(some):
        for family, parameters in some:
            found = key_of(family, [(name, encode(value)) for name, value in parameters.items()])
            assert found == key_of(family, [(name, encode(value)) for name, value in reversed(parameters.items())])
            book.enter(found, (family, frozenset((name, typed(value)) for name, value in parameters.items())))

    draw()


CHILD = """
import locale, pickle, sys
from test_keys_injective import Step
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    print("no such locale here", file=sys.stderr)
print(*[Step(value=value).key for value in pickle.load(sys.stdin.buffer)])
"""


def test_keys_are_the_same_in_every_process_seed_and_locale():
    drawn = []

    @settings(QUICK, max_examples=100)
    @given(st.lists(values, min_size=TOGETHER, max_size=TOGETHER))
    def draw(some):
        drawn.extend(some)

    draw()
    here = [Step(value=value).key for value in drawn]
    assert here == [key(value) for value in drawn]
    for more in (
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
        {"PYTHONHASHSEED": "4242", "LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "random", "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "1", "PYTHONOPTIMIZE": "2"},
    ):
        child = subprocess.run(
            [sys.executable, "-c", CHILD],
            input=pickle.dumps(drawn),
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(pathlib.Path(__file__).parent)]), **more},
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert child.returncode == 0, child.stderr.decode()
        assert child.stdout.decode().split() == here, more


@pytest.mark.parametrize("value", [np.longdouble("0.1"), 10**5000, -(10**5000), {"a": [10**5000]}], ids=["longdouble", "huge", "negative", "inside"])
def test_a_number_that_nothing_can_write_is_refused_by_name(value):
    with pytest.raises(Unencodable):
        encode(freeze(value))
    with pytest.raises(ParameterError, match=r"Step\.value"):
        Step(value=value)


def test_values_beyond_the_dates_and_numbers_of_one_library_are_told_apart():
    pandas = pytest.importorskip("pandas")
    several = [
        np.datetime64("2020-01-01"), np.datetime64("2020-01-01", "s"), np.timedelta64(1, "s"), np.timedelta64(1000, "ms"), np.timedelta64("NaT"),
        np.datetime64("NaT"), pandas.NaT, pandas.NA, pandas.Timestamp("2020-01-01 00:00:00.000000001"), pandas.Timestamp("2020-01-01", tz="UTC"),
        datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), np.float32(0.1), np.float64(0.1), uuid.UUID(int=1), fractions.Fraction(1, 3), 1 / 3,
    ]  # fmt: skip
    assert len({key(value) for value in several}) == len(several)

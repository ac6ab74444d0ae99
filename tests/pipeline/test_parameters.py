"""Parameters: values of other types are other tasks; what cannot be a parameter is refused in words."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import pathlib
import re
import subprocess
import sys
import uuid
import warnings
import zoneinfo

import luigi
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from luigi.date_interval import Custom, Date, Month, Week, Year
from luigi.task_register import Register

import pipeline
from pipeline import ListTaskParameter, Task, TaskParameter
from pipeline.errors import MissingParameterError, ParameterError, ReservedNameError, UnknownParameterError
from pipeline.keys import encode, freeze
from pipeline.schema import MisspeltParameterWarning


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Swapped(enum.StrEnum):
    """Members whose values are the names of others."""

    A = "B"
    B = "A"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Size:
    x: int
    y: int


class Any(Task):
    value = luigi.Parameter()

    def easy_run(self, inputs):
        return self.value


UTC = datetime.UTC
DIFFERENT = [
    None, "", "None", 0, 1, 2, "1", True, False, 1.0, 0.0, -0.0, float("nan"), float("inf"), b"1", 1j,
    (), (1,), ("1",), ((1,),), (1, 2), (2, 1), {"a": 1}, {"a": "1"}, {"a": 1, "b": 2}, {1: 1}, {"1": 1},
    frozenset(), frozenset({1}), frozenset({"1"}), Colour.RED, Colour.BLUE, "Colour.RED",
    datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.datetime(2020, 1, 1, tzinfo=UTC),
    datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1))), "2020-01-01",
    datetime.time(1), datetime.timedelta(1), datetime.timedelta(seconds=1), decimal.Decimal("1"), decimal.Decimal("1.0"),
    pathlib.PurePosixPath("a/b"), "a/b", pd.Timestamp("2020-01-01 00:00:00.000000001"), pd.NaT, pd.Timedelta(1, "ns"),
    np.datetime64("2020-01-01"), np.timedelta64(1, "s"), uuid.UUID(int=1), fractions.Fraction(1, 3), re.compile("a"), re.compile(b"a", re.DOTALL),
    Access.READ | Access.WRITE, Access(0), Point(1, 2), Size(1, 2), pathlib.PurePosixPath("a\\b"), datetime.time(1, tzinfo=UTC), 10**300,
    datetime.datetime(2020, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"), fold=1), pd.Timestamp("2020-01-01", tz="Asia/Kathmandu"),
    Month(2020, 1), Month(2020, 2), Year(2020), Week(2020, 1), Date(2020, 1, 1), Custom(datetime.date(2020, 1, 1), datetime.date(2020, 2, 1)),
]  # fmt: skip


def test_values_that_differ_in_value_or_type_have_different_keys():
    tasks = [Any(value=value) for value in DIFFERENT]
    assert len({task.key for task in tasks}) == len(DIFFERENT)
    assert len({task.task_id for task in tasks}) == len(DIFFERENT)
    assert len(set(map(id, tasks))) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1, 2], (1, 2)), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (np.float64(0.5), 0.5), (np.int64(3), 3), ({3, 1}, {1, 3}), (np.bool_(True), True)],
)
def test_values_that_mean_the_same_have_the_same_key(one, other):
    assert Any(value=one) is Any(value=other)


def test_the_instance_keeps_the_type_it_was_given():
    assert [type(Any(value=value).value) for value in (1, True, 1.0)] == [int, bool, float]


def test_what_is_asked_for_again_is_the_same_object_until_luigi_forgets_its_objects():
    class Again(Task):
        n = luigi.IntParameter()
        text = luigi.Parameter(default="x")

    first = Again(n=1, text="x")
    assert Again(n=1, text="x") is Again(text="x", n=1) is Again(1, "x") is Again(n="1") is first
    assert Again(n=2, text="x") is not first
    assert Again(n=1, text="y") is not first
    Again.text = luigi.IntParameter(default=5)
    assert (Again(n=1, text="7").text, Again(n=1).text) == (7, 5)
    Register.clear_instance_cache()
    second = Again(n=2, text=3)
    Register.clear_instance_cache()
    assert Again(n=2, text=3) is not second
    kept = Register._Register__instance_cache
    Register.disable_instance_cache()
    try:
        assert Again(n=2, text=3) is not Again(n=2, text=3)
    finally:
        Register._Register__instance_cache = kept


def test_keys_are_those_of_earlier_versions():
    golden = json.loads((pathlib.Path(__file__).parent / "golden_keys.json").read_text())
    assert [Any(value=value).key for value in DIFFERENT] == golden


def test_keys_do_not_depend_on_the_hash_seed():
    code = (
        "import luigi\nfrom pipeline import Task\n"
        "class Any(Task):\n    value = luigi.Parameter()\n"
        "print(Any(value=(frozenset('abcdef'), {'x': 1, 'y': {2.5, None}})).key)"
    )
    import os

    keys = set()
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        keys.add(subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(keys) == 1


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.dates() | st.datetimes()
values = st.recursive(scalars, lambda inner: st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner), max_leaves=8)


def typed(value):
    """Equality that tells types apart, as the reference."""
    if isinstance(value, tuple):
        return ("tuple", tuple(map(typed, value)))
    if isinstance(value, dict):
        return ("dict", frozenset((typed(name), typed(item)) for name, item in value.items()))
    if isinstance(value, float):
        return ("float", value.hex())
    return (type(value).__name__, value)


@given(values, values)
def test_encoding_is_injective(one, other):
    assert (encode(freeze(one)) == encode(freeze(other))) == (typed(one) == typed(other))


@pytest.mark.parametrize(
    ("parameter", "given_value", "expected"),
    [
        (luigi.IntParameter(), "500", 500),
        (luigi.IntParameter(), 500.0, 500),
        (luigi.FloatParameter(), 2, 2.0),
        (luigi.FloatParameter(), "2", 2.0),
        (luigi.BoolParameter(), "true", True),
        (luigi.IntParameter(), np.float32(2.0), 2),
        (luigi.BoolParameter(), 1, True),
        (luigi.DateParameter(), "2020-02-01", datetime.date(2020, 2, 1)),
        (luigi.ListParameter(), "[1, 2]", (1, 2)),
        (luigi.TupleParameter(), [[1, 2], [3]], ((1, 2), (3,))),
        (luigi.EnumParameter(enum=Colour), "RED", Colour.RED),
        (luigi.EnumParameter(enum=Swapped), Swapped.A, Swapped.A),
        (luigi.EnumParameter(enum=Swapped), "A", Swapped.A),
        (luigi.NumericalParameter(var_type=float, min_value=0, max_value=9), 1, 1.0),
        (luigi.NumericalParameter(var_type=float, min_value=0, max_value=9), "1", 1.0),
        (luigi.NumericalParameter(var_type=int, min_value=0, max_value=9), 2.0, 2),
        (luigi.OptionalIntParameter(), None, None),
        (luigi.IntParameter(default=None), None, None),
        (luigi.ChoiceParameter(choices=["a", "b"]), "b", "b"),
    ],
)
def test_the_declared_parameter_gives_the_type(parameter, given_value, expected):
    class Step(Task):
        value = parameter

    assert Step(value=given_value).value == expected
    assert type(Step(value=given_value).value) is type(expected)


class Nameless(datetime.tzinfo):
    """All that its text says is where it lies in memory."""

    def utcoffset(self, moment):
        return datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("parameter", "wrong"),
    [(luigi.IntParameter(), "many"), (luigi.IntParameter(), 1.5), (luigi.FloatParameter(), "fast"), (luigi.BoolParameter(), 7),
     (luigi.BoolParameter(), "ture"), (luigi.IntParameter(), np.float32(2.5)), (luigi.IntParameter(), decimal.Decimal("2.5")),
     (luigi.NumericalParameter(var_type=float, min_value=0, max_value=1), 7.0),
     (luigi.EnumParameter(enum=Colour), "GREEN"), (luigi.EnumParameter(enum=Colour), 1), (luigi.DateParameter(), "tomorrow"),
     (luigi.ListParameter(), [datetime.date(2026, 1, 1)]), (luigi.ListParameter(), {1, 2}), (luigi.DictParameter(), {"a": {1}}),
     (luigi.TimeDeltaParameter(), 5), (luigi.Parameter(), datetime.datetime(2026, 1, 1, tzinfo=Nameless())),
     (luigi.Parameter(), datetime.time(1, tzinfo=Nameless())),
     (luigi.ChoiceParameter(choices=["a"]), "b"), (luigi.Parameter(), pd.DataFrame()), (luigi.Parameter(), object()),
     (luigi.Parameter(), [1, [bytearray()]]), (TaskParameter(), "x"), (TaskParameter(), Any), (TaskParameter(kind=Any), 3),
     (ListTaskParameter(), 3)],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused_by_name(parameter, wrong):
    class Step(Task):
        setting = parameter

    with pytest.raises(ParameterError, match=r"Step\.setting"):
        Step(setting=wrong)


@pytest.mark.parametrize("text", ["2020-01-05", "2020-01", "2020", "2020-W05", "2020-01-05-2020-01-09"])
def test_an_interval_of_dates_is_a_parameter(text, ran):
    class Span(Task):
        span = luigi.DateIntervalParameter(default=Month(2019, 1))

        def easy_run(self, inputs):
            return [day.isoformat() for day in self.span.dates()]

    task = Span(span=luigi.DateIntervalParameter().parse(text))
    assert ran(task, Span(), workers=2) == ["Span", "Span"]
    assert ran(Span(span=text)) == []
    assert Span.from_str_params(task.to_str_params()) is task
    assert task.load() == [day.isoformat() for day in task.span.dates()]
    assert task.target.record.params == {"span": {"text": text}}


def test_the_place_of_a_bad_value_inside_another_is_named():
    with pytest.raises(ParameterError, match=r"Any\.value\['b'\]\[1\]"):
        Any(value={"a": 1, "b": [1, object()]})


def test_a_missing_parameter_is_named_with_what_to_do():
    with pytest.raises(MissingParameterError, match=r"Any needs value: pass it as Any\(value=...\)"):
        Any()


def test_too_many_positions_are_refused():
    with pytest.raises(UnknownParameterError, match="at most 1 positional"):
        Any(1, 2)


def test_names_that_no_step_knows_are_let_through():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Any(value=1, quite_another_thing=2) is Any(value=1)


def test_a_misspelt_name_warns():
    class Fit(Task):
        model_epochs = luigi.IntParameter(default=3)

    with pytest.warns(MisspeltParameterWarning, match="did you mean 'model_epochs'"):
        Fit(model_epoch=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Fit(model_epochs=1, model_epoch_s=5)  # the right name is there: the other is for another step


def test_a_parameter_assigned_after_the_class_was_made_works(monkeypatch):
    class Step(Task):
        own = luigi.IntParameter(default=1)

    before = Step()
    monkeypatch.setattr(Task, "version", luigi.Parameter(default="v1"))
    assert Step(version="v2").version == "v2"
    assert Step().key != before.key
    assert "version" in dict(Step.get_params())


def test_one_parameter_object_under_two_names_is_two_parameters():
    shared = luigi.IntParameter(default=0)

    class Step(Task):
        one = shared
        two = shared

    step = Step(one=1, two=2)
    assert (step.one, step.two) == (1, 2)


@pytest.mark.parametrize("name", ["load", "requires", "easy_run", "output", "key", "task_directory", "target_type", "outputs", "remove"])
def test_a_parameter_may_not_hide_what_every_task_has(name):
    with pytest.raises(ReservedNameError, match=f"cannot be named '{name}'"):
        type("Step", (Task,), {name: luigi.Parameter()})


@pytest.mark.parametrize("name", ["version", "resources", "priority", "metadata"])
def test_a_parameter_may_replace_plain_data_of_the_base(name):
    step = type("Step", (Task,), {name: luigi.IntParameter(default=7)})
    assert getattr(step(), name) == 7
    assert getattr(step(**{name: 8}), name) == 8


def test_private_parameters_count_in_the_key_and_show_nowhere(ran):
    class Fetch(Task):
        password = luigi.Parameter(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

        def easy_run(self, inputs):
            return 1

    task = Fetch(password="hunter2")
    ran(task)
    assert task.key != Fetch(password="other").key
    shown = repr(task) + task.target.path + task.task_id + json.dumps(dict(task.target.record.params))
    assert "hunter2" not in shown


def test_insignificant_parameters_do_not_count():
    class Step(Task):
        threads = luigi.IntParameter(default=1, significant=False)

    assert Step(threads=1).key == Step(threads=2).key
    assert Step(threads=2).threads == 2


def test_defaults_come_from_the_configuration():
    class Configured(Task):
        rate = luigi.FloatParameter(default=0.1)

    luigi.configuration.get_config().set("Configured", "rate", "0.7")
    assert Configured().rate == 0.7


def test_a_class_with_its_own_init_works():
    class Step(Task):
        n = luigi.IntParameter()

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.double = 2 * self.n

    assert Step(n="4").double == 8
    assert Step(n=4) is Step(n="4")


def test_clone_passes_parameters_only():
    class One(Task):
        a = luigi.IntParameter(default=1)
        b = luigi.IntParameter(default=2)

    class Two(Task):
        b = luigi.IntParameter(default=9)
        priority = luigi.IntParameter(default=3)

    assert One(a=5, b=6).clone(Two) == Two(b=6, priority=3)
    assert One(a=5).clone(b=7) == One(a=5, b=7)


def test_clone_takes_what_the_app_says_for_a_parameter():
    class Daily(Task):
        day = luigi.IntParameter(default=1)
        year = luigi.IntParameter(default=1)
        hour = luigi.IntParameter(default=4)
        minute = luigi.IntParameter(default=5)
        priority = luigi.IntParameter(default=3)

    class Monthly(Task):
        month = luigi.IntParameter()
        year = 2026

        def hour(self):
            return 1

        @property
        def minute(self):
            raise AttributeError("it has none")

        @property
        def day(self):
            return 10 * self.month

    assert Monthly(month=2).clone(Daily) == Daily(day=20, year=2026, priority=3)


def test_tasks_survive_pickling_and_text():
    import pickle

    class Outer(Task):
        inner = TaskParameter()
        more = ListTaskParameter(default=())

    task = Outer(inner=Any(value=1), more=[Any(value="x"), Any(value="y")])
    assert Outer.from_str_params(task.to_str_params()) == Outer(inner=Any(value="1"), more=[Any(value="x"), Any(value="y")])
    assert pickle.loads(pickle.dumps(Any(value=(1, 2)))) is Any(value=(1, 2))


def test_tasks_in_tasks_cost_one_hash_each():
    class Nest(Task):
        left = TaskParameter()
        right = TaskParameter()

    task = Any(value=0)
    for _ in range(300):  # as a tree it would have 2**300 leaves
        task = Nest(left=task, right=task)
    assert len(task.to_str_params()["left"]) < 60_000
    assert Nest.from_str_params(task.to_str_params()) is not None


def test_an_object_takes_fewer_calls_than_luigis():
    class Cheap(Task):
        n = luigi.IntParameter()

    def calls(make):
        count = 0

        def counting(frame, event, argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(counting)
        try:
            make()
        finally:
            sys.setprofile(None)
        return count

    class Plain(luigi.Task):
        n = luigi.IntParameter()

    assert calls(lambda: [Cheap(n=n) for n in range(100)]) < calls(lambda: [Plain(n=n) for n in range(100)])


def test_same_families_in_two_modules_are_refused():
    def make(module):
        return type("Same", (Task,), {"__module__": module, "easy_run": lambda self, inputs: 1})

    one, two = make("one"), make("two")

    class Both(pipeline.WrapperTask):
        def requires(self):
            return [one(), two()]

    with pytest.raises(pipeline.AmbiguousFamilyError, match="set task_namespace"):
        pipeline.plan(Both())

    class Later(Task):
        def requires(self):
            return one()

        def easy_run(self, inputs):
            return (yield two())

    run = pipeline.build(Later())
    assert run.ran == [one()]
    assert "set task_namespace" in str(run.outcomes[Later()].error)


def test_a_task_as_parameter_may_be_none_by_default(ran):
    class Model(Task):
        def easy_run(self, inputs):
            return 1

    class Uses(Task):
        model = TaskParameter(default=None)

        def easy_run(self, inputs):
            return inputs

    assert ran(Uses(), workers=2) == ["Uses"]
    assert Uses(model="") is Uses()
    assert ran(Uses(model=Model())) == ["Model", "Uses"]

"""Luigi's ranges of days and hours over our tasks, and `bulk_complete`, which they ask."""

import datetime
import functools

import luigi
import pytest
from luigi.tools.range import RangeDaily, RangeHourly

from pipeline import ParameterError, Task
from targets import JsonTarget


class Daily(Task):
    day = luigi.DateParameter()
    scale = luigi.IntParameter(default=1)
    target_type = JsonTarget

    def easy_run(self, inputs):
        return self.day.day * self.scale


class Hourly(Task):
    hour = luigi.DateHourParameter()

    def requires(self):
        return Daily(day=self.hour.date())

    def easy_run(self, inputs):
        return inputs + self.hour.hour


def test_a_range_of_days_or_hours_makes_what_is_missing(ran):
    # A range looks a hundred days back from now, whenever that is.
    now = int(datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC).timestamp())
    first, last = datetime.date(2026, 3, 1), datetime.date(2026, 3, 4)
    ran(Daily(day=datetime.date(2026, 3, 2), scale=10))
    days = RangeDaily(of=Daily, of_params={"scale": 10}, start=first, stop=last, now=now)
    assert ran(days) == ["Daily", "Daily"]
    assert days.complete()
    assert Daily(day=datetime.date(2026, 3, 3), scale=10).load() == 30
    start, stop = datetime.datetime(2026, 3, 5), datetime.datetime(2026, 3, 5, 2)
    hours = RangeHourly(of=Hourly, start=start, stop=stop, now=now)
    assert luigi.build([hours], local_scheduler=True, log_level="ERROR")
    assert Hourly(hour=datetime.datetime(2026, 3, 5, 1)).load() == 6
    Daily(day=start.date()).remove()
    # Another object: a range remembers what it lacked.
    assert ran(RangeHourly(of=Hourly, start=start, stop=stop, now=now, task_limit=7)) == ["Daily"]


class OfRegion(Task):
    region = luigi.Parameter(default="all")
    day = luigi.DateParameter()

    def easy_run(self, inputs):
        return f"{self.region} {self.day}"


class Since(Task):
    since = luigi.DateParameter(default=datetime.date(2000, 1, 1))
    day = luigi.DateParameter(default=datetime.date(2000, 1, 1))

    def easy_run(self, inputs):
        return f"{self.since} {self.day}"


@pytest.mark.parametrize("of_params", [{}, {"region": "north"}])
def test_a_range_names_the_parameter_that_it_is_about(of_params):
    now = int(datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC).timestamp())
    options = {"start": datetime.date(2026, 3, 1), "stop": datetime.date(2026, 3, 4), "now": now, "param_name": "day", "of_params": of_params}
    assert luigi.build([RangeDaily(of=OfRegion, **options)], local_scheduler=True, log_level="ERROR")
    assert [OfRegion(day=datetime.date(2026, 3, at), **of_params).complete() for at in (1, 2, 3, 4)] == [True, True, True, False]
    assert RangeDaily(of=OfRegion, **options, task_limit=9).complete()


def test_a_date_alone_that_may_be_for_several_parameters_is_refused():
    day = datetime.date(2026, 3, 1)
    with pytest.raises(ParameterError, match=r"several parameters of Since \(since or day\)"):
        Since.bulk_complete([day])
    assert Since.bulk_complete.__func__(functools.partial(Since, since=day), [day]) == []


def test_what_is_complete_of_many_is_told_by_their_parameters(ran):
    day = datetime.date(2026, 3, 2)
    ran(Daily(day=day), Daily(day=day, scale=3))
    other = datetime.date(2026, 3, 3)
    assert Daily.bulk_complete([day, other]) == [day]
    assert Daily.bulk_complete((one, 3) for one in (other, day)) == [(day, 3)]
    assert Daily.bulk_complete([{"day": day, "scale": 3}, {"day": day, "scale": 4}]) == [{"day": day, "scale": 3}]

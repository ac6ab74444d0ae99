"""Luigi's ranges of days and hours over our tasks, and `bulk_complete`, which they ask."""

import datetime

import luigi
from luigi.tools.range import RangeDaily, RangeHourly

from pipeline import Task
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
    assert ran(days) == ["Daily", "Daily", "RangeDaily"]
    assert days.complete()
    assert Daily(day=datetime.date(2026, 3, 3), scale=10).load() == 30
    start, stop = datetime.datetime(2026, 3, 5), datetime.datetime(2026, 3, 5, 2)
    hours = RangeHourly(of=Hourly, start=start, stop=stop, now=now)
    assert luigi.build([hours], local_scheduler=True, log_level="ERROR")
    assert Hourly(hour=datetime.datetime(2026, 3, 5, 1)).load() == 6
    Daily(day=start.date()).remove()
    # Another object: a range remembers what it lacked.
    assert ran(RangeHourly(of=Hourly, start=start, stop=stop, now=now, task_limit=7)) == ["Daily", "RangeHourly"]


def test_what_is_complete_of_many_is_told_by_their_parameters(ran):
    day = datetime.date(2026, 3, 2)
    ran(Daily(day=day), Daily(day=day, scale=3))
    other = datetime.date(2026, 3, 3)
    assert Daily.bulk_complete([day, other]) == [day]
    assert Daily.bulk_complete((one, 3) for one in (other, day)) == [(day, 3)]
    assert Daily.bulk_complete([{"day": day, "scale": 3}, {"day": day, "scale": 4}]) == [{"day": day, "scale": 3}]

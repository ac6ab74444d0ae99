from datetime import timedelta
from pathlib import Path

import luigi
from shop import chosen, data, dispatch, extra, imported, inner, invoice, labels, model, scoring, summary, window, wrapped
from shop.formats import LinesTarget

from pipeline import ExternalFile, Task, WrapperTask, inherit_dict, inherit_list
from targets import JsonTarget, MemoryTarget, PickleTarget


class JsonStep(Task):
    target_type = JsonTarget

    def shown(self, value):
        return value


class Raw(Task):
    def requires(self):
        return ExternalFile("raw.txt")

    def easy_run(self, inputs):
        return data.read(inputs)


@inherit_list(Raw)
class Clean(Task):
    def easy_run(self, inputs):
        return data.clean(inputs[0])


@inherit_list(Clean)
class Score(JsonStep):
    LIMIT = 7
    OTHER = 8

    def easy_run(self, inputs):
        return self.shown(scoring.score(inputs[0]))


@inherit_list(Clean)
class Summarise(JsonStep):
    def easy_run(self, inputs):
        return self.shown(summary.summary(inputs[0]))


@inherit_dict(score=Score, summary=Summarise)
class Final(Task):
    def easy_run(self, inputs):
        return scoring.final(inputs["score"], inputs["summary"])


@inherit_list(Clean)
class Invoice(Task):
    def easy_run(self, inputs):
        return invoice.invoice(inputs[0])


@inherit_list(Clean)
class Labels(Task):
    def easy_run(self, inputs):
        return labels.labels(inputs[0])


@inherit_list(Clean)
class Dispatch(Task):
    def easy_run(self, inputs):
        return dispatch.dispatch(inputs[0])


@inherit_list(Clean)
class Wrapped(Task):
    def easy_run(self, inputs):
        return wrapped.wrapped(inputs[0])


@inherit_list(Clean)
class Imported(Task):
    def easy_run(self, inputs):
        return imported.imported(inputs[0])


@inherit_list(Clean)
class Inner(Task):
    def easy_run(self, inputs):
        return inner.inner(inputs[0])


@inherit_list(Clean)
class Chosen(Task):
    def easy_run(self, inputs):
        return chosen.chosen(inputs[0])


@inherit_list(Clean)
class Train(Task):
    def easy_run(self, inputs):
        return model.train(inputs[0])


@inherit_list(Train, Clean)
class Predict(Task):
    def easy_run(self, inputs):
        return model.predict(*inputs)


@inherit_list(Clean)
class Window(Task):
    size = luigi.IntParameter(default=2)

    def easy_run(self, inputs):
        return window.window(inputs[0], self.size)


# Steps that need something of luigi-warp's own.


@inherit_list(Clean)
class Capped(Task):
    def easy_run(self, inputs):
        return [min(value, Score.LIMIT) for value in inputs[0]]


class Asking(Task):
    def easy_run(self, inputs):
        cleaned = yield Clean()
        score = yield Score()
        return [len(cleaned), score > 0]


class Versioned(Task):
    version = "1"

    def easy_run(self, inputs):
        return "versioned"


class Query(Task):
    reads = ("shop/query.sql",)

    def easy_run(self, inputs):
        return Path("shop/query.sql").read_text().split()


class Cut(Task):
    rows = luigi.IntParameter(default=9)

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list((Cut, {"rows": 3}))
class Sample(Task):
    def easy_run(self, inputs):
        return len(inputs[0])


@inherit_list(Clean)
class Lines(Task):
    target_type = LinesTarget

    def easy_run(self, inputs):
        return inputs[0]


@inherit_list(Lines)
class CountLines(Task):
    def easy_run(self, inputs):
        return sum(inputs[0])


class Side(Task):
    def easy_run(self, inputs):
        (self.task_directory / "notes.txt").write_text("first")
        return "done"


class ReadSide(Task):
    def requires(self):
        return Side()

    def easy_run(self, inputs):
        return (Side().task_directory / "notes.txt").read_text()


@inherit_list(Clean)
class Metric(Task):
    def easy_run(self, inputs):
        return {"accuracy": len(inputs[0]), "seconds": 1.5}

    def identity(self, output):
        return output["accuracy"]


@inherit_list(Metric)
class Gate(Task):
    def easy_run(self, inputs):
        return inputs[0]["accuracy"] > 1


class Nightly(Task):
    fresh_for = timedelta(hours=12)

    def easy_run(self, inputs):
        return extra.fetch()


@inherit_list(Nightly)
class Report(Task):
    def easy_run(self, inputs):
        return sum(inputs[0])


class Warned(Task):
    on_code_change = "warn"

    def easy_run(self, inputs):
        return ["warned", type(extra.helper(1)).__name__]


class Ignored(Task):
    on_code_change = "ignore"

    def easy_run(self, inputs):
        return ["ignored", type(extra.helper(1)).__name__]


class Source(Task):
    def easy_run(self, inputs):
        return [1, 2, 3]


@inherit_list(Source)
class Kept(Task):
    target_type = MemoryTarget

    def easy_run(self, inputs):
        return [extra.deeper(value) for value in inputs[0]]


@inherit_list(Kept)
class UseKept(Task):
    def easy_run(self, inputs):
        return sum(inputs[0])


STEPS = [
    Raw, Clean, Score, Summarise, Final, Invoice, Labels, Dispatch, Wrapped, Imported, Inner, Chosen, Train, Predict, Window,
    Capped, Asking, Versioned, Query, Sample, Lines, CountLines, Side, ReadSide, Metric, Gate, Nightly, Report, Warned, Ignored,
    UseKept,
]


@inherit_list(*STEPS)
class Everything(WrapperTask):
    pass

"""The app that the scenarios edit: files by name, as text.

`shop` is made of plain functions, which every tool is given as they are; `flow.py` wires them up as luigi-warp's users
would, and has the steps that need something of luigi-warp's own. `GRAPH` is the wiring of the plain part as data, for
the tools that it is compared with. Each function that is a step says that it runs, in the file that SHOP_RAN names.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

_FILES = {
    "raw.txt": "3 -1 4 15 90\n",
    "feed.txt": "7 8\n",
    "shop/query.sql": "select 1\n",
    "shop/__init__.py": "",
    "shop/trace.py": """
        import os


        def ran(step):
            with open(os.environ["SHOP_RAN"], "a") as file:
                file.write(step + "\\n")
        """,
    "shop/settings.py": """
        import os
        import time

        STARTED = time.time()
        FOLDER = os.path.dirname(os.path.abspath(__file__))
        SCALE = 10
        CURRENCY = "EUR"
        BOUNDS = (0, 50)
        RATES = {"small": 2, "large": 3}
        REGION = os.environ.get("SHOP_REGION", "north")
        BASE = 4
        DERIVED = BASE * 2
        NOT_USED = 1
        """,
    "shop/data.py": """
        from shop import rules
        from shop.trace import ran


        def read(path):
            ran("Raw")
            with open(path) as file:
                return [int(word) for word in file.read().split()]


        def clean(values):
            ran("Clean")
            return [value for value in values if rules.keep(value)]
        """,
    "shop/rules.py": """
        from shop.settings import BOUNDS


        def keep(value: int) -> bool:
            low, high = BOUNDS
            return low <= value <= high


        def unrelated():
            return 1
        """,
    "shop/deep/__init__.py": """
        from .base import unit
        """,
    "shop/deep/base.py": """
        def unit():
            return 2


        def offset():
            return 1
        """,
    "shop/maths.py": """
        from .deep import unit


        def weigh(values):
            return sum(value * unit() for value in values)
        """,
    "shop/scoring.py": """
        import logging

        import shop.deep.base
        from shop import settings
        from shop.maths import weigh
        from shop.trace import ran

        log = logging.getLogger(__name__)


        def score(values):
            ran("Score")
            log.debug("started at %s in %s", settings.STARTED, settings.FOLDER)
            return weigh(values) * settings.SCALE + shop.deep.base.offset()


        def final(score, summary):
            ran("Final")
            return f"{score} {summary['total']}"
        """,
    "shop/invoice.py": """
        from shop import settings
        from shop.settings import CURRENCY as currency
        from shop.trace import ran


        def price(value):
            kind = "small" if value < 10 else "large"
            return value * settings.RATES[kind]


        def invoice(values):
            ran("Invoice")
            return [f"{price(value)} {currency} {settings.REGION} {settings.DERIVED:03d}" for value in values]
        """,
    "shop/summary.py": """
        from shop.trace import ran


        class Sums:
            factor = 1

            def total(self):
                return sum(self.values) * self.factor


        class Rounding:
            def rounded(self, number):
                return round(number, self.digits())

            @staticmethod
            def digits():
                return 2


        class Summary(Rounding, Sums):
            unit = "pieces"

            def __init__(self, values):
                self.values = values

            @classmethod
            def of(cls, values):
                return cls([value for value in values if value > 0])

            @property
            def mean(self):
                return self.total() / 3

            def total(self):
                return super().total() + 1


        def summary(values):
            ran("Summarise")
            made = Summary.of(values)
            return {"mean": made.rounded(made.mean), "total": made.total(), "unit": made.unit}
        """,
    "shop/labels.py": """
        import enum
        from dataclasses import dataclass

        from shop.trace import ran

        try:
            from shop.fast import shorten
        except ImportError:

            def shorten(text):
                return text[:5]


        class Size(enum.Enum):
            SMALL = 10
            LARGE = 100


        @dataclass
        class Label:
            text: str
            copies: int = 1
            size: Size = Size.SMALL


        def labels(values):
            ran("Labels")
            made = [Label(shorten(f"number {value}")) for value in values]
            return [(label.text, label.copies, label.size.value) for label in made]
        """,
    "shop/registry.py": """
        REGISTRY = {}


        def register(name):
            def decorate(function):
                REGISTRY[name] = function
                return function

            return decorate
        """,
    "shop/plugins.py": """
        from shop.registry import register


        @register("square")
        def square(value):
            return value * value
        """,
    "shop/dispatch.py": """
        import shop.plugins
        from shop.registry import REGISTRY
        from shop.trace import ran


        def double(value):
            return value * 2


        def increase(value):
            return value + 1


        HANDLERS = {"double": double}
        STEPS = [increase]


        def dispatch(values):
            ran("Dispatch")
            made = [HANDLERS["double"](value) for value in values]
            for step in STEPS:
                made = [step(value) for value in made]
            return {name: [function(value) for value in made] for name, function in REGISTRY.items()}
        """,
    "shop/tools.py": """
        import functools


        def scaled(factor):
            def decorate(function):
                @functools.wraps(function)
                def inner(*arguments):
                    return function(*arguments) * factor

                return inner

            return decorate


        def adder(number):
            def add(value):
                return value + number

            return add


        def power(value, exponent):
            return value**exponent
        """,
    "shop/wrapped.py": """
        import functools

        from shop.tools import adder, power, scaled
        from shop.trace import ran

        STEP = 3


        @scaled(3)
        def triple(value):
            return value + 0


        @functools.lru_cache(maxsize=None)
        def remembered(value):
            return value - 1


        add_five = adder(5)
        cube = functools.partial(power, exponent=3)


        def with_default(value, step=STEP):
            return value + step


        def wrapped(values):
            ran("Wrapped")
            return [(triple(value), remembered(value), add_five(value), cube(value), with_default(value)) for value in values]
        """,
    "shop/names.py": """
        def long_name(value):
            return value + 100
        """,
    "shop/stars.py": """
        def starred(value):
            return value + 200


        def not_asked_for(value):
            return value
        """,
    "shop/lazy.py": """
        def late(value):
            return value + 300
        """,
    "shop/imported.py": """
        from shop.names import long_name as short
        from shop.stars import *
        from shop.trace import ran

        from . import relative


        def imported(values):
            from shop.lazy import late

            ran("Imported")
            return [(short(value), starred(value), late(value), relative.near(value)) for value in values]
        """,
    "shop/relative.py": """
        def near(value):
            return value + 400
        """,
    "shop/inner.py": """
        from shop.trace import ran

        FLOOR = 2


        def in_list(value):
            return value + 1


        def in_lambda(value):
            return value + 2


        def in_generator(value):
            return value + 3


        def in_nested(value):
            return value + 4


        def hidden(value):
            return value + 5


        def even(value):
            return value == 0 or odd(value - 1)


        def odd(value):
            return value != 0 and even(value - 1)


        def inner(values):
            ran("Inner")
            hidden = 0

            def nested(value):
                return in_nested(value) + hidden

            apply = lambda value: in_lambda(value)  # noqa: E731
            listed = [in_list(value) for value in values if value > FLOOR]
            return [listed, sum(in_generator(value) for value in values), [apply(nested(value)) for value in values], even(4)]
        """,
    "shop/operations.py": """
        def lift(value):
            return value + 10


        OPERATION_LIMIT = 5
        """,
    "shop/chosen.py": """
        from shop import operations
        from shop.trace import ran


        def chosen(values):
            ran("Chosen")
            return [getattr(operations, "li" + "ft")(value) for value in values]
        """,
    "shop/model.py": """
        from shop.trace import ran


        class Model:
            def __init__(self, slope):
                self.slope = slope

            def predict(self, value):
                return self.slope * value


        def train(values):
            ran("Train")
            return Model(len(values))


        def predict(model, values):
            ran("Predict")
            return [model.predict(value) for value in values]
        """,
    "shop/window.py": """
        from shop.trace import ran


        def window(values, size):
            ran("Window")
            return values[:size]
        """,
    "shop/formats.py": """
        from targets import Target


        class LinesTarget(Target):
            extension = "lines"

            def write(self, value, file):
                file.write("\\n".join(map(str, value)).encode())

            def read(self, file, **options):
                return [int(line) for line in file.read().decode().split("\\n")]
        """,
    "shop/extra.py": """
        ADDED = 1


        def fetch():
            with open("feed.txt") as file:
                return [int(word) for word in file.read().split()]


        def helper(value):
            return value + ADDED


        def deeper(value):
            return value + 2
        """,
    "flow.py": """
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
        """,
    "go.py": """
        import json
        import os
        import sys

        asked = json.loads(sys.argv[1])
        os.environ["SHOP_RAN"] = asked["log"]

        import flow

        import pipeline
        from pipeline import Task, WrapperTask, housekeeping


        parameters = asked["parameters"]


        def text(value):
            return json.dumps(value, default=vars, sort_keys=True)


        def outputs():
            return {step.__name__: text(step(**parameters).load()) for step in flow.STEPS if step.__name__ not in asked["unread"]}


        Task.TARGET_DIR = "store"
        if asked["trim"]:
            housekeeping.trim([getattr(flow, name)() for name in asked["trim"]])
            sys.exit()
        run = pipeline.build(flow.Everything(**parameters), force=asked["force"])
        if not run.ok:
            print(run, [outcome.error for outcome in run.outcomes.values() if outcome.error])
            sys.exit(1)
        answer = {
            "ran": sorted(type(task).__name__ for task in run.ran),
            "why": {type(task).__name__: str(verdict) for task, verdict in run.verdicts.items()},
        }
        answer["said"] = sorted(open(asked["log"]).read().split()) if os.path.exists(asked["log"]) else []
        answer["outputs"] = outputs()
        if asked["afresh"]:
            Task.TARGET_DIR = "afresh"
            assert pipeline.build(flow.Everything(**parameters)).ok
            answer["afresh"] = outputs()
        print("RESULT " + json.dumps(answer))
        """,
}


@dataclass(frozen=True)
class Step:
    """A step of the plain part: its function, and what its arguments are: names of steps, then parameters."""

    name: str
    function: str
    needs: tuple[str, ...] = ()
    parameters: tuple[tuple[str, int], ...] = ()


#: In an order in which they can run. `raw.txt` stands for the file.
GRAPH = (
    Step("Raw", "data.read", ("raw.txt",)),
    Step("Clean", "data.clean", ("Raw",)),
    Step("Score", "scoring.score", ("Clean",)),
    Step("Summarise", "summary.summary", ("Clean",)),
    Step("Final", "scoring.final", ("Score", "Summarise")),
    Step("Invoice", "invoice.invoice", ("Clean",)),
    Step("Labels", "labels.labels", ("Clean",)),
    Step("Dispatch", "dispatch.dispatch", ("Clean",)),
    Step("Wrapped", "wrapped.wrapped", ("Clean",)),
    Step("Imported", "imported.imported", ("Clean",)),
    Step("Inner", "inner.inner", ("Clean",)),
    Step("Chosen", "chosen.chosen", ("Clean",)),
    Step("Train", "model.train", ("Clean",)),
    Step("Predict", "model.predict", ("Train", "Clean")),
    Step("Window", "window.window", ("Clean",), (("size", 2),)),
)


def write(folder: Path) -> None:
    """Write the app into a folder."""
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))

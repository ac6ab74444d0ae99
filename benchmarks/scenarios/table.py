"""The scenarios: what is done to the app after it was built, and exactly which steps must then run.

A step must run if its code changed in meaning, or if what it was given did. Nothing else may run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scenarios.app import Step


@dataclass(frozen=True)
class Edit:
    """Replace a text, which is there once, in a file."""

    file: str
    old: str
    new: str

    def apply(self, folder: Path) -> None:
        path = folder / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, f"{self.file} has {text.count(self.old)} times {self.old!r}"
        path.write_text(text.replace(self.old, self.new))


@dataclass(frozen=True)
class Add:
    """Write a new file."""

    file: str
    text: str

    def apply(self, folder: Path) -> None:
        assert not (folder / self.file).exists()
        (folder / self.file).write_text(self.text)


@dataclass(frozen=True)
class Touch:
    """Give a file another modification time."""

    file: str

    def apply(self, folder: Path) -> None:
        os.utime(folder / self.file, (1, 1))


@dataclass(frozen=True)
class Remove:
    """Remove the stored output of a step."""

    step: str


@dataclass(frozen=True)
class Flip:
    """Flip a bit in the middle of the stored output of a step."""

    step: str


@dataclass(frozen=True)
class Trim:
    """Let luigi-warp drop the data of a step and keep its record."""

    step: str


@dataclass(frozen=True)
class Scenario:
    """`unread`: steps whose output is not looked at afterwards, as it is damaged or trimmed and nothing needs it.

    `rewire`: how the wiring changed, for tools that are given `GRAPH` and not `flow.py`.
    """

    name: str
    edits: tuple[Any, ...]
    must_run: frozenset[str]
    why: str
    force: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()
    rewire: tuple[Step, ...] = ()


def _scenario(name: str, edits: Any, must_run: str, why: str, **more: Any) -> Scenario:
    return Scenario(name, tuple(edits) if isinstance(edits, (list, tuple)) else (edits,), frozenset(must_run.split()), why, **more)


#: Everything that another result of Clean changes, in which Clean, Raw and what does not need Clean are not.
_BELOW_CLEAN = (
    "Score Summarise Final Invoice Labels Dispatch Wrapped Imported Inner Chosen Train Predict Window Capped Asking Lines CountLines Metric"
)
_BELOW_SCORE = "Score Final Asking"

_NOTHING = [
    _scenario("nothing happened", (), "", "the app lies in another folder, and later: paths and clocks mean nothing"),
    _scenario("a comment", Edit("shop/data.py", '    ran("Clean")', '    # all of them\n    ran("Clean")'), "", "comments mean nothing"),
    _scenario("a comment at the top", Edit("shop/scoring.py", "import logging", "# scores\n\nimport logging"), "", "line numbers mean nothing"),
    _scenario("blank lines", Edit("shop/scoring.py", '    ran("Score")\n', '    ran("Score")\n\n\n'), "", "layout means nothing"),
    _scenario(
        "formatting",
        Edit("shop/rules.py", "return low <= value <= high", "return (\n        low\n        <= value <= high\n    )"),
        "",
        "layout and needless parentheses mean nothing",
    ),
    _scenario("other quotes", Edit("shop/settings.py", 'CURRENCY = "EUR"', "CURRENCY = 'EUR'"), "", "the same string"),
    _scenario("another way to write a number", Edit("shop/settings.py", "SCALE = 10", "SCALE = 0xA"), "", "the same number"),
    _scenario(
        "a docstring of a function", Edit("shop/maths.py", "def weigh(values):", 'def weigh(values):\n    """The sum."""'), "", "words mean nothing"
    ),
    _scenario("a docstring of a class", Edit("shop/model.py", "class Model:", 'class Model:\n    """A line."""\n'), "", "words mean nothing"),
    _scenario("a docstring of a module", Edit("shop/rules.py", "from shop.settings", '"""Rules."""\n\nfrom shop.settings'), "", "words mean nothing"),
    _scenario(
        "a docstring of a step",
        Edit(
            "flow.py",
            "    def easy_run(self, inputs):\n        return data.clean",
            '    """Clean."""\n\n    def easy_run(self, inputs):\n        return data.clean',
        ),
        "",
        "words mean nothing",
    ),
    _scenario("an annotation of an argument", Edit("shop/maths.py", "weigh(values)", "weigh(values: list)"), "", "not looked at when it runs"),
    _scenario("another annotation of a result", Edit("shop/rules.py", "-> bool:", "-> object:"), "", "not looked at when it runs"),
    _scenario(
        "an annotation of a local",
        Edit("shop/invoice.py", 'kind = "small"', 'kind: str = "small"'),
        "",
        "not looked at when it runs",
    ),
    _scenario(
        "definitions in another order",
        [
            Edit("shop/deep/base.py", "def unit():\n    return 2\n\n\n", ""),
            Edit("shop/deep/base.py", "    return 1\n", "    return 1\n\n\ndef unit():\n    return 2\n"),
        ],
        "",
        "the order of functions means nothing",
    ),
    _scenario("an unrelated function", Edit("shop/rules.py", "return 1", "return 2"), "", "no step calls it"),
    _scenario("a new function", Edit("shop/rules.py", "def unrelated", "def more():\n    return 3\n\n\ndef unrelated"), "", "no step calls it"),
    _scenario("a constant that nothing uses", Edit("shop/settings.py", "NOT_USED = 1", "NOT_USED = 2"), "", "no step reads it"),
    _scenario("a new import that nothing uses", Edit("shop/rules.py", "from shop", "import json\n\nfrom shop"), "", "no step reads it"),
    _scenario(
        "an unused name of a star import", Edit("shop/stars.py", "return value\n", "return -value\n"), "", "the star brings it, nothing asks for it"
    ),
    _scenario(
        "a function that a local name hides", Edit("shop/inner.py", "return value + 5", "return value + 6"), "", "the step has its own `hidden`"
    ),
    _scenario("a comment in a module that is used as a value", Edit("shop/operations.py", "def lift", "# up\ndef lift"), "", "comments mean nothing"),
    _scenario(
        "another clock constant",
        Edit("shop/settings.py", "STARTED = time.time()", "STARTED = time.time()  # s"),
        "",
        "neither its comment nor its value",
    ),
]

_HELPERS = [
    _scenario("the body of a step", Edit("shop/scoring.py", "* settings.SCALE +", "* settings.SCALE -"), _BELOW_SCORE, "its own code"),
    _scenario("a helper one module away", Edit("shop/maths.py", "sum(value * unit()", "sum(value + unit()"), _BELOW_SCORE, "Score calls weigh"),
    _scenario(
        "a helper three modules away", Edit("shop/deep/base.py", "return 2", "return 3"), _BELOW_SCORE, "Score calls weigh calls unit, re-exported"
    ),
    _scenario(
        "a helper with the same results",
        Edit("shop/rules.py", "low <= value <= high", "low <= value < high + 1"),
        "Clean",
        "Clean runs, and gives the same",
    ),
    _scenario("an attribute chain", Edit("shop/deep/base.py", "return 1", "return 4"), _BELOW_SCORE, "shop.deep.base.offset()"),
    _scenario(
        "another re-export",
        [
            Edit("shop/deep/__init__.py", "from .base import unit", "from .other import unit"),
            Add("shop/deep/other.py", "def unit():\n    return 5\n"),
        ],
        _BELOW_SCORE,
        "the same name leads to another function",
    ),
    _scenario("an import under another name", Edit("shop/names.py", "+ 100", "+ 101"), "Imported", "long_name is called short there"),
    _scenario("a star import", Edit("shop/stars.py", "+ 200", "+ 201"), "Imported", "starred came with the star"),
    _scenario("an import inside a function", Edit("shop/lazy.py", "+ 300", "+ 301"), "Imported", "it is imported when the step runs"),
    _scenario("a relative import", Edit("shop/relative.py", "+ 400", "+ 401"), "Imported", "from . import relative"),
    _scenario("a function called in a list comprehension", Edit("shop/inner.py", "return value + 1", "return value + 11"), "Inner", "in_list"),
    _scenario("a function called in a lambda", Edit("shop/inner.py", "return value + 2", "return value + 12"), "Inner", "in_lambda"),
    _scenario("a function called in a generator expression", Edit("shop/inner.py", "return value + 3", "return value + 13"), "Inner", "in_generator"),
    _scenario("a function called in a nested function", Edit("shop/inner.py", "return value + 4", "return value + 14"), "Inner", "in_nested"),
    _scenario("a name in the condition of a comprehension", Edit("shop/inner.py", "FLOOR = 2", "FLOOR = 3"), "Inner", "FLOOR"),
    _scenario(
        "one of two functions that call each other", Edit("shop/inner.py", "value != 0 and", "value > 1 and"), "Inner", "even calls odd calls even"
    ),
    _scenario("a lambda", Edit("shop/inner.py", "lambda value: in_lambda(value)", "lambda value: -in_lambda(value)"), "Inner", "its own code"),
    _scenario("a module used as a value", Edit("shop/operations.py", "+ 10", "+ 11"), "Chosen", "getattr(module, name) may mean anything in it"),
    _scenario(
        "a constant of a module used as a value", Edit("shop/operations.py", "OPERATION_LIMIT = 5", "OPERATION_LIMIT = 6"), "Chosen", "so may this"
    ),
    _scenario("the fallback of an import", Edit("shop/labels.py", "text[:5]", "text[:6]"), "Labels", "there is no shop.fast"),
    _scenario(
        "an import that succeeds now", Add("shop/fast.py", "def shorten(text):\n    return text[-2:]\n"), "Labels", "shorten is another function"
    ),
]

_CONSTANTS = [
    _scenario("a number", Edit("shop/settings.py", "SCALE = 10", "SCALE = 11"), _BELOW_SCORE, "settings.SCALE"),
    _scenario("a string imported under another name", Edit("shop/settings.py", '"EUR"', '"USD"'), "Invoice", "CURRENCY"),
    _scenario(
        "a tuple", Edit("shop/settings.py", "BOUNDS = (0, 50)", "BOUNDS = (0, 10)"), f"Clean {_BELOW_CLEAN} Gate", "BOUNDS decides what is kept"
    ),
    _scenario("a dict", Edit("shop/settings.py", '"large": 3', '"large": 4'), "Invoice", "RATES"),
    _scenario("a constant of a constant", Edit("shop/settings.py", "BASE = 4", "BASE = 5"), "Invoice", "DERIVED is made from BASE"),
    _scenario("an environment variable", (), "Invoice", "REGION has another value", environment={"SHOP_REGION": "south"}),
    _scenario("an environment variable with the same value", (), "", "what it gives is the same", environment={"SHOP_REGION": "north"}),
    _scenario("a text in an f-string", Edit("shop/invoice.py", "} {currency}", "} in {currency}"), "Invoice", "its own code"),
    _scenario("a format in an f-string", Edit("shop/invoice.py", ":03d", ":04d"), "Invoice", "its own code"),
]

_WRAPPING = [
    _scenario("a decorator", Edit("shop/tools.py", "* factor", "+ factor"), "Wrapped", "what @scaled does"),
    _scenario("the argument of a decorator", Edit("shop/wrapped.py", "@scaled(3)", "@scaled(4)"), "Wrapped", "what @scaled is given"),
    _scenario(
        "a function under a decorator with functools.wraps", Edit("shop/wrapped.py", "value + 0", "value + 1"), "Wrapped", "what @scaled wraps"
    ),
    _scenario("a function under lru_cache", Edit("shop/wrapped.py", "value - 1", "value - 2"), "Wrapped", "what the cache wraps"),
    _scenario("the size of an lru_cache", Edit("shop/wrapped.py", "maxsize=None", "maxsize=9"), "Wrapped", "it is its code, whatever it does"),
    _scenario("the value in a closure", Edit("shop/wrapped.py", "adder(5)", "adder(6)"), "Wrapped", "add_five holds a number"),
    _scenario(
        "the code of a closure", Edit("shop/tools.py", "return value + number", "return value - number"), "Wrapped", "add_five is made by adder"
    ),
    _scenario("an argument of a partial", Edit("shop/wrapped.py", "exponent=3", "exponent=2"), "Wrapped", "cube"),
    _scenario("the function of a partial", Edit("shop/tools.py", "value**exponent", "-(value**exponent)"), "Wrapped", "cube"),
    _scenario("a constant as a default argument", Edit("shop/wrapped.py", "STEP = 3", "STEP = 4"), "Wrapped", "with_default(step=STEP)"),
    _scenario("a default argument", Edit("shop/wrapped.py", "step=STEP", "step=9"), "Wrapped", "with_default"),
    _scenario("a function in a dict", Edit("shop/dispatch.py", "value * 2", "value * 3"), "Dispatch", "HANDLERS"),
    _scenario("a function in a list", Edit("shop/dispatch.py", "value + 1", "value + 2"), "Dispatch", "STEPS"),
    _scenario("a list of functions", Edit("shop/dispatch.py", "STEPS = [increase]", "STEPS = [increase, double]"), "Dispatch", "one more is called"),
    _scenario("a function in a registry", Edit("shop/plugins.py", "value * value", "value * value + 1"), "Dispatch", "registered by a decorator"),
    _scenario(
        "a new function in a registry",
        Edit(
            "shop/plugins.py",
            "    return value * value\n",
            '    return value * value\n\n\n@register("minus")\ndef minus(value):\n    return -value\n',
        ),
        "Dispatch",
        "the registry holds one more",
    ),
    _scenario("the name in a registry", Edit("shop/plugins.py", '"square"', '"squared"'), "Dispatch", "what the decorator is given"),
]

_CLASSES = [
    _scenario("a method of a base class", Edit("shop/summary.py", "* self.factor", "- self.factor"), "Summarise Final", "super().total()"),
    _scenario("a class attribute of a base class", Edit("shop/summary.py", "factor = 1", "factor = 2"), "Summarise Final", "self.factor"),
    _scenario(
        "a method of a mixin",
        Edit("shop/summary.py", "return round(number, self.digits())", "return -round(number, self.digits())"),
        "Summarise Final",
        "the code of Rounding; its JSON has another mean",
    ),
    _scenario("a static method", Edit("shop/summary.py", "return 2", "return 1"), "Summarise Final", "Rounding.digits"),
    _scenario("a class method", Edit("shop/summary.py", "if value > 0", "if value > 3"), "Summarise Final", "Summary.of"),
    _scenario("a property", Edit("shop/summary.py", "self.total() / 3", "self.total() / 4"), "Summarise Final", "Summary.mean"),
    _scenario(
        "a method that calls super()", Edit("shop/summary.py", "super().total() + 1", "super().total() + 2"), "Summarise Final", "Summary.total"
    ),
    _scenario("a class attribute", Edit("shop/summary.py", '"pieces"', '"boxes"'), "Summarise Final", "Summary.unit"),
    _scenario(
        "another order of base classes",
        Edit("shop/summary.py", "(Rounding, Sums)", "(Sums, Rounding)"),
        "Summarise",
        "it may mean something; here it does not",
    ),
    _scenario("an enum member", Edit("shop/labels.py", "SMALL = 10", "SMALL = 20"), "Labels", "Size.SMALL"),
    _scenario("an enum member that is not used", Edit("shop/labels.py", "LARGE = 100", "LARGE = 200"), "Labels", "a class counts as a whole"),
    _scenario("a default of a dataclass", Edit("shop/labels.py", "copies: int = 1", "copies: int = 2"), "Labels", "Label.copies"),
    _scenario("another default of a dataclass", Edit("shop/labels.py", "= Size.SMALL\n", "= Size.LARGE\n"), "Labels", "Label.size"),
    _scenario(
        "a field of a dataclass", Edit("shop/labels.py", "    copies:", "    shelf: str = ''\n    copies:"), "Labels", "a class counts as a whole"
    ),
    _scenario(
        "a method of a stored object",
        Edit("shop/model.py", "self.slope * value", "self.slope * value + 1"),
        "Train Predict",
        "Train's pickle has the same bytes, and means something else to Predict",
    ),
]

_STEPS = [
    _scenario(
        "a step's own code",
        Edit("flow.py", "return self.shown(scoring.score(inputs[0]))", "return self.shown(-scoring.score(inputs[0]))"),
        _BELOW_SCORE,
        "its easy_run",
    ),
    _scenario(
        "a method of a base class of steps",
        Edit("flow.py", "return value", "return value or None"),
        "Score Summarise",
        "both derive from it; they give the same",
    ),
    _scenario(
        "an attribute that is read from another step",
        Edit("flow.py", "LIMIT = 7", "LIMIT = 4"),
        "Score Capped",
        "Score's body, and what Capped reads",
    ),
    _scenario("another attribute of that step", Edit("flow.py", "OTHER = 8", "OTHER = 9"), "Score", "Capped does not read it"),
    _scenario(
        "the code of a step that another one only names",
        Edit("flow.py", "scoring.score(inputs[0])", "scoring.score(inputs[0] + [])"),
        "Score",
        "Asking yields Score(), which gives the same",
    ),
    _scenario("what a step asks for while running", Edit("flow.py", "yield Clean()", "yield Raw()"), "Asking", "its own code"),
    _scenario("the version of a step", Edit("flow.py", 'version = "1"', 'version = "2"'), "Versioned", "it says so"),
    _scenario("a file that a step reads", Edit("shop/query.sql", "select 1", "select 2"), "Query", "reads names it"),
    _scenario("a file that a step reads, touched", Touch("shop/query.sql"), "", "its content is the same"),
    _scenario("a fixed parameter", Edit("flow.py", '{"rows": 3}', '{"rows": 4}'), "Cut Sample", "Sample requires another task"),
    _scenario(
        "what a step requires",
        Edit("flow.py", "@inherit_list(Clean)\nclass Invoice", "@inherit_list(Raw)\nclass Invoice"),
        "Invoice",
        "it is given something else",
        rewire=(Step("Invoice", "invoice.invoice", ("Raw",)),),
    ),
    _scenario(
        "the same requirement in other words",
        Edit("flow.py", "@inherit_list(Clean)\nclass Invoice(Task):", "class Invoice(Task):\n    def requires(self):\n        return [Clean()]\n"),
        "",
        "it is given the same",
    ),
    _scenario(
        "the default of a parameter",
        Edit("flow.py", "IntParameter(default=2)", "IntParameter(default=1)"),
        "Window",
        "another task",
        rewire=(Step("Window", "window.window", ("Clean",), (("size", 1),)),),
    ),
    _scenario(
        "another value of a parameter",
        (),
        "Window",
        "another task",
        parameters={"size": 3},
        rewire=(Step("Window", "window.window", ("Clean",), (("size", 3),)),),
    ),
    _scenario(
        "a new parameter",
        Edit("flow.py", "    size = luigi", "    more = luigi.IntParameter(default=0)\n    size = luigi"),
        "Window",
        "another task",
    ),
    _scenario(
        "another format of the output",
        Edit("flow.py", "class JsonStep(Task):\n    target_type = JsonTarget", "class JsonStep(Task):\n    target_type = PickleTarget"),
        "Score Summarise Final Asking",
        "both are stored in other bytes",
    ),
    _scenario(
        "how a format of the project writes",
        Edit("shop/formats.py", '"\\n".join(map(str, value))', '"\\n".join(map(repr, value))'),
        "Lines CountLines",
        "what the file says, and what reads it",
    ),
    _scenario(
        "how a format of the project reads",
        Edit("shop/formats.py", "int(line)", "-int(line)"),
        "Lines CountLines",
        "CountLines is given something else",
    ),
    _scenario(
        "a comment in a format of the project", Edit("shop/formats.py", "    def read", "    # back\n    def read"), "", "comments mean nothing"
    ),
    _scenario(
        "a side file",
        Edit("flow.py", 'write_text("first")', 'write_text("other")'),
        "Side ReadSide",
        "the returned value is the same, the task_directory is not",
    ),
    _scenario("what identity() leaves out", Edit("flow.py", '"seconds": 1.5', '"seconds": 2.5'), "Metric", "the accuracy is the same"),
    _scenario("what identity() names", Edit("flow.py", '"accuracy": len(inputs[0])', '"accuracy": 1'), "Metric Gate", "the accuracy is another"),
    _scenario("a code change that is only told", Edit("flow.py", '["warned", type', '["war" "ned", int and type'), "", 'on_code_change = "warn"'),
    _scenario("a code change that is ignored", Edit("flow.py", '["ignored", type', '["igno" "red", int and type'), "", 'on_code_change = "ignore"'),
    _scenario("a helper of such steps", Edit("shop/extra.py", "ADDED = 1", "ADDED = 2"), "", "neither wants to run again"),
    _scenario(
        "what a step that keeps its output in memory is given",
        Edit("flow.py", "return [1, 2, 3]", "return [1, 2, 4]"),
        "Source Kept UseKept",
        "each is given something else",
    ),
    _scenario(
        "the same for a step that keeps its output in memory",
        Edit("flow.py", "return [1, 2, 3]", "return [1, 2, 2 + 1]"),
        "Source",
        "Source gives the same",
    ),
    _scenario(
        "a helper of a step that keeps its output in memory", Edit("shop/extra.py", "value + 2", "value + 3"), "Kept UseKept", "Kept is another"
    ),
    _scenario(
        "priorities and retries",
        Edit("flow.py", "    LIMIT = 7", "    priority = 5\n    retry_count = 3\n    LIMIT = 7"),
        "",
        "how it runs is not what it makes",
    ),
]

_DATA = [
    _scenario("an external file", Edit("raw.txt", "3 -1 4 15 90", "3 -1 4 16 90"), f"Raw Clean {_BELOW_CLEAN}", "other numbers, as many of them"),
    _scenario("an external file that gives the same below", Edit("raw.txt", "90", "91"), "Raw Clean", "both are cut off: Clean gives the same"),
    _scenario("an external file, in other spaces", Edit("raw.txt", "3 -1", "3  -1"), "Raw", "Raw gives the same"),
    _scenario("an external file, touched", Touch("raw.txt"), "", "its content is the same"),
    _scenario(
        "a nightly ingestion that fetches the same",
        Edit("flow.py", "fresh_for = timedelta(hours=12)", "fresh_for = timedelta(0)"),
        "Nightly",
        "it must look again; Report keeps its output",
    ),
    _scenario(
        "a nightly ingestion that fetches something else",
        [Edit("flow.py", "fresh_for = timedelta(hours=12)", "fresh_for = timedelta(0)"), Edit("feed.txt", "8", "9")],
        "Nightly Report",
        "it must look again, and finds something",
    ),
    _scenario("another time for the nightly ingestion", Edit("flow.py", "timedelta(hours=12)", "timedelta(hours=13)"), "", "it is still fresh"),
    _scenario("a removed output", Remove("Final"), "Final", "it is not there"),
    _scenario("a removed intermediate output", Remove("Clean"), "Clean", "it comes out as it was"),
    _scenario(
        "a removed output, and a code change below",
        [Remove("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {_BELOW_SCORE}",
        "Clean is needed",
    ),
    _scenario("a flipped bit that nobody reads", Flip("Clean"), "", "nothing that must run needs it", unread=("Clean",)),
    _scenario(
        "a flipped bit that is read",
        [Flip("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {_BELOW_SCORE}",
        "Score must not see it",
    ),
    _scenario("a trimmed intermediate that nobody needs", Trim("Clean"), "", "its record says what it was", unread=("Clean",)),
    _scenario(
        "a trimmed intermediate that is needed",
        [Trim("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {_BELOW_SCORE}",
        "Score needs its data",
    ),
    _scenario(
        "a trimmed intermediate, and a code change that does not need it",
        [Trim("Clean"), Edit("shop/scoring.py", 'f"{score} ', 'f"{score}, ')],
        "Final",
        "Final reads Score and Summarise",
        unread=("Clean",),
    ),
    _scenario("a forced step", (), "Clean", "it comes out as it was", force=("Clean",)),
    _scenario("a forced step and all below", (), f"Clean {_BELOW_CLEAN} Gate", "NAME+", force=("Clean+",)),
    _scenario(
        "a change and its opposite",
        [Edit("shop/settings.py", "SCALE = 10", "SCALE = 11"), Edit("shop/settings.py", "SCALE = 11", "SCALE = 10")],
        "",
        "the code is what it was",
    ),
]

SCENARIOS = (*_NOTHING, *_HELPERS, *_CONSTANTS, *_WRAPPING, *_CLASSES, *_STEPS, *_DATA)

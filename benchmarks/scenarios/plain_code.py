"""Scenarios that edit the plain functions: what means nothing, helpers, constants, what wraps functions, classes."""

from __future__ import annotations

from benchmarks.scenarios.actions import Add, Edit, scenario

#: Everything that another result of Clean changes, in which Clean, Raw and what does not need Clean are not.
BELOW_CLEAN = "Score Summarise Final Invoice Labels Dispatch Wrapped Imported Inner Chosen Train Predict Window Capped Asking Lines CountLines Metric"
BELOW_SCORE = "Score Final Asking"

_NOTHING = [
    scenario("nothing happened", (), "", "the app lies in another folder, and later: paths and clocks mean nothing"),
    scenario("a comment", Edit("shop/data.py", '    ran("Clean")', '    # all of them\n    ran("Clean")'), "", "comments mean nothing"),
    scenario("a comment at the top", Edit("shop/scoring.py", "import logging", "# scores\n\nimport logging"), "", "line numbers mean nothing"),
    scenario("blank lines", Edit("shop/scoring.py", '    ran("Score")\n', '    ran("Score")\n\n\n'), "", "layout means nothing"),
    scenario(
        "formatting",
        Edit("shop/rules.py", "return low <= value <= high", "return (\n        low\n        <= value <= high\n    )"),
        "",
        "layout and needless parentheses mean nothing",
    ),
    scenario("other quotes", Edit("shop/settings.py", 'CURRENCY = "EUR"', "CURRENCY = 'EUR'"), "", "the same string"),
    scenario("another way to write a number", Edit("shop/settings.py", "SCALE = 10", "SCALE = 0xA"), "", "the same number"),
    scenario(
        "a docstring of a function", Edit("shop/maths.py", "def weigh(values):", 'def weigh(values):\n    """The sum."""'), "", "words mean nothing"
    ),
    scenario("a docstring of a class", Edit("shop/model.py", "class Model:", 'class Model:\n    """A line."""\n'), "", "words mean nothing"),
    scenario("a docstring of a module", Edit("shop/rules.py", "from shop.settings", '"""Rules."""\n\nfrom shop.settings'), "", "words mean nothing"),
    scenario(
        "a docstring of a step",
        Edit(
            "flow.py",
            "    def easy_run(self, inputs):\n        return data.clean",
            '    """Clean."""\n\n    def easy_run(self, inputs):\n        return data.clean',
        ),
        "",
        "words mean nothing",
    ),
    scenario("an annotation of an argument", Edit("shop/maths.py", "weigh(values)", "weigh(values: list)"), "", "not looked at when it runs"),
    scenario("another annotation of a result", Edit("shop/rules.py", "-> bool:", "-> object:"), "", "not looked at when it runs"),
    scenario(
        "an annotation of a local",
        Edit("shop/invoice.py", 'kind = "small"', 'kind: str = "small"'),
        "",
        "not looked at when it runs",
    ),
    scenario(
        "definitions in another order",
        [
            Edit("shop/deep/base.py", "def unit():\n    return 2\n\n\n", ""),
            Edit("shop/deep/base.py", "    return 1\n", "    return 1\n\n\ndef unit():\n    return 2\n"),
        ],
        "",
        "the order of functions means nothing",
    ),
    scenario("an unrelated function", Edit("shop/rules.py", "return 1", "return 2"), "", "no step calls it"),
    scenario("a new function", Edit("shop/rules.py", "def unrelated", "def more():\n    return 3\n\n\ndef unrelated"), "", "no step calls it"),
    scenario("a constant that nothing uses", Edit("shop/settings.py", "NOT_USED = 1", "NOT_USED = 2"), "", "no step reads it"),
    scenario("a new import that nothing uses", Edit("shop/rules.py", "from shop", "import json\n\nfrom shop"), "", "no step reads it"),
    scenario(
        "an unused name of a star import", Edit("shop/stars.py", "return value\n", "return -value\n"), "", "the star brings it, nothing asks for it"
    ),
    scenario(
        "a function that a local name hides", Edit("shop/inner.py", "return value + 5", "return value + 6"), "", "the step has its own `hidden`"
    ),
    scenario("a comment in a module that is used as a value", Edit("shop/operations.py", "def lift", "# up\ndef lift"), "", "comments mean nothing"),
    scenario(
        "another clock constant",
        Edit("shop/settings.py", "STARTED = time.time()", "STARTED = time.time()  # s"),
        "",
        "neither its comment nor its value",
    ),
]

_HELPERS = [
    scenario("the body of a step", Edit("shop/scoring.py", "* settings.SCALE +", "* settings.SCALE -"), BELOW_SCORE, "its own code"),
    scenario("a helper one module away", Edit("shop/maths.py", "sum(value * unit()", "sum(value + unit()"), BELOW_SCORE, "Score calls weigh"),
    scenario(
        "a helper three modules away", Edit("shop/deep/base.py", "return 2", "return 3"), BELOW_SCORE, "Score calls weigh calls unit, re-exported"
    ),
    scenario(
        "a helper with the same results",
        Edit("shop/rules.py", "low <= value <= high", "low <= value < high + 1"),
        "Clean",
        "Clean runs, and gives the same",
    ),
    scenario("an attribute chain", Edit("shop/deep/base.py", "return 1", "return 4"), BELOW_SCORE, "shop.deep.base.offset()"),
    scenario(
        "another re-export",
        [
            Edit("shop/deep/__init__.py", "from .base import unit", "from .other import unit"),
            Add("shop/deep/other.py", "def unit():\n    return 5\n"),
        ],
        BELOW_SCORE,
        "the same name leads to another function",
    ),
    scenario("an import under another name", Edit("shop/names.py", "+ 100", "+ 101"), "Imported", "long_name is called short there"),
    scenario("a star import", Edit("shop/stars.py", "+ 200", "+ 201"), "Imported", "starred came with the star"),
    scenario("an import inside a function", Edit("shop/lazy.py", "+ 300", "+ 301"), "Imported", "it is imported when the step runs"),
    scenario("a relative import", Edit("shop/relative.py", "+ 400", "+ 401"), "Imported", "from . import relative"),
    scenario("a function called in a list comprehension", Edit("shop/inner.py", "return value + 1", "return value + 11"), "Inner", "in_list"),
    scenario("a function called in a lambda", Edit("shop/inner.py", "return value + 2", "return value + 12"), "Inner", "in_lambda"),
    scenario("a function called in a generator expression", Edit("shop/inner.py", "return value + 3", "return value + 13"), "Inner", "in_generator"),
    scenario("a function called in a nested function", Edit("shop/inner.py", "return value + 4", "return value + 14"), "Inner", "in_nested"),
    scenario("a name in the condition of a comprehension", Edit("shop/inner.py", "FLOOR = 2", "FLOOR = 3"), "Inner", "FLOOR"),
    scenario(
        "one of two functions that call each other", Edit("shop/inner.py", "value != 0 and", "value > 1 and"), "Inner", "even calls odd calls even"
    ),
    scenario("a lambda", Edit("shop/inner.py", "lambda value: in_lambda(value)", "lambda value: -in_lambda(value)"), "Inner", "its own code"),
    scenario("a module used as a value", Edit("shop/operations.py", "+ 10", "+ 11"), "Chosen", "getattr(module, name) may mean anything in it"),
    scenario(
        "a constant of a module used as a value", Edit("shop/operations.py", "OPERATION_LIMIT = 5", "OPERATION_LIMIT = 6"), "Chosen", "so may this"
    ),
    scenario("the fallback of an import", Edit("shop/labels.py", "text[:5]", "text[:6]"), "Labels", "there is no shop.fast"),
    scenario(
        "an import that succeeds now", Add("shop/fast.py", "def shorten(text):\n    return text[-2:]\n"), "Labels", "shorten is another function"
    ),
]

_CONSTANTS = [
    scenario("a number", Edit("shop/settings.py", "SCALE = 10", "SCALE = 11"), BELOW_SCORE, "settings.SCALE"),
    scenario("a string imported under another name", Edit("shop/settings.py", '"EUR"', '"USD"'), "Invoice", "CURRENCY"),
    scenario("a tuple", Edit("shop/settings.py", "BOUNDS = (0, 50)", "BOUNDS = (0, 10)"), f"Clean {BELOW_CLEAN} Gate", "BOUNDS decides what is kept"),
    scenario("a dict", Edit("shop/settings.py", '"large": 3', '"large": 4'), "Invoice", "RATES"),
    scenario("a constant of a constant", Edit("shop/settings.py", "BASE = 4", "BASE = 5"), "Invoice", "DERIVED is made from BASE"),
    scenario("an environment variable", (), "Invoice", "REGION has another value", environment={"SHOP_REGION": "south"}),
    scenario("an environment variable with the same value", (), "", "what it gives is the same", environment={"SHOP_REGION": "north"}),
    scenario("a text in an f-string", Edit("shop/invoice.py", "} {currency}", "} in {currency}"), "Invoice", "its own code"),
    scenario("a format in an f-string", Edit("shop/invoice.py", ":03d", ":04d"), "Invoice", "its own code"),
]

_WRAPPING = [
    scenario("a decorator", Edit("shop/tools.py", "* factor", "+ factor"), "Wrapped", "what @scaled does"),
    scenario("the argument of a decorator", Edit("shop/wrapped.py", "@scaled(3)", "@scaled(4)"), "Wrapped", "what @scaled is given"),
    scenario("a function under a decorator with functools.wraps", Edit("shop/wrapped.py", "value + 0", "value + 1"), "Wrapped", "what @scaled wraps"),
    scenario("a function under lru_cache", Edit("shop/wrapped.py", "value - 1", "value - 2"), "Wrapped", "what the cache wraps"),
    scenario("the size of an lru_cache", Edit("shop/wrapped.py", "maxsize=None", "maxsize=9"), "Wrapped", "it is its code, whatever it does"),
    scenario("the value in a closure", Edit("shop/wrapped.py", "adder(5)", "adder(6)"), "Wrapped", "add_five holds a number"),
    scenario(
        "the code of a closure", Edit("shop/tools.py", "return value + number", "return value - number"), "Wrapped", "add_five is made by adder"
    ),
    scenario("an argument of a partial", Edit("shop/wrapped.py", "exponent=3", "exponent=2"), "Wrapped", "cube"),
    scenario("the function of a partial", Edit("shop/tools.py", "value**exponent", "-(value**exponent)"), "Wrapped", "cube"),
    scenario("a constant as a default argument", Edit("shop/wrapped.py", "STEP = 3", "STEP = 4"), "Wrapped", "with_default(step=STEP)"),
    scenario("a default argument", Edit("shop/wrapped.py", "step=STEP", "step=9"), "Wrapped", "with_default"),
    scenario("a function in a dict", Edit("shop/dispatch.py", "value * 2", "value * 3"), "Dispatch", "HANDLERS"),
    scenario("a function in a list", Edit("shop/dispatch.py", "value + 1", "value + 2"), "Dispatch", "STEPS"),
    scenario("a list of functions", Edit("shop/dispatch.py", "STEPS = [increase]", "STEPS = [increase, double]"), "Dispatch", "one more is called"),
    scenario("a function in a registry", Edit("shop/plugins.py", "value * value", "value * value + 1"), "Dispatch", "registered by a decorator"),
    scenario(
        "a new function in a registry",
        Edit(
            "shop/plugins.py",
            "    return value * value\n",
            '    return value * value\n\n\n@register("minus")\ndef minus(value):\n    return -value\n',
        ),
        "Dispatch",
        "the registry holds one more",
    ),
    scenario("the name in a registry", Edit("shop/plugins.py", '"square"', '"squared"'), "Dispatch", "what the decorator is given"),
]

_CLASSES = [
    scenario("a method of a base class", Edit("shop/summary.py", "* self.factor", "- self.factor"), "Summarise Final", "super().total()"),
    scenario("a class attribute of a base class", Edit("shop/summary.py", "factor = 1", "factor = 2"), "Summarise Final", "self.factor"),
    scenario(
        "a method of a mixin",
        Edit("shop/summary.py", "return round(number, self.digits())", "return -round(number, self.digits())"),
        "Summarise Final",
        "the code of Rounding; its JSON has another mean",
    ),
    scenario("a static method", Edit("shop/summary.py", "return 2", "return 1"), "Summarise Final", "Rounding.digits"),
    scenario("a class method", Edit("shop/summary.py", "if value > 0", "if value > 3"), "Summarise Final", "Summary.of"),
    scenario("a property", Edit("shop/summary.py", "self.total() / 3", "self.total() / 4"), "Summarise Final", "Summary.mean"),
    scenario(
        "a method that calls super()", Edit("shop/summary.py", "super().total() + 1", "super().total() + 2"), "Summarise Final", "Summary.total"
    ),
    scenario("a class attribute", Edit("shop/summary.py", '"pieces"', '"boxes"'), "Summarise Final", "Summary.unit"),
    scenario(
        "another order of base classes",
        Edit("shop/summary.py", "(Rounding, Sums)", "(Sums, Rounding)"),
        "Summarise",
        "it may mean something; here it does not",
    ),
    scenario("an enum member", Edit("shop/labels.py", "SMALL = 10", "SMALL = 20"), "Labels", "Size.SMALL"),
    scenario("an enum member that is not used", Edit("shop/labels.py", "LARGE = 100", "LARGE = 200"), "Labels", "a class counts as a whole"),
    scenario("a default of a dataclass", Edit("shop/labels.py", "copies: int = 1", "copies: int = 2"), "Labels", "Label.copies"),
    scenario("another default of a dataclass", Edit("shop/labels.py", "= Size.SMALL\n", "= Size.LARGE\n"), "Labels", "Label.size"),
    scenario(
        "a field of a dataclass", Edit("shop/labels.py", "    copies:", "    shelf: str = ''\n    copies:"), "Labels", "a class counts as a whole"
    ),
    scenario(
        "a method of a stored object",
        Edit("shop/model.py", "self.slope * value", "self.slope * value + 1"),
        "Train Predict",
        "Train's pickle has the same bytes, and means something else to Predict",
    ),
]

PLAIN_CODE = (*_NOTHING, *_HELPERS, *_CONSTANTS, *_WRAPPING, *_CLASSES)

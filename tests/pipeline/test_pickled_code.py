"""Code that an output brings along as a pickle: what it asks modules for is a part of what the output means to its consumers."""

import importlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pipeline.scope import current

ROOT = Path(__file__).parents[2]

CONF = """
import functools, os
FACTOR = {value}
TABLE = {{"a": [{value}]}}
FROM_OUTSIDE = int(os.environ["EDITED"])
NOTHING = {nothing}
def scale(x, by={value}):
    return x * by
part = functools.partial(max, {value})
chosen = lambda x: x * {value}
class Model:
    factor = {value}
class Settings:
    def __init__(self, factor):
        self.factor = factor
settings = Settings({value})
def __getattr__(name):
    if name != "lazy":
        raise AttributeError(name)
    return {value}
ELSE = "{edited}"
"""

#: A function without a name of its own, and whether what it asks for is edited.
FUNCTIONS = {
    "Number": ("lambda x: x * conf.FACTOR", True),
    "Table": ("lambda x: conf.TABLE['a'][0]", True),
    "Outside": ("lambda x: conf.FROM_OUTSIDE", True),
    "Nothing": ("lambda x: conf.NOTHING", True),
    "Function": ("lambda x: conf.scale(x)", True),
    "Partial": ("lambda x: conf.part(x)", True),
    "Chosen": ("lambda x: conf.chosen(x)", True),
    "OfClass": ("lambda x: conf.Model.factor", True),
    "OfObject": ("lambda x: conf.settings.factor", True),
    "Lazy": ("lambda x: conf.lazy", True),
    "Deep": ("lambda x: package.inner.FACTOR", True),
    "Whole": ("lambda x: getattr(conf, 'FACTOR')", True),
    "Imports": ("importing()", True),
    "ImportsLater": ("importing_later()", True),
    "Given": ("functools.partial(ask, conf)", True),
    "GivenUnused": ("functools.partial(ask, package.unused)", False),
    "Held": ("holding({'m': conf})", True),
    "HeldBySelf": ("holding({'m': package})", True),
    "Default": ("defaulting(conf)", True),
    "NoSource": ("eval('lambda x: conf.FACTOR')", True),
    "Library": ("lambda x: math.floor(x) + conf.SAME", False),
    "Same": ("lambda x: conf.SAME", False),
}

FLOW = """
import functools, math, conf, package.inner, package.unused
import pipeline
from pipeline import Task, WrapperTask

def importing():
    def ask(x):
        from conf import FACTOR as factor
        return x * factor
    return ask

def importing_later():
    def ask(x):
        import package.late  # which nobody has imported yet
        return package.late.FACTOR
    return ask

def ask(module, x):
    return getattr(module, "FACTOR", x)

def holding(held):
    return lambda x: ask(held["m"], x)

def defaulting(module):
    return lambda x, m=module: m.FACTOR

class All(WrapperTask):
    def requires(self):
        return [{all}]
"""

STEP = """
class Make{name}(Task):
    version = "1"
    on_code_change = "ignore"  # the output is the same pickle, made long ago
    def easy_run(self, inputs):
        return {function}

class {name}(Task):
    def requires(self):
        return Make{name}()
    def easy_run(self, inputs):
        return str(inputs(1))
"""


@pytest.fixture(scope="module")
def ran_again(tmp_path_factory):
    """The steps that ran at first, after no edit, and after one, each with the reason that was given beforehand."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "package").mkdir()
    (folder / "package" / "unused.py").touch()
    steps = "".join(STEP.format(name=name, function=function) for name, (function, _) in FUNCTIONS.items())
    (folder / "flow.py").write_text(FLOW.format(all=", ".join(f"{name}()" for name in FUNCTIONS)) + steps)
    (folder / "run.py").write_text(
        textwrap.dedent("""
        import json, sys, pipeline, flow
        reasons = {type(task).__name__: verdict.reason for task, verdict in pipeline.plan(flow.All()).verdicts.items()}
        run = pipeline.build(flow.All())
        assert run.ok, run
        print(json.dumps({type(task).__name__: reasons[type(task).__name__] for task in run.ran}))
        """)
    )
    found = []
    for edited in (0, 0, 1):
        (folder / "conf.py").write_text(CONF.format(value=edited + 2, edited=edited, nothing="3" if edited else "None") + "SAME = 5\n")
        for name in ("__init__", "inner", "late"):
            (folder / "package" / f"{name}.py").write_text(f"FACTOR = {edited}\n")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDITED": str(edited), "LUIGI_CONFIG_PATH": "none.cfg", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, "run.py"], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.parametrize(("name", "runs"), [(name, runs) for name, (_, runs) in FUNCTIONS.items()])
def test_what_a_pickled_function_asks_a_module_for_counts(name, runs, ran_again):
    first, unchanged, edited = ran_again
    assert {name, f"Make{name}"} <= set(first)
    assert not unchanged
    assert (name in edited) is runs


@pytest.mark.parametrize(
    ("name", "asked"), [("Number", "conf.FACTOR"), ("Whole", "conf"), ("OfClass", "conf.Model"), ("Deep", "package.inner.FACTOR")]
)
def test_the_plan_names_what_it_is(name, asked, ran_again):
    assert ran_again[2][name] == f"Make{name}() has another meaning: {asked} in its pickle changed"


def test_to_look_at_a_pickled_function_imports_no_library(app, monkeypatch):
    (app / "waves.py").write_text("def make():\n    def ask(x):\n        import wave\n        return wave.open(x)\n    return ask\n")
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    assert current().code.names_in([importlib.import_module("waves").make()]) == ({}, set())
    assert "wave" not in sys.modules


@pytest.mark.parametrize("raises", ["RuntimeError('no GPU')", "SystemExit('no licence')"])
def test_a_module_that_cannot_be_imported_here_is_no_failure(raises, app):
    (app / "gpu.py").write_text(f"raise {raises}\n")
    (app / "uses.py").write_text("def make():\n    def ask(x):\n        import gpu\n        return gpu.X\n    return ask\n")
    current().code.names_in([importlib.import_module("uses").make()])

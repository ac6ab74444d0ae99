"""Functions whose code a decorator or an import hook has rewritten: their source is believed where it cannot be another one, and nowhere else."""

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Each has a way to make another function of one, as real tools do: type checkers, profilers, contracts.
REWRITERS = """
import ast, functools, importlib.machinery, sys, types

def found_in(code, name):
    return next(one for one in code.co_consts if isinstance(one, types.CodeType) and one.co_name == name)

def rewritten(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            node.body.insert(0, ast.parse("checked = 'by somebody else'").body[0])
    return ast.fix_missing_locations(tree)

def recompiled(function):  # like typeguard
    with open(function.__code__.co_filename) as file:
        tree = rewritten(ast.parse(file.read()))
    code = found_in(compile(tree, function.__code__.co_filename, "exec"), function.__name__)
    return types.FunctionType(code, function.__globals__, function.__name__)

def replaced(function):  # like line_profiler
    function.__code__ = function.__code__.replace(co_consts=(*function.__code__.co_consts, "marked"))
    return function

def written(function):  # like beartype
    text = f"def {function.__name__}(*given, __wrapped=None):\\n    return __wrapped(*given)"
    made = {}
    exec(compile(text, f"<@written({function.__name__})>", "exec"), function.__globals__, made)
    wrapper = made[function.__name__]
    wrapper.__kwdefaults__ = {"__wrapped": function}
    return functools.wraps(function)(wrapper)

class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimize=-1):
        return compile(rewritten(ast.parse(data)), path, "exec", dont_inherit=True)

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == "parts":
            spec = importlib.machinery.PathFinder.find_spec(name, path)
            spec.loader = Loader(spec.loader.name, spec.loader.path)
            return spec

def plain(function):
    return function
"""
PARTS = """
from rewriters import {how} as decorator
from deep import helper

@decorator
def scale(x: int) -> int:
    return helper(x) * {factor}
"""
FLOW = """
import pipeline
from parts import scale

class Step(pipeline.Task):
    def easy_run(self, inputs):
        return scale(1)
"""
RUN = """
import sys, rewriters
if sys.argv[1] == "hook":
    sys.meta_path.insert(0, rewriters.Hook())
import os, pathlib
sys.path.insert(0, os.path.abspath("app"))
import flow, parts, pipeline
if sys.argv[1] == "edit":
    path = pathlib.Path("app/parts.py")
    path.write_text(path.read_text().replace("helper(x) *", "helper(x) +"))
if sys.argv[1] == "exchange":
    os.rename("app", "before")
    os.rename("next", "app")
run = pipeline.build(flow.Step())
print(*run.outcomes.values(), file=sys.stderr)
print(len(run.ran), flow.Step().load())
"""


@pytest.fixture
def write(tmp_path):
    def write(how="plain", factor=2, helper="x"):
        (tmp_path / "app" / "parts.py").write_text(PARTS.format(how=how, factor=factor))
        (tmp_path / "deep.py").write_text(f"def helper(x):\n    return {helper}\n")

    (tmp_path / "app").mkdir()
    for name, text in (("rewriters", REWRITERS), ("flow", FLOW), ("run", RUN)):
        (tmp_path / f"{name}.py").write_text(text)
    return write


@pytest.fixture
def run(tmp_path):
    def run(how=""):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": str(tmp_path / "store")}
        return subprocess.run([sys.executable, "run.py", how], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.parametrize("how", ["recompiled", "replaced", "written", "hook"])
def test_what_was_rewritten_has_its_source(how, write, run):
    decorator = "plain" if how == "hook" else how
    for told, edit in (("1 2", {}), ("0 2", {}), ("1 3", {"factor": 3}), ("1 6", {"factor": 3, "helper": "x + 1"})):
        write(decorator, **edit)
        done = run(how)
        assert done.stdout.strip() == told, done.stderr


@pytest.mark.parametrize("how", ["recompiled", "replaced"])
def test_what_was_edited_since_its_import_has_not(how, write, run):
    write(how)
    done = run("edit")
    assert "StaleSourceError" in done.stderr


@pytest.mark.parametrize("how", ["recompiled", "replaced"])
def test_what_lies_in_another_folder_that_has_taken_the_place_of_its_own_has_not(how, write, run, tmp_path):
    write(how)
    # As deployments do it, with files that are older than the process.
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "parts.py").write_text(PARTS.format(how=how, factor=3))
    done = run("exchange")
    assert "StaleSourceError" in done.stderr


@pytest.mark.parametrize("how", ["recompiled", "replaced"])
def test_what_was_loaded_from_a_stale_pyc_has_not(how, write, run, tmp_path):
    write(how)
    py_compile.compile(str(tmp_path / "app" / "parts.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    write(how, factor=3)
    done = run()
    assert "StaleSourceError" in done.stderr


def test_a_stale_pyc_that_was_not_loaded_does_not_matter(write, run, tmp_path):
    write("replaced", factor=30)
    py_compile.compile(str(tmp_path / "app" / "parts.py"))
    write("replaced")
    (tmp_path / "app" / "__pycache__").chmod(0o500)
    done = run()
    assert done.stdout.strip() == "1 2", done.stderr

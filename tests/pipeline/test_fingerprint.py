"""The fingerprint: the same for the same code everywhere, another one for other code, and never that of code that is not loaded."""

import ast
import importlib
import io
import json
import os
import pathlib
import py_compile
import random
import shutil
import subprocess
import sys
import textwrap
import tokenize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline
from pipeline import fingerprint
from pipeline.code import Code
from pipeline.errors import StaleSourceError
from pipeline.fingerprint import normal

PACKAGE = pathlib.Path(fingerprint.__file__).parent
SOURCES = sorted(PACKAGE.parent.rglob("*.py"))

STEP = """
from pipeline import Task
from {app}.functions import clean

class Step(Task):
    def easy_run(self, inputs):
        return clean([3, 1, 2])
"""
FUNCTIONS = """
import math
NAMES = {"b", "a", "c"}
LIMITS = frozenset({"x", "y", "z"})

def clean(rows, *, unit="m"):
    return [math.floor(row) for row in rows if str(row) not in NAMES | LIMITS]
"""


def write(folder, **modules):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


def of(module, name="Step"):
    return fingerprint.of_task(getattr(importlib.import_module(module), name))


# Stability


def printed(folder, **environment):
    code = (
        "import json, app.steps; from pipeline import fingerprint; f = fingerprint.of_task(app.steps.Step); print(json.dumps([f.digest, f.pieces]))"
    )
    paths = os.pathsep.join([str(folder), str(PACKAGE.parent.parent)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_it_is_the_same_in_every_process_under_every_hash_seed_and_in_every_folder(tmp_path):
    for folder in ("one", "two/deeper"):
        write(tmp_path / folder / "app", __init__="", steps=STEP.format(app="app"), functions=FUNCTIONS)
    found = [
        printed(tmp_path / "one", PYTHONHASHSEED="0"),
        printed(tmp_path / "one", PYTHONHASHSEED="1"),
        printed(tmp_path / "two" / "deeper", PYTHONHASHSEED="2"),
    ]
    assert found[0] == found[1] == found[2]
    (tmp_path / "one" / "app" / "functions.py").write_text(FUNCTIONS.replace('"c"', '"d"'))
    assert printed(tmp_path / "one")[0] != found[0][0]


SNIPPETS = [
    "x = f'a{b!r:>{width}}c' f'd' 'e'",
    "x = f'{a=} {b:%Y-%m-%d} {{literal}} {c[\"k\"]}'",
    "x = 'it''s' \"two\" '''three'''",
    "match command:\n    case [Point(x=0, y=y), *rest] if y > 0: go(y, rest)\n    case {'k': v, **more} | {'j': v, **more}: use(v, more)\n    case None: pass\n    case _ as other: other()",  # noqa: E501
    "def f(a: int, /, b: 'list[str]' = [], *args: int, c: dict[str, int] | None = None, **kw: object) -> tuple[int, ...]:\n    'doc'\n    local: int = 3\n    bare: str\n    return a, *args",  # noqa: E501
    "class A(Base, metaclass=M):\n    'doc'\n    field: int = 3\n    other: 'str'\n    @property\n    def p(self) -> int: return self.field",
    "@decorate(1, key=lambda x: x + OFFSET)\nasync def g():\n    async with open_it() as a, b: pass\n    return [i async for i in a if await i]",
    "r = {k: [w for w in v if (n := len(w)) > 2] for k, v in table.items()}",
    "s = sum(x * SCALE for x in range(10) for y in (z for z in x))",
    "first, *rest = values; print(*rest, **{**one, **two})",
    "try:\n    risky()\nexcept* ValueError as group:\n    handle(group)\nfinally:\n    end()",
    "try:\n    a\nexcept (A, B) as e:\n    b\nelse:\n    c",
    "if TYPE_CHECKING:\n    from x import y\nelse:\n    y = None",
    "x = 1e400, -0.0, 1_000_000, 0x10, 3j, b'\\xff', '\\ud800', ..., True",
    "def outer():\n    n = 0\n    def inner():\n        nonlocal n\n        n += 1\n        return __class__\n    return inner",
    "from .functions import clean as c\nimport a.b.c, d as e\ndef f():\n    import late.module\n    from other import thing\n    return late.module.call(thing.attribute)",  # noqa: E501
    "while (line := read()):\n    if not line: continue\n    del line[0]\nelse:\n    raise Done from None",
    "with (open(a) as x, open(b) as y):\n    z = x if y else lambda *a, k=1, **b: (a, k, b)",
    "items[1:2, ::3, ...] = yield_ @ other // 2 ** -1",
    "async def agen():\n    yield 1\n    await asyncio.sleep(0)\n    x = yield",
    "assert isinstance(a, int | str), 'no'",
    "def empty():\n    'only a docstring'",
]
FORMS = """
import ast, importlib.util, json, sys
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
normal, names = load("normal", sys.argv[1]), load("names", sys.argv[2])
found = []
for text in json.load(sys.stdin):
    tree = ast.parse(text)
    references = names.references(tree.body)
    form = normal.form(normal.without_docstring(tree.body))
    imports = [repr(one) for one in references.imports]
    found.append([form, list(references.chains), imports, list(references.modules)])
json.dump(found, sys.stdout)
"""


def started_version(python, version):
    """What really starts: pyenv's `python3.12` starts none unless it is told which."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, env={**os.environ, "PYENV_VERSION": version}).stdout.strip()


def forms(python, **environment):
    texts = SNIPPETS + [path.read_text() for path in SOURCES]
    done = subprocess.run(
        [python, "-c", FORMS, str(PACKAGE / "normal.py"), str(PACKAGE / "names.py")],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_normal_form_is_the_same_under_every_version_of_python(version):
    python = shutil.which(f"python{version}")
    if python is None or started_version(python, version) != version:
        print(f"there is no python{version} that starts here")
        pytest.skip(f"there is no python{version} that starts here")
    for text, here, there in zip([*SNIPPETS, *map(str, SOURCES)], forms(sys.executable), forms(python, PYENV_VERSION=version), strict=True):
        assert here == there, text


# What does not count


def form(text):
    return normal.form(normal.without_docstring(ast.parse(text).body))


def with_comments(text, chance):
    """Comments and blank lines wherever a logical line has ended."""
    lines = text.splitlines(keepends=True)
    ends = {token.end[0] for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.NEWLINE}
    return "".join(line + ("\n   # a remark\n\n" if at in ends and chance.random() < 0.3 else "") for at, line in enumerate(lines, 1))


class _Annotator(ast.NodeTransformer):
    """Docstrings and annotations where there may be none."""

    def __init__(self, chance):
        self.chance = chance

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        if self.chance.random() < 0.5:
            node.body = [ast.Expr(ast.Constant("A new docstring.")), *normal.without_docstring(node.body)]
        node.returns = ast.Name("int", ast.Load()) if self.chance.random() < 0.5 else None
        for argument in node.args.args:
            argument.annotation = ast.Constant("some.Type") if self.chance.random() < 0.5 else None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(SOURCES), st.integers(0, 1000))
def test_formatting_comments_docstrings_and_annotations_do_not_count(path, seed):
    text, chance = path.read_text(), random.Random(seed)
    assert form(ast.unparse(ast.parse(text))) == form(text)
    assert form(with_comments(text, chance)) == form(text)
    assert form(ast.unparse(ast.fix_missing_locations(_Annotator(chance).visit(ast.parse(text))))) == form(text)


class _Changer(ast.NodeTransformer):
    """Changes the constant or name at one place."""

    def __init__(self, at):
        self.at = at

    def visit_Constant(self, node):
        self.at -= 1
        return ast.Constant((node.value, 1)[1] if not isinstance(node.value, int) else node.value + 1) if self.at == 0 else node

    def visit_Name(self, node):
        self.at -= 1
        return ast.Name(node.id + "_", node.ctx) if self.at == 0 else node


@pytest.mark.parametrize("text", ["class A:\n    rate = 1\n    'What it costs.'", "def f():\n    rate = 1\n    'What it costs.'\n    return rate"])
def test_strings_below_what_they_describe_do_not_count(text):
    body = ast.parse(text).body[0].body
    without = ast.parse(text.replace("    'What it costs.'\n", "").removesuffix("\n    'What it costs.'")).body[0].body
    assert len(without) < len(body)
    assert normal.form(normal.without_docstring(body)) == normal.form(without)


def test_a_constant_that_was_replaced_counts_with_its_value(app, monkeypatch):
    write(app, patched="from pipeline import Task\nSCALE = 1\nclass Step(Task):\n    def easy_run(self, inputs):\n        return SCALE\n")
    before = of("patched").digest
    monkeypatch.setattr("patched.SCALE", 5)
    assert of("patched").digest != before
    monkeypatch.undo()
    assert of("patched").digest == before


def test_a_counter_that_functions_of_its_module_change_does_not_count_with_its_value(app):
    text = "from pipeline import Task\nCALLS = 0\nclass Step(Task):\n    def easy_run(self, inputs):\n        global CALLS\n        CALLS += 1\n"
    write(app, counting=text)
    before = of("counting").digest
    sys.modules["counting"].Step().easy_run([])
    assert of("counting").digest == before


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([text for text in SNIPPETS if "f'" not in text]), st.integers(1, 12))
def test_any_other_name_or_constant_counts(text, at):
    changed = ast.fix_missing_locations(_Changer(at).visit(ast.parse(text)))
    stripped = [ast.dump(ast.parse(one)) for one in (ast.unparse(changed), ast.unparse(ast.parse(text)))]
    annotations = ("doc", "int", "str", "list[str]", "only a docstring", "object", "dict", "tuple")
    if stripped[0] == stripped[1] or any(word in text for word in annotations) or "TYPE_CHECKING" in text:
        return
    assert form(ast.unparse(changed)) != form(text)


# Only the code that is loaded


def test_a_file_edited_after_its_import_is_refused(app):
    write(app, edited="from pipeline import Task\nclass Step(Task):\n    def easy_run(self, inputs):\n        return 1\n")
    step = importlib.import_module("edited").Step
    (app / "edited.py").write_text((app / "edited.py").read_text().replace("return 1", "return 2"))
    with pytest.raises(StaleSourceError, match=r"edited\.Step\.easy_run in memory is not what .*edited\.py says"):
        fingerprint.of_task(step)


def test_a_stale_pyc_is_refused(app):
    text = "from pipeline import Task\nclass Step(Task):\n    def easy_run(self, inputs):\n        return {}\n"
    write(app, stale=text.format(1))
    py_compile.compile(str(app / "stale.py"), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    write(app, stale=text.format(2))
    step = importlib.import_module("stale").Step
    assert step().easy_run([]) == 1
    with pytest.raises(StaleSourceError):
        fingerprint.of_task(step)


SILENT = """
class Silent:
    # As what stands for another object that is not there: Flask's `current_app` outside a request, a client that is not connected.
    def __getattribute__(self, name):
        raise RuntimeError("there is nothing")

silent = Silent()

def __getattr__(name):
    if name == "model":
        raise OSError("no network")
    raise AttributeError(name)

NUMBER = {number}
"""
ASKING = """
import functools
from pipeline import Task
import {app}.far as far
from {app}.far import silent

table = {{"a": silent, "b": [silent]}}
given = functools.partial(print, silent)

class Holder:
    held = silent

holder = Holder()
holder.other = silent

def called(x, default=silent):
    def inner():
        return silent, x
    return inner

inners = [called(silent)]

class Step(Task):
    def easy_run(self, inputs):
        if inputs == "never":
            return silent.name, silent(), far.model, far.silent.model, table["a"].b, given, holder.held, inners, called
        return far.NUMBER
"""


ANSWERING = """
asked = []

class Anything:
    # Like SQLAlchemy's `func`, a client of remote calls, or a mock.
    def __getattr__(self, name):
        asked.append(name)
        if len(asked) > 1000:
            raise RecursionError
        return {answer}

    def __call__(self, *args):
        asked.append("called")

anything = Anything()
"""
ANSWERED = """
from pipeline import Task
from {app}.far import Anything, anything

class Holder:
    pass

holder = Holder()
holder.one, holder.table = anything, [anything, Anything()]
around, back = Holder(), Holder()
around.func, back.func = back, around
Holder.__call__ = lambda self: 1

class Step(Task):
    def easy_run(self, inputs):
        return anything.max(holder, around)
"""


@pytest.mark.parametrize("answer", ["Anything()", "self", "lambda: name", "(lambda held: lambda: held)(Anything())", "type(name, (), {})"])
def test_an_object_that_answers_to_everything_is_not_asked_for_ever(answer, app):
    write(app / "one", __init__="", far=ANSWERING.format(answer=answer), flow=ANSWERED.format(app="one"))
    assert "far.anything" in {piece.partition(".")[2] for piece in of("one.flow").pieces}
    asked = sys.modules["one.far"].asked
    assert "called" not in asked
    assert len(asked) < 200


def test_what_is_large_in_all_is_data():
    class Asked:
        times = 0

        def __getattr__(self, name):
            Asked.times += 1
            raise AttributeError(name)

    row = [Asked()] * 1000
    table = {"rows": {n: [*row] for n in range(1000)}, "call": clean}
    assert fingerprint.inside.callables_inside(table) == [clean]
    assert 0 < Asked.times <= 50_000


def clean():
    """Stands in a table."""


def test_a_decorator_that_shows_another_signature_is_its_function(app):
    pytest.importorskip("wrapt")
    text = "import wrapt\n@wrapt.decorator\ndef twice(wrapped, instance, args, kwargs):\n    return {times} * wrapped(*args, **kwargs)\n"
    for name, times in (("one", 2), ("other", 3)):
        write(app / name, __init__="", functions=text.format(times=times) + "@twice\ndef clean(rows):\n    return rows\n", flow=STEP.format(app=name))
    one, other = ({piece.partition(".")[2]: digest for piece, digest in of(f"{name}.flow").pieces.items()} for name in ("one", "other"))
    assert {"functions.twice", "functions.clean"} <= set(one)
    assert {piece for piece in one if one[piece] != other[piece]} == {"functions.twice"}


def test_objects_and_modules_that_do_not_answer_are_no_failure(app):
    digests = []
    for name, number in (("one", 1), ("same", 1), ("other", 2)):
        write(app / name, __init__="", far=SILENT.format(number=number), flow=ASKING.format(app=name))
        digests.append({piece.partition(".")[2]: digest for piece, digest in of(f"{name}.flow").pieces.items()})
    assert digests[0] == digests[1]
    assert {name for name in digests[0] if digests[0][name] != digests[2][name]} == {"far.NUMBER"}


def test_a_reloaded_module_has_the_fingerprint_of_its_new_functions(app, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = "from pipeline import Task\nclass Step(Task):\n    def easy_run(self, inputs):\n        return {}\n"
    write(app, again=text.format(1))
    before = of("again").digest
    write(app, again=text.format(22))
    importlib.reload(sys.modules["again"])
    assert of("again").digest != before


def test_a_reloaded_module_has_the_fingerprint_of_its_new_constants(app, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    text = "from pipeline import Task\nSCALE = {}\nclass Step(Task):\n    def easy_run(self, inputs):\n        return SCALE\n"
    write(app, scaled=text.format(1))
    before = of("scaled").digest
    write(app, scaled=text.format(22))
    importlib.reload(sys.modules["scaled"])
    assert of("scaled").digest != before


# Notebooks

NOTEBOOK = """
import linecache, sys, types
from pipeline import fingerprint

main = sys.modules["__main__"]
del main.__file__
main.In = [""]

def cell(text):
    name = f"<ipython-input-{len(main.In)}-abc>"
    main.In.append(text)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), vars(main))

cell("from pipeline import Task\\nSCALE = 2\\ndef scaled(x):\\n    return x * SCALE\\n")
cell("class Step(Task):\\n    def easy_run(self, inputs):\\n        return scaled(1)\\n")
def now():
    return fingerprint.of_task(main.Step).digest
print(now())
cell("print\\n")
print(now())
cell("def scaled(x):\\n    # other words\\n    return x * SCALE\\n")
print(now())
cell("SCALE = 3\\n")
print(now())
cell("def scaled(x):\\n    return x + SCALE\\n")
print(now())
"""


def test_the_cells_of_a_notebook_are_sources(tmp_path):
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent.parent)}
    done = subprocess.run([sys.executable, "notebook.py"], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    first, another_cell, cosmetic, constant, function = done.stdout.split()
    assert first == another_cell == cosmetic
    assert len({first, constant, function}) == 3


# What it costs


def generated(folder, count):
    """Modules of some 60 lines, each calling the next; a step that reaches all of them."""
    for at in range(count):
        following = f"from speed_{at + 1} import f0 as following\n" if at + 1 < count else "def following(x): return x\n"
        body = "".join(
            f"def f{n}(rows, scale={n}):\n    total = 0\n    for at, row in enumerate(rows):\n        if row > LIMIT_{n % 3}:\n"
            f"            total += row * scale + len([one for one in rows if one != at])\n    return total\n\n"
            for n in range(8)
        )
        calls = " + ".join(f"f{n}([x])" for n in range(1, 8))
        body = body.replace("    return total\n", f"    x = total\n    return following(x) + {calls}\n", 1)
        (folder / f"speed_{at}.py").write_text(f"LIMIT_0 = 0\nLIMIT_1 = 1\nLIMIT_2 = LIMIT_1 + 1\n{following}\n{body}")
    write(
        folder,
        speed="import speed_0\nfrom pipeline import Task\nclass Step(Task):\n    def easy_run(self, inputs):\n        return speed_0.f0([1])\n",
    )


def test_each_of_200_modules_is_parsed_once(app, monkeypatch):
    generated(app, 200)
    for at in reversed(range(200)):
        importlib.import_module(f"speed_{at}")
    importlib.import_module("speed")
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda text, *rest, **named: (parsed.append(rest), parse(text, *rest, **named))[1])
    found = of("speed")
    assert len(found.pieces) > 200 * 8
    assert len(parsed) == 201


def test_a_module_is_parsed_once_in_a_process(app, monkeypatch):
    write(app, shared_code="def helper():\n    return 1\n")
    steps = "from pipeline import Task\nfrom shared_code import helper\n" + "".join(
        f"class Step{n}(Task):\n    def easy_run(self, inputs):\n        return helper() + {n}\n" for n in range(5)
    )
    write(app, many=steps)
    importlib.import_module("many")
    parsed = []
    parse = ast.parse
    monkeypatch.setattr(ast, "parse", lambda text, *rest, **named: (parsed.append(rest), parse(text, *rest, **named))[1])
    for n in range(5):
        of("many", f"Step{n}")
    assert len(parsed) == 2


def test_the_tasks_of_a_class_share_one_fingerprint(app):
    write(
        app,
        sharing="import luigi\nfrom pipeline import Task\nclass Step(Task):\n    n = luigi.IntParameter()\n    def easy_run(self, inputs): return self.n\n",  # noqa: E501
    )
    step = importlib.import_module("sharing").Step
    code = Code()
    assert code.of(type(step(n=1))) is code.of(type(step(n=2)))
    assert pipeline.build([step(n=n) for n in range(3)]).ok
    assert len({step(n=n).target.record.fingerprint for n in range(3)}) == 1


def test_a_program_and_whoever_imports_it_agree(tmp_path):
    """What `python run.py` has made is current for `python -m pipeline --module run`, though the module has two names."""
    (tmp_path / "run.py").write_text(
        "import sys, luigi, pipeline\nLIMIT = [1]\ndef helper():\n    return LIMIT\n"
        "class Step(pipeline.Task):\n    TARGET_DIR = 'store'\n    def easy_run(self, inputs):\n        return helper()\n"
        "def get_tasks():\n    return [Step()]\nif __name__ == '__main__':\n    sys.exit(pipeline.main(get_tasks))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent.parent)}
    for command in (["run.py"], ["-m", "pipeline", "--module", "run", "run"], ["-m", "run"]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert ("1 ran" if command == ["run.py"] else "0 ran, 1 kept") in done.stdout, done.stdout

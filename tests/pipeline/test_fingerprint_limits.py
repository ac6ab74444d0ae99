"""What static reading cannot see, and that what docs/limits.md advises helps: each limit is shown first, then its way out.

A case is an app in a module `flow`, and an edit that changes what `Step` would return. `unseen` is the app as somebody
would write it first: the edit goes unnoticed. `seen` is the app as the page advises.
"""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from luigi.task_register import Register

import pipeline
from pipeline import fingerprint
from pipeline.fingerprint import project

ROOT = Path(fingerprint.__file__).parent.parent.parent
HEAD = "import os, time, datetime, luigi\nfrom pathlib import Path\nfrom pipeline import ExternalFile, Task\n"


def step(body, *, before="", inside=""):
    text = HEAD + textwrap.dedent(before) + "\nclass Step(Task):\n" + textwrap.indent(textwrap.dedent(inside), "    ")
    return text + "\n    def easy_run(self, inputs):\n" + textwrap.indent(textwrap.dedent(body), "        ") + "\n"


class Flow:
    """The app, written and imported anew as often as one likes, each time from a checkout of its own."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch, self.checkouts = folder, monkeypatch, 0

    def build(self, text, name="Step"):
        """Build a step; whether it ran, and what it returns now."""
        self.checkouts += 1
        checkout = self.folder / f"checkout{self.checkouts}"
        checkout.mkdir()
        (checkout / "flow.py").write_text(text)
        sys.modules.pop("flow", None)
        Register._reg[:] = [cls for cls in Register._reg if cls.__module__ != "flow"]
        self.monkeypatch.syspath_prepend(str(checkout))
        task = getattr(importlib.import_module("flow"), name)()
        run = pipeline.build(task)
        assert run.ok, run
        return bool(run.ran), str(task.load())


@pytest.fixture
def flow(tmp_path, monkeypatch):
    folder = tmp_path / "flow_folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield Flow(folder, monkeypatch)
    sys.modules.pop("flow", None)


FUNCTION = "def double(x):\n    return x * {}\n"


def test_a_function_found_in_globals_is_not_seen_and_one_in_a_dict_is(flow):
    unseen, seen = (
        step('return globals()["dou" + "ble"](1)', before=FUNCTION),
        step('return BY_NAME["dou" + "ble"](1)', before=FUNCTION + "BY_NAME = dict(double=double)\n"),
    )
    assert flow.build(unseen.format(2)) == (True, "2")
    assert flow.build(unseen.format(3)) == (False, "2")
    assert flow.build(seen.format(4)) == (True, "4")
    assert flow.build(seen.format(5)) == (True, "5")


def test_a_function_that_replaces_another_is_seen_where_it_is_named(flow):
    seen = step("return double(1)", before="def double(x):\n    return x\ndef better(x):\n    return x * {}\ndouble = better\n")
    assert flow.build(seen.format(4)) == (True, "4")
    assert flow.build(seen.format(5)) == (True, "5")


def test_attributes_of_a_class_that_is_named_are_seen_whatever_their_names(flow):
    tools = "class Tools:\n    def double(self, x):\n        return x * {}\n"
    text = step('return getattr(Tools(), "dou" + "ble")(1)', before=tools)
    assert flow.build(text.replace("{}", "2")) == (True, "2")
    assert flow.build(text.replace("{}", "3")) == (True, "3")


def test_attributes_of_an_object_that_only_comes_in_are_not_seen_and_its_identity_is(flow):
    # The class is known from the pickle of the requirement, where it is part of the identity.
    box = "class Box:\n    def double(self):\n        return {}\n"
    above = "class Above(Task):\n    def easy_run(self, inputs):\n        return Box()\n"
    text = step('return getattr(inputs[0], "dou" + "ble")()', before=box + above, inside="def requires(self):\n    return [Above()]\n")
    assert flow.build(text.replace("{}", "2")) == (True, "2")
    assert flow.build(text.replace("{}", "3")) == (True, "3")


def test_code_in_a_string_from_elsewhere_needs_reads(flow):
    body = "return eval(Path('formula.txt').read_text())"
    (flow.folder / "formula.txt").write_text("1 + 1")
    assert flow.build(step(body)) == (True, "2")
    (flow.folder / "formula.txt").write_text("1 + 2")
    assert flow.build(step(body)) == (False, "2")
    seen = step(body, inside="reads = ('formula.txt',)")
    assert flow.build(seen) == (True, "3")
    (flow.folder / "formula.txt").write_text("1 + 3")
    assert flow.build(seen) == (True, "4")


def test_data_opened_by_path_need_an_external_file(flow):
    (flow.folder / "raw.txt").write_text("one")
    unseen = step("return Path('raw.txt').read_text()")
    assert flow.build(unseen) == (True, "one")
    (flow.folder / "raw.txt").write_text("two")
    assert flow.build(unseen) == (False, "one")
    seen = step("return inputs.read_text()", inside="def requires(self):\n    return ExternalFile('raw.txt')\n")
    assert flow.build(seen) == (True, "two")
    (flow.folder / "raw.txt").write_text("three")
    assert flow.build(seen) == (True, "three")


def test_the_environment_counts_where_it_is_read_at_import(flow, monkeypatch):
    unseen, seen = step("return os.environ['REGION']"), step("return REGION", before="REGION = os.environ['REGION']\n")
    monkeypatch.setenv("REGION", "north")
    assert flow.build(unseen) == (True, "north")
    monkeypatch.setenv("REGION", "south")
    assert flow.build(unseen) == (False, "north")
    assert flow.build(seen) == (True, "south")
    monkeypatch.setenv("REGION", "west")
    assert flow.build(seen) == (True, "west")


def test_the_environment_counts_as_a_parameter_and_both_outputs_are_kept(flow, monkeypatch):
    seen = step("return self.region", inside="region = luigi.Parameter(default=os.environ['REGION'])\n")
    for region, ran in [("north", True), ("south", True), ("north", False)]:
        monkeypatch.setenv("REGION", region)
        assert flow.build(seen) == (ran, region)


def test_a_database_is_asked_again_when_its_reading_is_no_longer_fresh(flow):
    create = "import sqlite3\ndef ask():\n    return sqlite3.connect('rows.db').execute('select n from rows').fetchone()[0]\n"
    database = "import sqlite3; c = sqlite3.connect('rows.db'); c.execute('drop table if exists rows'); c.execute('create table rows (n)'); "

    def rows(number):
        code = f"{database}c.execute('insert into rows values ({number})'); c.commit()"
        subprocess.run([sys.executable, "-c", code], cwd=flow.folder, check=True)

    rows(1)
    assert flow.build(step("return ask()", before=create)) == (True, "1")
    rows(2)
    assert flow.build(step("return ask()", before=create)) == (False, "1")
    assert flow.build(step("return ask()", before=create, inside="fresh_for = datetime.timedelta(0)\n")) == (True, "2")


@pytest.mark.parametrize("body", ["import math; return math.floor(1.5)", "return eval('1 ' + '+ 0')"], ids=["a C extension", "eval"])
def test_a_version_speaks_for_what_code_does_not_show(flow, body):
    assert flow.build(step(body, inside="version = '1'")) == (True, "1")
    assert flow.build(step(body, inside="version = '1'")) == (False, "1")
    assert flow.build(step(body, inside="version = '2'")) == (True, "1")


def test_code_without_a_source_is_not_seen_and_has_a_version(flow):
    def typed(number, version):
        prompt = f"exec(compile('def typed(): return {number}', '<stdin>', 'exec'), TYPED)"
        # What was typed reaches the module by another way than its text.
        (flow.folder / "prompt.txt").write_text(prompt)
        return step(
            "return typed()", before="TYPED = {}\nexec(Path('prompt.txt').read_text())\ntyped = TYPED['typed']\n", inside=f"version = {version!r}\n"
        )

    assert flow.build(typed(1, "1")) == (True, "1")
    assert flow.build(typed(2, "1")) == (False, "1")
    assert flow.build(typed(2, "2")) == (True, "2")


# Outputs whose bytes are not stable

UNSTABLE = """
class Above(Task):
    fresh_for = datetime.timedelta(0)
    def easy_run(self, inputs):
        return {value}
{identity}
"""
BELOW = "def requires(self):\n    return [Above()]\n"


def test_what_was_deployed_without_its_sources_runs_with_a_warning(tmp_path):
    (tmp_path / "deployed").mkdir()
    (tmp_path / "deployed" / "__init__.py").write_text("")
    (tmp_path / "deployed" / "__main__.py").write_text(
        "import sys, pipeline\nfrom deployed import steps\nsys.exit(pipeline.main(lambda: [steps.Step()]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": "store"}
    (tmp_path / "deployed" / "steps.py").write_text(step("return self.rate", inside="rate = 3\n"))
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", "deployed"], cwd=tmp_path, check=True)
    for source in (tmp_path / "deployed").glob("*.py"):
        source.unlink()
    for summary in ("1 ran, 0 kept", "0 ran, 1 kept"):
        done = subprocess.run([sys.executable, "-m", "deployed"], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "deployed.steps.Step has no source" in done.stderr
        assert summary in done.stdout + done.stderr


def below_ran(flow, value, identity="", seeds=("1", "2", "3")):
    """Whether the step below ran again in any of several processes."""
    text = step("return len(inputs[0])", before=UNSTABLE.format(value=value, identity=textwrap.indent(identity, "    ")), inside=BELOW)
    found = []
    for seed in seeds:
        (flow.folder / "flow.py").write_text(text)
        code = "import flow, pipeline; r = pipeline.build(flow.Step()); assert r.ok, r; print(flow.Step() in r.ran)"
        environment = {"PYTHONPATH": f"{flow.folder}{os.pathsep}{ROOT}", "PIPELINE_TARGET_DIR": "store", "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], cwd=flow.folder, env={**os.environ, **environment}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found.append(done.stdout.strip() == "True")
    return any(found[1:])


WORDS = "{'apple', 'pear', 'plum', 'fig', 'lime', 'kiwi'}"


def test_a_set_runs_what_is_below_and_a_sorted_list_does_not(flow):
    assert below_ran(flow, WORDS)
    assert not below_ran(flow, f"sorted({WORDS})")


def test_a_set_with_an_identity_runs_nothing_below(flow):
    assert not below_ran(flow, WORDS, "def identity(self, output):\n    return sorted(output)\n")


def test_an_estimator_with_an_identity_runs_nothing_below_when_it_was_loaded_and_dumped_again(app, ran):
    (app / "models.py").write_text(
        step(
            "return inputs[0].predict([[2.0]])[0]",
            before="import pickle\nSTATE = []\n"
            "def fitted():\n    from sklearn.linear_model import LinearRegression\n    return LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])\n"
            "class Model(Task):\n    fresh_for = datetime.timedelta(0)\n    def easy_run(self, inputs):\n"
            "        model = fitted()\n        for _ in STATE:\n            model = pickle.loads(pickle.dumps(model))\n"
            "            model.note_ = 'loaded'\n"
            "        return model\n"
            "    def identity(self, output):\n        return [round(float(one), 9) for one in [*output.coef_, output.intercept_]]\n",
            inside="def requires(self):\n    return [Model()]\n",
        )
    )
    models = importlib.import_module("models")
    assert ran(models.Step()) == ["Model", "Step"]
    first = models.Model().target.record.digest
    models.STATE.append("once more")
    assert ran(models.Step()) == ["Model"]
    assert models.Model().target.record.digest != first


def test_an_object_of_a_class_of_main_has_an_identity(tmp_path):
    script = (
        HEAD + "import pipeline\n{comment}class Point:\n    def __init__(self): self.x = 1\n"
        "class Above(Task):\n    fresh_for = datetime.timedelta(0)\n    def easy_run(self, inputs):\n        return Point()\n{identity}"
        "class Step(Task):\n    def requires(self):\n        return [Above()]\n    def easy_run(self, inputs):\n        return inputs[0].x\n"
        "run = pipeline.build(Step())\nassert run.ok, run\nprint(Step() in run.ran)\n"
    )
    identity = "    def identity(self, output):\n        return output.x\n"

    def ran(**texts):
        (tmp_path / "script.py").write_text(script.format(**texts))
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": "store"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip() == "True"

    assert ran(comment="", identity="")
    assert ran(comment="# a remark that moves its lines\n", identity="")
    assert ran(comment="", identity=identity)
    assert not ran(comment="# a remark that moves its lines\n", identity=identity)


def test_the_audit_names_the_step_whose_bytes_are_not_stable(app, ran):
    (app / "audited.py").write_text(step("return time.time_ns()"))
    audited = importlib.import_module("audited")
    ran(audited.Step())
    (found,) = pipeline.audit(audited.Step())
    assert not found.same
    assert "clock" in found.reason


@pytest.mark.parametrize("body", ["raise OSError('no GPU')", "import sys; sys.exit(7)", "def f(:"], ids=["an error", "an exit", "no Python"])
def test_a_module_that_cannot_be_imported_keeps_no_step_from_running(body, tmp_path):
    (tmp_path / "gpu.py").write_text(body)
    body = "        if inputs:\n            import gpu\n            gpu.f()\n        return 1\n"
    (tmp_path / "steps.py").write_text(f"import pipeline\nclass Step(pipeline.Task):\n    def easy_run(self, inputs):\n{body}")
    code = "import pipeline, steps; print(pipeline.build(steps.Step()))"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("1 ran, 0 kept"), done.stderr
    assert "gpu cannot be imported here" in done.stderr


def test_what_was_installed_into_a_folder_of_its_own_is_a_library(tmp_path, monkeypatch):
    """As `pip install --target` and overlays of virtual environments do."""
    for folder, installed in (("deps", True), ("overlay/site-packages", False), ("mine", False)):
        place = tmp_path / folder
        place.mkdir(parents=True)
        (place / f"of_{place.parent.name}_{place.name.replace('-', '_')}.py").touch()
        if installed:
            (place / "some-1.0.dist-info").mkdir()
        monkeypatch.syspath_prepend(str(place))
    for cached in (project._library_folders, project._lies_among_libraries):
        cached.cache_clear()
    try:
        owns = project.Project(frozenset()).owns
        names = [path.stem for path in sorted(tmp_path.rglob("of_*.py"))]
        assert [name for name in names if owns(name)] == [name for name in names if name.endswith("_mine")]
        assert not owns(project)  # a library may have put anything into `__module__`
        assert not project.Project.is_library(project)
    finally:
        for cached in (project._library_folders, project._lies_among_libraries):
            cached.cache_clear()

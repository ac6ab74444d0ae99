"""What a user can do wrong: each mistake has an exception of its own, named task and next step, and leaves nothing behind."""

import os
import subprocess
import sys
import textwrap
import threading

import luigi
import pytest

import pipeline
import targets
from pipeline import Task
from targets import JsonTarget, NumpyTarget, ParquetTarget


class Source(Task):
    def easy_run(self, inputs):
        return [1]


class ListMisuse(Task):
    def requires(self):
        return [Source()]

    def easy_run(self, inputs):
        return inputs["source"]


class DictMisuse(Task):
    def requires(self):
        return {"source": Source()}

    def easy_run(self, inputs):
        return inputs["sauce"]


class RangeMisuse(Task):
    def requires(self):
        return [Source()]

    def easy_run(self, inputs):
        return inputs[3]


class Unserialisable(Task):
    def easy_run(self, inputs):
        return threading.Lock()


class NoJson(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return {"when": {1, 2}}


class NoFrame(Task):
    target_type = ParquetTarget

    def easy_run(self, inputs):
        return [1, 2]


class NoArray(Task):
    target_type = NumpyTarget

    def easy_run(self, inputs):
        return [1, 2]


class Generator(Task):
    def easy_run(self, inputs):
        return (n for n in range(3))


class Asynchronous(Task):
    async def easy_run(self, inputs):
        return 1


class OtherName(Task):
    def requires(self):
        return {"source": Source()}

    def easy_run(self, given):
        return given["sauce"]


class NoReturn(Task):
    target_type = ParquetTarget

    def easy_run(self, inputs):
        print("forgotten")


class YieldsANumber(Task):
    def easy_run(self, inputs):
        yield 5


class WrongParts(Task):
    outputs = {"a": JsonTarget, "b": JsonTarget}

    def easy_run(self, inputs):
        return {"a": 1}


FAILING = [
    (ListMisuse, pipeline.InputAccessError, r"ListMisuse\(\) reads inputs\[\"source\"\], but its inputs are a list with inputs\[0\]: Source\(\)"),
    (DictMisuse, pipeline.InputAccessError, r"DictMisuse\(\) reads inputs\[\"sauce\"\].*inputs\['source'\]: Source\(\)"),
    (RangeMisuse, pipeline.InputAccessError, r"RangeMisuse\(\) reads inputs\[3\]"),
    (Unserialisable, targets.DumpError, r"Unserialisable\(\) returned a lock.*choose another target_type"),
    (NoJson, targets.RoundTripError, r"value\['when'\] is a builtins.set.*make it a sorted list"),
    (NoFrame, targets.DumpError, r"stores a pandas DataFrame, and got a list"),
    (NoArray, targets.DumpError, r"stores a numpy.ndarray, and got a list"),
    (Generator, targets.GeneratorOutputError, r"Generator\(\) returned a generator.*return list\(...\)"),
    (Asynchronous, targets.GeneratorOutputError, r"Asynchronous\(\) returned a coroutine: easy_run cannot be async"),
    (OtherName, pipeline.InputAccessError, r"OtherName\(\) reads given\[\"sauce\"\], but its inputs are a dict with given\['source'\]"),
    (NoReturn, targets.DumpError, r"got a NoneType \(is a return missing\?\)"),
    (YieldsANumber, pipeline.RequirementError, r"easy_run yielded 5, which is no task"),
    (WrongParts, targets.DumpError, r"WrongParts\(\) has the outputs \['a', 'b'\], and easy_run returned \['a'\]"),
]


@pytest.mark.parametrize(("kind", "error", "message"), FAILING)
def test_a_step_that_does_it_wrong_fails_in_words(kind, error, message, store):
    run = pipeline.build(kind())
    assert run.failed == [kind()]
    assert run.exit_code == 1
    with pytest.raises(error, match=message):
        raise run.outcomes[kind()].error
    assert [path for path in store.rglob("*") if path.is_file() and kind.__name__ in str(path) and path.suffix != ".log"] == []


def test_a_decorator_without_its_parentheses_is_named():
    @pipeline.inherit_list
    class Bare(Task):
        pass

    for parameters in ({}, {"n": 1}):
        with pytest.raises(pipeline.TaskDefinitionError, match=r"@inherit_list stands above Bare without saying what that requires"):
            Bare(**parameters)
    with pytest.raises(pipeline.TaskDefinitionError, match=r"@inherit_dict gives each a name"):
        pipeline.inherit_dict(Source)


def test_the_file_of_somebody_else_that_is_not_there_is_named():
    class Delivered(luigi.ExternalTask):
        def output(self):
            return {"a": luigi.LocalTarget("delivered-a.csv"), "b": luigi.LocalTarget("delivered-b.csv")}

    class Reader(Task):
        def requires(self):
            return Delivered()

        def easy_run(self, inputs):
            return 1

    run = pipeline.build(Reader())
    assert "its output is not there: delivered-a.csv, delivered-b.csv" in str(run.outcomes[Delivered()].error)


def test_an_ordinary_key_error_stays_what_it_is():
    class Lookup(Task):
        def requires(self):
            return {"source": Source()}

        def easy_run(self, inputs):
            table = {"a": 1}
            return table["source"], inputs["source"]

    run = pipeline.build(Lookup())
    assert type(run.outcomes[Lookup()].error) is KeyError


class NoEasyRun(Task):
    pass


class Loop(Task):
    n = luigi.IntParameter(default=0)

    def requires(self):
        return Loop(n=(self.n + 1) % 3)

    def easy_run(self, inputs):
        return 1


class BrokenRequires(Task):
    def requires(self):
        raise OSError("no network")

    def easy_run(self, inputs):
        return 1


class RequiresAClass(Task):
    def requires(self):
        return Source

    def easy_run(self, inputs):
        return 1


class RequiresAClassByName(Task):
    def requires(self):
        return {"source": Source}

    def easy_run(self, inputs):
        return 1


class RequiresText(Task):
    def requires(self):
        return ["source"]

    def easy_run(self, inputs):
        return 1


UNPLANNED = [
    (NoEasyRun, pipeline.TaskDefinitionError, r"NoEasyRun has no easy_run: define easy_run\(self, inputs\)"),
    (Loop, pipeline.CycleError, r"Loop\(n=0\) -> Loop\(n=1\) -> Loop\(n=2\) -> Loop\(n=0\)"),
    (BrokenRequires, pipeline.RequirementError, r"BrokenRequires\(\): its requires\(\) failed with OSError: no network"),
    (RequiresAClass, pipeline.RequirementError, r"RequiresAClass\(\): .*write Source\(\)"),
    (RequiresAClassByName, pipeline.RequirementError, r"requires\(\)\['source'\] is a .*: write Source\(\)"),
    (RequiresText, pipeline.RequirementError, r"RequiresText\(\): requires\(\)\[0\] is a str"),
]


@pytest.mark.parametrize(("kind", "error", "message"), UNPLANNED)
def test_what_cannot_be_planned_is_raised_before_anything_runs(kind, error, message, store):
    with pytest.raises(error, match=message):
        pipeline.build([kind(), Source()])
    assert not store.exists()


@pytest.mark.parametrize(("wrong", "message"), [(Source, r"Source is a class: pass a task object"), ("Source", "is no task"), ([3], "3 is no task")])
def test_only_tasks_can_be_built(wrong, message):
    with pytest.raises(pipeline.PlanningError, match=message):
        pipeline.build(wrong if not isinstance(wrong, str) else [wrong])


def test_a_step_with_a_complete_of_its_own_is_told_that_nobody_asks_it(caplog):
    class AlwaysIncomplete(Task):
        def complete(self):
            return False

        def easy_run(self, inputs):
            return 1

    assert "AlwaysIncomplete overrides complete(), which a build does not ask" in caplog.text
    caplog.clear()

    class Below(AlwaysIncomplete):
        """Told once."""

    assert not caplog.text
    assert [pipeline.build(AlwaysIncomplete()).ran, pipeline.build(AlwaysIncomplete()).ran] == [[AlwaysIncomplete()], []]


class UsesItsOwn(Task):
    resource = "a name that the step uses itself"

    def easy_run(self, inputs):
        return [self.resource for _ in range(1)]


def test_a_setting_that_looks_misspelt_is_told(caplog):
    class Hasty(Task):
        target_typ = targets.JsonTarget
        target_dir = "/elsewhere"
        retires = 3
        max_paralel = 2
        fold = 5  # like nothing of ours
        resources = {"gpu": 1}
        timeout = luigi.FloatParameter(default=3.0)

        def easy_run(self, inputs):
            return self.fold

        def load_input_param(self, target):
            return {}

    assert [line.split(" is no setting")[0] for line in caplog.messages] == [
        f"Hasty.{name}" for name in ("target_typ", "target_dir", "retires", "max_paralel", "load_input_param")
    ]
    assert "nothing of the class uses it: did you mean TARGET_DIR?" in caplog.messages[1]


def test_a_name_that_a_class_uses_itself_is_its_own(caplog):
    class Below(UsesItsOwn):
        resource = "another"

    class Fetching(Task):
        time_out = 3
        retry = 4
        version_s = 5

        @property
        def seconds(self):
            return self.time_out

        def easy_run(self, inputs):
            return (lambda: self.retry)(), self.version_s

    assert not caplog.messages


class SaysYes(Task):
    def complete(self):
        return True

    def easy_run(self, inputs):
        return "made"


class BelowIt(Task):
    def requires(self):
        return SaysYes()

    def easy_run(self, inputs):
        return inputs


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("root", [SaysYes, BelowIt])
def test_a_step_whose_own_complete_says_yes_is_made_all_the_same(root, workers, ran):
    assert set(ran(root(), workers=workers)) == {"SaysYes", root.__name__}
    assert root().load() == "made"


def test_luigi_s_own_build_makes_what_is_loaded_whatever_its_complete_says():
    assert luigi.build([BelowIt()], local_scheduler=True, log_level="ERROR")
    assert BelowIt().load() == "made"


def test_a_folder_as_reads_says_what_to_name_instead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queries").mkdir()

    class Reads(Task):
        reads = ("queries",)

        def easy_run(self, inputs):
            return 1

    run = pipeline.build(Reads())
    assert "reads 'queries', which is a folder: name its files" in str(run.outcomes[Reads()].error)


def test_a_text_as_reads_is_refused():
    with pytest.raises(pipeline.TaskDefinitionError, match=r"Step.reads is 'query.sql': it must be a tuple of names, as in reads = \('query.sql',\)"):

        class Step(Task):
            reads = "query.sql"


@pytest.mark.parametrize("wrong", [object(), [object()], {"a": {1: len}}, lambda: 1])
def test_a_version_that_no_later_run_would_know_is_refused(wrong):
    with pytest.raises(pipeline.TaskDefinitionError, match="Step.version is .*: it must be a text, a number, or a tuple"):

        class Step(Task):
            version = wrong


@pytest.mark.parametrize("wrong", [int, "pickle", luigi.LocalTarget, None])
def test_a_target_type_that_is_none_is_refused_with_the_class(wrong):
    with pytest.raises(pipeline.TaskDefinitionError, match="Step: .* is no target class"):
        type("Step", (Task,), {"target_type": wrong})


def test_loading_what_was_never_made_says_what_to_do():
    with pytest.raises(targets.MissingOutputError, match=r"build Source\(\) first"):
        Source().load()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions differ")
def test_an_unwritable_store_is_named(tmp_path, monkeypatch):
    # A file where the store's folder should be: also root cannot write there.
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setattr(Task, "TARGET_DIR", str(blocked / "store"))
    run = pipeline.build(Source())
    assert run.failed == [Source()]
    with pytest.raises(targets.StoreError, match=r"the store .*blocked/store.* cannot be written"):
        raise run.outcomes[Source()].error


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system in which nobody can make a folder")
def test_a_store_where_no_folder_can_be_made_is_named(monkeypatch):
    monkeypatch.setattr(Task, "TARGET_DIR", "/proc/nowhere/store")
    run = pipeline.build(Source())
    with pytest.raises(targets.StoreError, match=r"the store /proc/nowhere/store.* cannot be written"):
        raise run.outcomes[Source()].error


@pytest.mark.parametrize("url", ["s3://", "s3:///folder", "gs://", "memory://"])
def test_an_address_that_names_no_place_is_refused(url, app, monkeypatch):
    monkeypatch.setattr(Task, "TARGET_DIR", url)
    with pytest.raises(targets.StoreError, match=rf"the store '{url}' names no .*: write "):
        pipeline.build(Source())
    assert not os.listdir(app)


RUN_PY = """
    import os
    import sys
    import luigi
    import pipeline
    from pipeline import Task
    class Step(Task):
        n = luigi.IntParameter()
        def easy_run(self, inputs):
            if self.n > 5:
                raise ValueError("too many")
            return self.n
    def get_tasks():
        return [Step(**eval(os.environ["GIVEN"]))]
    if __name__ == "__main__":
        sys.exit(pipeline.main(get_tasks))
"""


@pytest.mark.parametrize(
    ("config", "arguments", "code", "told"),
    [
        ("", ["{'n': 1}"], 0, "1 ran"),
        ("", ["{'n': 9}"], 1, "ValueError: too many"),
        ("", ["{}"], 3, "MissingParameterError: Step needs n"),
        ("", ["{'n': 'x'}"], 3, "ParameterError: Step.n is a IntParameter and cannot be 'x'"),
        ("[pipeline]\nworker = 2", ["{'n': 1}"], 3, "ConfigurationError: [pipeline] worker in luigi.cfg is no setting: did you mean 'workers'?"),
        ("[pipeline]\nworkers = two", ["{'n': 1}"], 3, "must be a number of 1 or more"),
        ("[pipeline]\nkeep_going = perhaps", ["{'n': 1}"], 3, "must be true or false"),
        ("[core]\nlogging_conf_file = nothing.cfg", ["{'n': 1}"], 3, "nothing.cfg, which is not there"),
        ("", ["{'n': 1}", "--no-such-option"], 2, "no-such-option"),
        ("", ["{'n': 1}", "--workers", "0"], 2, "workers"),
    ],
)
def test_the_exit_code_and_the_message_of_run_py(config, arguments, code, told, app):
    (app / "run.py").write_text(textwrap.dedent(RUN_PY))
    (app / "luigi.cfg").write_text(config)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPELINE_")}
    environment["GIVEN"] = arguments[0]
    done = subprocess.run([sys.executable, "run.py", *arguments[1:]], cwd=app, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr.replace("Traceback", "", 1 if code == 1 else 0)
    if code == 3:
        assert not (app / "TARGETS").exists()


@pytest.mark.parametrize(("name", "uses"), [("pipeline.py", "import targets"), ("targets.py", "import pipeline")])
def test_a_module_of_the_user_that_hides_ours_is_named(name, uses, app):
    (app / name).write_text("value = 1\n")
    code = f"import sys; sys.path.insert(0, {str(app)!r})\n{uses}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=app)
    assert done.returncode == 1
    assert "ShadowedPackageError" in done.stderr
    assert f"rename your {name}" in done.stderr


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workers": 0}, "workers is 0: it must be a whole number from 1"),
        ({"workers": True}, "workers is True"),
        ({"workers": "2"}, "workers is '2'"),
        ({"scheduler": "http://luigid"}, "scheduler is 'http://luigid': pass a scheduler"),
        ({"progress": "bar"}, "progress is 'bar': it must be True, or an observer"),
        ({"force": 5}, "force is 5: it must be tasks"),
        ({"force": [5]}, "force names 5, which is neither"),
        ({"force": int}, "force names int, which is no class of tasks"),
    ],
)
def test_an_argument_of_build_that_is_none_is_named(wrong, message):
    with pytest.raises(pipeline.PipelineError, match=message):
        pipeline.build(Source(), **wrong)


@pytest.mark.parametrize("wrong", ["record.json", "x.record.json", "../x", "a/b", "", ".x", "files", 5, "x\0"])
def test_an_extension_that_no_output_can_have_is_refused(wrong):
    kind = type("Kind", (targets.Target,), {"extension": wrong})
    with pytest.raises(pipeline.TaskDefinitionError, match="is no extension of a file"):
        type("Step", (Task,), {"target_type": kind})


@pytest.mark.parametrize(
    ("name", "wrong"), [("outputs", ["a"]), ("outputs", {1: JsonTarget}), ("reads", 5), ("reads", [5]), ("TARGET_DIR", ""), ("TARGET_DIR", 5)]
)
def test_an_attribute_that_means_nothing_is_refused(name, wrong):
    with pytest.raises(pipeline.TaskDefinitionError, match="Step"):
        type("Step", (Task,), {name: wrong})


def test_a_step_with_an_output_of_its_own_is_told_that_nobody_asks_it(caplog):
    type("Step", (Task,), {"output": lambda self: luigi.LocalTarget("x")})
    assert "Step overrides output(), which a build does not ask" in caplog.text


@pytest.mark.parametrize("value", [{"a": Source()}, [[Source()]], [Source(), 5]], ids=["in a dict", "nested", "among others"])
def test_tasks_within_something_else_are_not_passed_over(value):
    class Takes(Task):
        given = luigi.Parameter()

        def easy_run(self, inputs):
            return 1

    with pytest.raises(pipeline.PipelineError, match=r"Takes.given holds tasks within something else"):
        pipeline.build(Takes(given=value))


@pytest.mark.parametrize("package", [pipeline, targets])
def test_every_error_that_a_user_meets_has_a_public_name(package):
    errors = vars(sys.modules[f"{package.__name__}.errors"])
    own = {name for name, kind in errors.items() if isinstance(kind, type) and kind.__module__ == f"{package.__name__}.errors"}
    assert {name for name in own if not name.startswith("_")} <= {*dir(pipeline), *dir(targets)}

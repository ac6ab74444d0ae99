"""The command line: which module's tasks they are, `--module` and `run.py`."""

import json

import pytest
from command_line import ROOT, call, folder

__all__ = ["folder"]


@pytest.mark.parametrize("how", [("--module", "flow"), ("--module=flow",)])
def test_a_module_without_get_tasks_builds_its_last_steps(how, folder):
    done = call(folder, *how, "plan", "--json", program=("-m", "pipeline"))
    assert done.returncode == 0, done.stderr
    assert [row["family"] for row in json.loads(done.stdout)] == ["Ingest", "Train", "Evaluate"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--module"], "Option '--module' requires an argument"),
        (["plan", "--module", "flow"], "the command has no option '--module': --module comes before the command"),
        (["--modul", "flow"], "the command has no option '--modul': --module comes before the command"),
        (["plan", "--foce", "all"], "Did you mean"),
    ],
)
def test_an_option_in_the_wrong_place_is_told_where_it_belongs(arguments, words, folder):
    done = call(folder, *arguments, program=("-m", "pipeline"))
    assert done.returncode == 2
    assert words in done.stderr


def test_the_settings_of_a_dot_env_are_there_before_the_app_is_imported(folder):
    (folder / ".env").write_text("PIPELINE_JSON_LOG=other.jsonl\n")
    (folder / "logging.cfg").write_text((ROOT / "logging.cfg").read_text())
    (folder / "luigi.cfg").write_text("[core]\nlogging_conf_file = logging.cfg\n")
    assert call(folder, "--module", "flow", program=("-m", "pipeline")).returncode == 0
    assert (folder / "other.jsonl").exists()


def test_what_another_step_of_a_module_requires_is_not_terminal(folder):
    done = call(folder, program=("-c", "from pipeline.cli.modules import tasks_of; print(tasks_of('flow', {}))"))
    assert done.stdout == "[Evaluate(rows=3, rate=0.5)]\n", done.stderr


def test_a_module_is_run_by_default(folder):
    assert call(folder, "--module", "flow", program=("-m", "pipeline")).returncode == 0
    assert call(folder, "--module", "flow", "--force", "all", "--param", "rows=2", program=("-m", "pipeline")).returncode == 0
    assert len(list((folder / "store" / "Train").glob("*.record.json"))) == 2


def test_without_a_module_it_is_the_folders_run_py(folder, tmp_path_factory):
    assert "3 would run" in call(folder, "plan", program=("-m", "pipeline")).stdout
    nowhere = tmp_path_factory.mktemp("nowhere")
    done = call(nowhere, "plan", program=("-m", "pipeline"))
    assert done.returncode == 2
    assert "there is no run.py here" in done.stderr


def test_a_module_that_is_not_there_is_wrong_usage(folder):
    done = call(folder, "--module", "flo", "plan", program=("-m", "pipeline"))
    assert done.returncode == 2
    assert "there is no module 'flo'" in done.stderr


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("", "as in app.flow.deploy_model"),
        (".", "as in app.flow.deploy_model"),
        (".flow", "as in app.flow.deploy_model"),
        ("/", "as in app.flow.deploy_model"),
        ("../flow.py", "as in app.flow.deploy_model"),
        ("flow.py", "flow"),
        ("./flow.py", "flow"),
        ("./flow", "flow"),
        ("inner/steps.py", "inner.steps"),
    ],
)
def test_a_path_is_no_module_and_its_dotted_name_is_suggested(wrong, hint, folder):
    (folder / "inner").mkdir()
    (folder / "inner" / "steps.py").write_text("import flow\n")
    done = call(folder, "--module", wrong, "plan", program=("-m", "pipeline"))
    assert done.returncode == 2, done.stderr
    assert done.stderr.endswith(f"Error: {wrong!r} is no module: give its dotted name, {hint}\n")


def test_a_module_that_cannot_be_imported_shows_where(folder):
    (folder / "broken.py").write_text("import flow\nflow.nothing()\n")
    done = call(folder, "--module", "broken", "plan", program=("-m", "pipeline"))
    assert done.returncode == 3
    assert 'broken.py", line 2' in done.stderr


@pytest.mark.parametrize("words", [["run"], ["plan"], ["verify"]])
def test_a_module_that_ends_the_program_is_no_success(words, folder):
    (folder / "ends.py").write_text("import sys\nsys.exit(0)\n")
    (folder / "later.py").write_text("import sys\ndef get_tasks():\n    sys.exit()\n")
    for name, line in (("ends", 2), ("later", 3)):
        done = call(folder, "--module", name, *words, program=("-m", "pipeline"))
        assert (done.returncode, done.stdout) == (3, "")
        assert f'{name}.py", line {line}' in done.stderr
        assert "the app's code ends the program" in done.stderr


def test_a_module_without_steps_cannot_be_planned(folder):
    (folder / "empty.py").write_text(
        "import luigi, pipeline\nclass Needs(pipeline.Task):\n    x = luigi.Parameter()\n    def easy_run(self, inputs): return 1\n"
    )
    done = call(folder, "--module", "empty", "plan", program=("-m", "pipeline"))
    assert done.returncode == 3
    assert "Needs needs x" in done.stderr
    assert call(folder, "--module", "empty", "plan", "--param", "x=1", program=("-m", "pipeline")).returncode == 0


def test_get_tasks_of_a_module_is_used(folder):
    (folder / "chosen.py").write_text("import flow\ndef get_tasks():\n    return flow.Ingest(rows=9)\n")
    done = call(folder, "--module", "chosen", "plan", "--json", program=("-m", "pipeline"))
    assert [row["task"] for row in json.loads(done.stdout)] == ["Ingest(rows=9)"]

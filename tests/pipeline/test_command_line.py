"""The command line: which tasks, how much, exit codes; what is on standard output and what is not."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import luigi
import pytest
from command_line import RUN, command, environment, folder

import pipeline
from pipeline import Task, WrapperTask, inherit_list
from pipeline.cli.group import COMMANDS, group

__all__ = ["command", "folder"]


class Ingest(Task):
    rows = luigi.IntParameter(default=3)

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list(Ingest)
class Train(Task):
    rate = luigi.FloatParameter(default=0.5)
    kind = luigi.ChoiceParameter(choices=["ridge", "lasso"], default="ridge")

    def easy_run(self, inputs):
        return sum(inputs[0]) * self.rate


@inherit_list(Train)
class Evaluate(Task):
    def easy_run(self, inputs):
        return inputs[0]


def get_tasks():
    return [Evaluate()]


@pytest.fixture
def cli(command):
    def run(*arguments, tasks=get_tasks):
        return command(*arguments, tasks=tasks)

    return run


def call(folder, *arguments, program=("run.py",), **more):
    command = [sys.executable, *program, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder, **more), capture_output=True, text=True, timeout=120)


def ran(cli, *arguments, **options):
    code, out, err = cli(*arguments, "--json", **options)
    assert code == 0, err
    return [task["task"] for task in json.loads(out)["ran"]]


# Which command


def test_every_command_has_help_that_ends_with_an_example(cli):
    for name in COMMANDS:
        code, out, _ = cli(name, "--help")
        assert code == 0
        assert out.strip().splitlines()[-1].lstrip().startswith("Example: "), name
        assert "..." not in out.splitlines()[2], name


def test_help_lists_every_command(cli):
    code, out, _ = cli("--help")
    assert code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\w", out, re.M), name
        assert group.get_command(None, name).name == name


def test_a_command_is_imported_when_it_is_used(folder):
    done = call(
        folder,
        program=("-c", "import sys, pipeline, run; pipeline.main(run.get_tasks, ['plan'])\nprint([n for n in sys.modules if 'pipeline.cli.' in n])"),
    )
    assert "pipeline.cli.plan" in done.stdout
    assert "pipeline.cli.accept" not in done.stdout


def test_an_unknown_command_is_wrong_usage_with_a_suggestion(cli):
    code, _, err = cli("plam")
    assert code == 2
    assert "there is no command 'plam': did you mean 'plan'?" in err


def test_without_a_command_run_is_meant(cli):
    assert cli()[0] == 0
    assert cli("--workers", "1")[0] == 0
    assert Evaluate().complete()


def test_usage_says_how_it_was_called(folder):
    assert "Usage: python run.py plan" in call(folder, "plan", "--nonsense").stderr
    assert "Usage: python -m pipeline plan" in call(folder, "plan", "--nonsense", program=("-m", "pipeline")).stderr
    (folder / "myapp").mkdir()
    (folder / "myapp" / "__init__.py").touch()
    for name in ("__main__", "start"):
        (folder / "myapp" / f"{name}.py").write_text(RUN)
    assert "Usage: python -m myapp plan" in call(folder, "plan", "--nonsense", program=("-m", "myapp")).stderr
    assert "Usage: python -m myapp.start plan" in call(folder, "plan", "--nonsense", program=("-m", "myapp.start")).stderr


# Which tasks


def test_a_parameter_of_the_terminal_tasks_is_passed_down(cli):
    assert ran(cli, "--param", "rows=5", "--param", "rate=2") == [
        "Ingest(rows=5)",
        "Train(rows=5, rate=2.0, kind='ridge')",
        "Evaluate(rows=5, rate=2.0, kind='ridge')",
    ]
    assert ran(cli, "run", "--param", "rows=5", "--param", "rate=2.0") == []


def test_a_parameter_may_be_written_with_dashes_and_contain_equals_signs(cli):
    class Echo(Task):
        some_text = luigi.Parameter(default="")

        def easy_run(self, inputs):
            return self.some_text

    assert ran(cli, "--param", "some-text=a=b c", tasks=lambda: [Echo()]) == ["Echo(some_text='a=b c')"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("rws=5", "did you mean 'rows'?"),
        ("zzz=5", "there are kind, rate, rows"),
        ("rows=many", "Evaluate.rows is a IntParameter: it cannot be 'many'"),
        ("rate=", "it cannot be ''"),
        ("kind=tree", "it cannot be 'tree'"),
        ("rows", "'rows' is not NAME=VALUE"),
        ("=5", "'=5' is not NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_wrong_usage(given, words, cli, store):
    for words_before in ([], ["plan"], ["trim", "Train"]):
        code, out, err = cli(*words_before, "--param", given)
        assert code == 2
        assert words in err
        assert out == ""
    assert not store.exists()


def test_a_parameter_given_twice_is_wrong_usage(cli):
    assert cli("plan", "--param", "rows=1", "--param", "rows=2")[0] == 2


def test_a_parameter_that_no_terminal_task_has_but_a_deeper_one_does(cli):
    class Outer(WrapperTask):
        def requires(self):
            return Train()

    code, _, err = cli("plan", "--param", "rate=1", tasks=lambda: [Outer()])
    assert code == 2
    assert "Train has it, but gets it from what requires it" in err


def test_a_parameter_changes_every_terminal_task_that_has_it(cli):
    class Other(Task):
        rows = luigi.IntParameter(default=1)
        rate = luigi.IntParameter(default=1)

        def easy_run(self, inputs):
            return 1

    class Without(Task):
        def easy_run(self, inputs):
            return 1

    tasks = ran(cli, "--param", "rows=7", tasks=lambda: [Other(), Without(), Ingest()])
    assert sorted(tasks) == ["Ingest(rows=7)", "Other(rows=7, rate=1)", "Without()"]


def test_the_value_of_a_secret_parameter_is_not_shown(cli):
    class Logs(Task):
        password = pipeline.SecretParameter(default="")
        number = luigi.IntParameter(default=1, visibility=luigi.parameter.ParameterVisibility.PRIVATE)

        def easy_run(self, inputs):
            return 1

    code, out, err = cli("--param", "password=correct horse", "--json", tasks=lambda: [Logs()])
    assert code == 0
    assert "correct" not in out + err
    code, out, err = cli("--param", "number=secret", tasks=lambda: [Logs()])
    assert code == 2
    assert "secret" not in out + err


def test_until_a_family_leaves_out_what_needs_it(cli):
    assert ran(cli, "--until", "Train") == ["Ingest(rows=3)", "Train(rows=3, rate=0.5, kind='ridge')"]
    assert ran(cli) == ["Evaluate(rows=3, rate=0.5, kind='ridge')"]


def test_only_a_family_is_forced(cli):
    ran(cli)
    assert ran(cli, "--only", "Train", "--force", "all") == ["Train(rows=3, rate=0.5, kind='ridge')"]
    assert ran(cli, "--until", "Train", "--force", "all") == ["Ingest(rows=3)", "Train(rows=3, rate=0.5, kind='ridge')"]


def test_the_reason_of_what_is_forced_among_a_family_is_what_was_typed(cli):
    ran(cli)
    assert "FORCED: --force all" in cli("run", "--only", "Train", "--force", "all")[1]
    assert "--force Train" in cli("plan", "--only", "Train", "--force", "Train+")[1]
    assert ran(cli, "--only", "Train", "--force", "Train+") == ["Train(rows=3, rate=0.5, kind='ridge')"]


def test_only_a_family_makes_what_it_needs(cli):
    assert ran(cli, "--only", "Train") == ["Ingest(rows=3)", "Train(rows=3, rate=0.5, kind='ridge')"]


@pytest.mark.parametrize("option", ["--only", "--until"])
def test_an_unknown_family_is_wrong_usage(option, cli):
    code, _, err = cli("plan", option, "Trian")
    assert code == 2
    assert "did you mean 'Train'?" in err


def test_force_with_plus_runs_what_is_below(cli):
    ran(cli)
    assert ran(cli, "--force", "Train") == ["Train(rows=3, rate=0.5, kind='ridge')"]
    assert len(ran(cli, "--force", "Train+")) == 2


def test_the_reason_is_in_the_history(cli):
    from pipeline import entries, stores
    from pipeline.scope import Scope

    cli("--reason", "the quarter has ended")
    assert entries.runs(stores.of_history([Evaluate()], Scope(inside_run=True)))[0].reason == "the quarter has ended"


# Modules


@pytest.mark.parametrize("how", [("--module", "flow"), ("--module=flow",)])
def test_a_module_without_get_tasks_builds_its_last_steps(how, folder):
    done = call(folder, *how, "plan", "--json", program=("-m", "pipeline"))
    assert done.returncode == 0, done.stderr
    assert [row["family"] for row in json.loads(done.stdout)] == ["Ingest", "Train", "Evaluate"]


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


def test_requires_that_ends_the_program_is_no_success(cli):
    class Ends(WrapperTask):
        def requires(self):
            sys.exit(0)

    code, out, err = cli("plan", tasks=lambda: [Ends()])
    assert (code, out) == (3, "")
    assert "its requires() failed with SystemExit: 0" in err


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


def test_a_shell_can_complete_commands_and_options(folder):
    def complete(*words):
        more = {"_LUIGI_WARP_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["luigi-warp", *words]), "COMP_CWORD": str(len(words))}
        program = ("-c", "import sys; sys.argv[0] = 'luigi-warp'; from pipeline.cli.tool import script; script()")
        return call(folder, program=program, **more).stdout.split()

    assert complete("pl") == ["plain,plan"]
    assert "plain,--workers" in complete("run", "--w")


# Exit codes


def test_exit_codes_of_what_went_well_and_what_did_not(folder):
    assert call(folder).returncode == 0
    assert call(folder, "--param", "rate=-1").returncode == 1
    assert call(folder, "--no-such-option").returncode == 2
    assert call(folder, "--force", "Nothing").returncode == 2
    (folder / "run.py").write_text(RUN.replace("[flow.Evaluate()]", "[flow.Evaluate(rows='x')]"))
    assert call(folder).returncode == 3
    (folder / "run.py").write_text(RUN.replace("[flow.Evaluate()]", "1 / 0"))
    done = call(folder)
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    "words", [["run", "--force"], ["plan", "--force"], ["run", "--only", "Train", "--force"], ["accept", "--yes", "Ingest"], ["trim"], ["audit"]]
)
def test_a_name_that_fits_no_task_is_wrong_usage_and_nothing_is_done(words, cli, store):
    code, out, err = cli(*words, "Trian")
    assert (code, out) == (2, "")
    assert "Error: nothing that is to be built is named 'Trian': " in err
    assert "force" not in err
    assert not store.exists()


def hold(folder, *arguments):
    (folder / "hold").touch()
    process = subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=folder, env=environment(folder), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not (folder / "holding").exists():
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    return process


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_exit_codes_of_what_was_stopped(name, code, folder):
    process = hold(folder)
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == code


@pytest.mark.parametrize("workers", ["1", "2"])
def test_who_does_not_wait_is_told_that_another_run_is_at_it(workers, folder):
    process = hold(folder)
    try:
        done = call(folder, "--no-wait", "--workers", workers)
        assert done.returncode == 75, done.stderr
        assert "another run is making Train(" in done.stderr
    finally:
        (folder / "hold").unlink()
    assert process.wait(60) == 0
    assert call(folder, "--no-wait").returncode == 0


# What is said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_json_is_alone_on_standard_output(workers, folder):
    done = call(folder, "--json", "--workers", workers)
    found = json.loads(done.stdout)
    assert [task["family"] for task in found["ran"]] == ["Ingest", "Train", "Evaluate"]
    assert "printed by a step" in done.stderr
    assert "printed by a child" in done.stderr


def test_a_failure_is_in_the_json(folder):
    done = call(folder, "--json", "--param", "rate=-1")
    found = json.loads(done.stdout)
    assert (found["outcome"], found["exit_code"]) == ("failed", 1)
    assert [task["error"] for task in found["failed"]] == ["ValueError: a negative rate"]
    assert [task["family"] for task in found["skipped"]] == ["Evaluate"]


def test_quiet_says_nothing_where_all_is_well(folder):
    done = call(folder, "--quiet", "--until", "Train")
    assert (done.stdout, done.stderr) == ("", "")
    done = call(folder, "--quiet", "--param", "rate=-1")
    assert "a negative rate" in done.stdout + done.stderr


def test_to_a_pipe_there_are_no_escape_codes(folder):
    for arguments in ([], ["plan", "--force", "all"], ["--help"]):
        done = call(folder, *arguments, FORCE_COLOR="", TERM="xterm-256color")
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("fails", ["a step", "get_tasks"])
def test_to_a_pipe_there_are_none_of_an_exception(fails, folder):
    words = r"ValueError('\x1b[31min red, \0 and \x9b2J')"
    told = f"raise {words}" if fails == "get_tasks" else "return [Fails()]"
    (folder / "odd.py").write_text(
        f"from pipeline import Task\nclass Fails(Task):\n    def easy_run(self, inputs):\n        raise {words}\ndef get_tasks():\n    {told}\n"
    )
    done = call(folder, "--module", "odd", program=("-m", "pipeline"))
    assert done.returncode == (3 if fails == "get_tasks" else 1)
    assert not set("\x1b\0\x9b") & set(done.stdout + done.stderr)
    assert r"ValueError: \x1b[31min red, \x00 and \x9b2J" in (done.stderr if fails == "get_tasks" else done.stdout)


FULL = "/dev/full"


def to_a_full_disk(folder, *arguments, **more):
    with open(FULL, "w") as full:
        command = [sys.executable, "run.py", *arguments]
        return subprocess.run(command, cwd=folder, env=environment(folder, **more), stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)


@pytest.mark.skipif(not os.path.exists(FULL), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_written_has_an_exit_code_of_its_own(unbuffered, folder):
    call(folder)
    for words in ("plan", "verify", "ls --json", "history", "show Train", "log Evaluate", "doctor", "graph", "report --output -", "--help"):
        done = to_a_full_disk(folder, *words.split(), PYTHONUNBUFFERED=unbuffered)
        assert (done.returncode, done.stderr) == (74, "cannot write standard output: No space left on device\n"), words


@pytest.mark.skipif(not os.path.exists(FULL), reason="needs a file that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_run_whose_summary_cannot_be_written_has_the_code_of_its_work(unbuffered, folder):
    done = to_a_full_disk(folder, "--quiet", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "")
    done = to_a_full_disk(folder, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 0
    assert done.stderr.startswith("cannot write standard output: No space left on device\nnothing to do: 0 ran, 3 kept")
    done = to_a_full_disk(folder, "--json", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (0, "cannot write standard output: No space left on device\n")
    done = to_a_full_disk(folder, "--json", "--param", "rate=-1", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr.endswith("\ncannot write standard output: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise")
def test_a_reader_that_has_gone_hears_nothing(folder):
    call(folder)
    for words in ([], ["run", "--json"], ["plan", "--all"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        command = [sys.executable, "run.py", *words]
        done = subprocess.run(command, cwd=folder, env=environment(folder, PYTHONUNBUFFERED=""), stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        assert done.stderr == "", words
        assert done.returncode == (0 if words == [] else 1)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("arguments", ["plan", "ls", "--help", "run Nothing", "--json", ""])
def test_a_program_that_is_started_without_its_streams_runs(folder, closed, arguments):
    command = ["sh", "-c", f"{sys.executable} run.py {arguments} {closed}"]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)
    assert done.returncode == (2 if "Nothing" in arguments else 0), done.stderr
    assert "Bad file descriptor" not in done.stderr
    assert (folder / "store" / "Evaluate").is_dir() == (arguments in ("", "--json"))


def in_a_terminal(folder, *arguments, **more):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "run.py", *arguments], cwd=folder, env=environment(folder, TERM="xterm", **more), stdout=theirs, stderr=theirs, stdin=theirs
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        found += piece
    os.close(ours)
    assert process.wait(60) == 0
    return found.decode()


def test_a_terminal_gets_colour_unless_it_does_not_want_any(folder):
    assert "\x1b[33mMISSING" in in_a_terminal(folder, "plan")
    assert "\x1b[33mMISSING" not in in_a_terminal(folder, "plan", NO_COLOR="1")

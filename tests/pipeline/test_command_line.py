"""The command line: which command, which tasks, how much of them."""

import json
import re
import sys

import luigi
import pytest
from command_line import RUN, call, command, folder

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


@pytest.mark.parametrize(
    "tasks", [lambda: Evaluate(), Evaluate(), [Evaluate(), Train()], {"last": Evaluate()}], ids=["function", "task", "list", "dict"]
)
def test_main_takes_tasks_or_what_makes_them(cli, tasks):
    code, out, _ = cli("--param", "rate=2", tasks=tasks)
    assert code == 0, out
    assert Evaluate(rate=2.0).complete()


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


def test_a_shell_can_complete_commands_and_options(folder):
    def complete(*words):
        more = {"_LUIGI_WARP_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(["luigi-warp", *words]), "COMP_CWORD": str(len(words))}
        program = ("-c", "import sys; sys.argv[0] = 'luigi-warp'; from pipeline.cli.tool import script; script()")
        return call(folder, program=program, **more).stdout.split()

    assert complete("pl") == ["plain,plan"]
    assert "plain,--workers" in complete("run", "--w")


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
    assert "Train has it, from what requires it or by default: --until Train puts it in their place" in err

    code, out, _ = cli("plan", "--until", "Train", "--param", "rate=1", tasks=lambda: [Outer()])
    assert code == 0
    assert "rate=1" in out


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


@pytest.mark.parametrize(
    "words", [["run", "--force"], ["plan", "--force"], ["run", "--only", "Train", "--force"], ["accept", "--yes", "Ingest"], ["trim"], ["audit"]]
)
def test_a_name_that_fits_no_task_is_wrong_usage_and_nothing_is_done(words, cli, store):
    code, out, err = cli(*words, "Trian")
    assert (code, out) == (2, "")
    assert "Error: nothing that is to be built is named 'Trian': " in err
    assert "force" not in err
    assert not store.exists()


def test_requires_that_ends_the_program_is_no_success(cli):
    class Ends(WrapperTask):
        def requires(self):
            sys.exit(0)

    code, out, err = cli("plan", tasks=lambda: [Ends()])
    assert (code, out) == (3, "")
    assert "its requires() failed with SystemExit: 0" in err


def test_a_graph_is_not_written_as_what_its_file_says_that_it_is_not(cli, tmp_path):
    assert cli("graph", "--output", str(tmp_path / "graph.png"))[0] == 2
    assert not (tmp_path / "graph.png").exists()

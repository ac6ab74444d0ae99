"""A secret is in nothing that a person or another program could read."""

import json
import logging
import pathlib
import pickle
import shlex
import subprocess
import sys

import luigi
import pytest
from command_line import environment

import pipeline
from pipeline import SecretParameter, Task, secrets

PASSWORD = "correct-horse-battery"


class Fetch(Task):
    password = SecretParameter()
    table = luigi.Parameter(default="t")

    def easy_run(self, inputs):
        logging.getLogger("app").warning("connecting with %s", self.password)
        return f"{self.table}: {len(self.password)}"


class FetchByPassword(Fetch):
    password = SecretParameter(significant=True)


class Careless(Fetch):
    def easy_run(self, inputs):
        raise ValueError(f"cannot log in with {self.password}")


class Configured(Fetch):
    password = SecretParameter(default=PASSWORD)


class Asks(Task):
    def easy_run(self, inputs):
        return (yield Configured())


def everything_in(folder):
    for path in pathlib.Path(folder).rglob("*"):
        yield str(path).encode()
        if path.is_file():
            yield path.read_bytes()


@pytest.mark.parametrize("task", [Fetch(password=PASSWORD), FetchByPassword(password=PASSWORD), Asks()])
def test_it_is_in_no_file_of_the_store_and_in_no_log(task, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    assert pipeline.build(task).ok
    assert pipeline.build(task).ran == []

    assert not [text for text in everything_in(task.store.url) if PASSWORD.encode() in text]
    assert PASSWORD not in caplog.text
    assert "connecting with ***" in caplog.text
    out, err = capfd.readouterr()
    assert PASSWORD not in out + err
    assert PASSWORD not in repr(task)


@pytest.mark.parametrize("workers", [1, 2])
def test_it_is_in_no_failure(workers, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    task = Careless(password=PASSWORD)
    run = pipeline.build([task, Fetch(password=PASSWORD)], workers=workers)

    assert "cannot log in with ***" in run.summary_text
    assert PASSWORD not in run.summary_text + caplog.text + "".join(capfd.readouterr())


def test_steps_can_use_it():
    task = Fetch(password=PASSWORD)
    assert task.password == PASSWORD
    assert f"x{task.password}" == f"x{PASSWORD}"
    assert pickle.loads(pickle.dumps(task.password)) == PASSWORD


def test_another_password_makes_no_other_output():
    assert Fetch(password="one").key == Fetch(password="two").key


def test_unless_it_is_significant(monkeypatch):
    assert FetchByPassword(password="one").key != FetchByPassword(password="two").key
    before = FetchByPassword(password="one").key
    monkeypatch.setenv(secrets.SALT, "salt of ours")
    secrets.hashed.cache_clear()
    luigi.Task.clear_instance_cache()
    assert FetchByPassword(password="one").key != before


def test_the_key_does_not_hold_what_is_hashed():
    from pipeline import keys

    assert PASSWORD.encode() not in keys.encode(secrets.Secret(PASSWORD))
    assert keys.encode(secrets.Secret(PASSWORD)) != keys.encode(PASSWORD)


def test_a_wrong_value_is_not_shown():
    class Number(luigi.IntParameter):
        pass

    class Wrong(Task):
        pin = Number(visibility=luigi.parameter.ParameterVisibility.PRIVATE)

    with pytest.raises(pipeline.ParameterError) as caught:
        Wrong(pin=PASSWORD)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("secret", ["it's one", 'of "quotes"', "both ' and \"", "back\\slash", "with\nlines\tand \x1b", "größer"])
def test_it_is_found_where_it_was_escaped(secret):
    secrets.remembered(secret)
    for around in ("{}", "' {}", '" {}', "'\" {}"):
        text = around.format(secret)
        for written in (text, repr(text), repr([text]), json.dumps(text), json.dumps(text, ensure_ascii=False)):
            assert secrets.redact(written).count("***") == 1, written


@pytest.mark.parametrize("secret", ["BATTERY'S x", "BATTERY' and \"", "BATTERY\\staple"])
def test_it_is_in_no_command_of_the_history(secret, tmp_path):
    app = "class Uses(pipeline.Task):\n    token = pipeline.SecretParameter(default='')\n    def easy_run(self, inputs):\n        return 1\n"
    (tmp_path / "flow.py").write_text(f"import pipeline\n{app}")

    def call(*arguments):
        command = [sys.executable, "-m", "pipeline", "--module", "flow", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=True).stdout

    call("run", "--param", f"token={secret}")
    command = json.loads(call("history", "last", "--json"))["command"]
    assert shlex.split(command)[-2:] == ["--param", "token=***"]
    call("report", "--output", "report.html")
    assert not [content for content in everything_in(tmp_path) if b"BATTERY" in content]


GIVES = {
    "get_tasks fails": "raise ValueError('bad ' + str(token))",
    "get_tasks says what is wrong": "raise pipeline.ConfigurationError('bad ' + token)",
    "get_tasks refuses what was given": "raise click.BadParameter('bad ' + token, param_hint=token)",
    "requires fails": "return [Requires()]",
    "complete fails": "return [Complete()]",
    "what nobody foresees": "return [Odd()]",
}
BAD = """
import click, luigi, pipeline

class Requires(pipeline.Task):
    def requires(self):
        raise KeyError("bad " + token)

class Complete(luigi.Task):
    def complete(self):
        raise ValueError("bad " + token)

class Odd(pipeline.Task):
    def clone(self, *args, **values):
        raise ValueError("bad " + token)
    x = luigi.Parameter(default="")

def get_tasks():
    global token
    token = pipeline.secrets.remembered("BATTERY'S staple")
"""


@pytest.mark.parametrize("words", GIVES)
def test_it_is_in_no_error_of_a_command(words, tmp_path):
    (tmp_path / "flow.py").write_text(f"{BAD}    {GIVES[words]}\n")
    command = [sys.executable, "-m", "pipeline", "--module", "flow", "plan", *(["--param", "x=1"] if "nobody" in words else [])]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120)
    assert done.returncode == {"get_tasks refuses what was given": 2, "what nobody foresees": 1, "complete fails": 0}.get(words, 3), done.stderr
    assert "bad ***" in done.stdout + done.stderr
    assert "BATTERY" not in done.stdout + done.stderr

"""Settings: `[pipeline]` in luigi.cfg, the environment before it; where the store is."""

import logging

import luigi
import pytest

import pipeline
import targets
from pipeline import Task, settings
from pipeline.errors import ConfigurationError


class Step(Task):
    def easy_run(self, inputs):
        return 1


@pytest.fixture
def nothing_set(monkeypatch, tmp_path):
    monkeypatch.setattr(Task, "TARGET_DIR", None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_need_no_file(nothing_set):
    assert settings.read({}) == settings.Settings(target_dir="TARGETS", workers=1, keep_going=True)


def test_the_environment_comes_before_the_file(nothing_set):
    config = luigi.configuration.get_config()
    config.set("pipeline", "workers", "3")
    config.set("pipeline", "keep-going", "no")
    assert settings.read({}) == settings.Settings(workers=3, keep_going=False)
    assert settings.read({"PIPELINE_WORKERS": "4"}).workers == 4


def test_the_store_is_the_first_that_is_named(nothing_set, monkeypatch):
    assert Step().store.url == str(nothing_set / "TARGETS")
    luigi.configuration.get_config().set("pipeline", "target_dir", "from_file")
    assert Step().store.url == str(nothing_set / "from_file")
    monkeypatch.setenv("PIPELINE_TARGET_DIR", "from_environment")
    assert Step().store.url == str(nothing_set / "from_environment")
    monkeypatch.setattr(Step, "TARGET_DIR", "from_code")
    assert Step().store.url == str(nothing_set / "from_code")


def test_a_store_behind_a_url_works(monkeypatch, ran):
    monkeypatch.setattr(Task, "TARGET_DIR", "memory://bucket/store")

    class Use(Task):
        def requires(self):
            return Step()

        def easy_run(self, inputs):
            (self.task_directory / "side").write_text("x")
            return inputs

    assert ran(Use()) == ["Step", "Use"]
    assert ran(Use()) == []
    Step().remove()
    assert ran(Use()) == ["Step"]
    assert Use().target.path.startswith("memory://bucket/store/Use/")


def test_workers_come_from_the_settings(monkeypatch):
    import os

    class Where(Task):
        def easy_run(self, inputs):
            return os.getpid()

    monkeypatch.setenv("PIPELINE_WORKERS", "2")
    pipeline.build(Where())
    assert Where().load() != os.getpid()


def test_a_store_that_needs_another_package_names_its_extra(monkeypatch):
    import importlib.util

    if importlib.util.find_spec("s3fs"):
        pytest.skip("s3fs is installed here")
    monkeypatch.setattr(Task, "TARGET_DIR", "s3://bucket/store")
    with pytest.raises(targets.MissingExtraError, match=r"pip install 'luigi-warp\[s3\]'"):
        Step().load()


def test_names_may_have_dashes_and_a_misspelt_one_is_named():
    config = luigi.configuration.get_config()
    config.read_string("[pipeline]\nkeep-going = no\n")
    assert settings.read({}).keep_going is False
    config.read_string("[pipeline]\nkeep_go-ing = no\n")
    with pytest.raises(ConfigurationError, match="keep_go_ing .*did you mean 'keep_going'"):
        settings.read({})


def test_a_section_that_cannot_be_read_is_named():
    luigi.configuration.get_config().read_string("[pipeline]\ntarget_dir = 100%\n")
    with pytest.raises(ConfigurationError, match=r"\[pipeline\] in luigi.cfg cannot be read: .*%"):
        settings.read({})


def test_a_store_that_is_named_by_nothing_is_none(nothing_set, monkeypatch):
    """`${UNSET}` is empty; as a directory it would be the current one, with all that lies there."""
    monkeypatch.setenv("PIPELINE_TARGET_DIR", "")
    assert settings.target_dir() == "TARGETS"
    luigi.configuration.get_config().set("pipeline", "target_dir", "from_file")
    assert settings.target_dir() == "from_file"
    luigi.configuration.get_config().set("pipeline", "target_dir", "")
    with pytest.raises(ConfigurationError, match="a directory or a URL"):
        settings.target_dir()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("on_code_change", "x", "rerun or warn or ignore"),
        ("on_library_change", "", "rerun or warn or ignore"),
        ("engine", "thread", "inline or processes"),
        ("lease", "0", "0.1 or more"),
        ("lease", "-1", "0.1 or more"),
        ("lease", "nan", "0.1 or more"),
    ],
)
def test_a_wrong_value_is_refused_before_it_bites(name, value, wanted, monkeypatch, store):
    with pytest.raises(ConfigurationError, match=f"PIPELINE_{name.upper()} is '{value}', and must be .*{wanted}"):
        settings.read({f"PIPELINE_{name.upper()}": value})
    monkeypatch.setenv(f"PIPELINE_{name.upper()}", value)
    with pytest.raises(ConfigurationError, match=wanted):
        pipeline.build(Step())
    assert not store.exists()


def test_the_default_engine_can_be_said_by_nothing():
    assert settings.read({"PIPELINE_ENGINE": ""}).engine == ""


@pytest.fixture
def nothing_told(monkeypatch):
    monkeypatch.setattr(settings, "_told", set())


def test_a_misspelt_name_in_the_environment_is_warned_of_once(nothing_told, caplog):
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        assert settings.read({"PIPELINE_WORKER": "4"}).workers == 1
        settings.read({"PIPELINE_WORKER": "4"})
    assert [record.getMessage() for record in caplog.records] == [
        "PIPELINE_WORKER in the environment is no setting, and is ignored: did you mean PIPELINE_WORKERS?"
    ]


def test_what_other_programs_say_in_the_environment_is_theirs(nothing_told, caplog):
    names = ["SIGNING_KEY", "SIGNING_KEY_FILE", "SECRET_SALT", "JSON_LOG", "TEST_HEAVY", "WORKSPACE", "ID", "FOO"]
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        settings.read({f"PIPELINE_{name}": "1" for name in names})
    assert not caplog.records


@pytest.fixture
def toml(nothing_set, monkeypatch):
    """Write luigi.toml, and have it read."""
    pytest.importorskip("toml")
    parser = luigi.configuration.LuigiTomlParser
    monkeypatch.setenv("LUIGI_CONFIG_PARSER", "toml")
    monkeypatch.setattr(parser, "_config_paths", ["luigi.toml"])

    def write(text):
        (nothing_set / "luigi.toml").write_text(text)
        monkeypatch.setattr(parser, "_instance", None)

    return write


def test_settings_may_be_in_a_toml_file(toml, nothing_set):
    toml('[pipeline]\ntarget_dir = "from_file"\nworkers = 3\nkeep-going = false\ngrace = 2\n')
    assert settings.read({}) == settings.Settings(target_dir="from_file", workers=3, keep_going=False, grace=2.0)
    assert settings.read({"PIPELINE_WORKERS": "4"}).workers == 4
    assert Step().store.url == str(nothing_set / "from_file")
    toml("")
    assert settings.read({}) == settings.Settings()


@pytest.mark.parametrize(
    "line", ["wrokers = 3", "workers = 0", 'workers = "many"', "target_dir = 5", 'project = ["one", "two"]', "on_code_change = 1"]
)
def test_what_is_wrong_in_a_toml_file_is_refused(toml, line):
    toml(f"[pipeline]\n{line}\n")
    with pytest.raises(ConfigurationError, match=rf"^\[pipeline\] {line.split()[0]} in luigi\.toml"):
        settings.read({})


def test_parameters_may_be_in_a_toml_file(toml):
    class Configured(Task):
        rate = luigi.FloatParameter(default=0.5)
        names = luigi.ListParameter(default=[])

        def easy_run(self, inputs):
            return self.rate

    toml("[Configured]\nrate = 0.7\n")
    assert Configured().rate == 0.7
    toml("")
    assert Configured().rate == 0.5

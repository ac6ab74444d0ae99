"""The project as a user gets it: the example app, the wheel, the packages' arrows, what importing costs."""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent


def environment_for(folder, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "PIPELINE_"))}
    places = {"PIPELINE_TARGET_DIR": "store", "PIPELINE_JSON_LOG": "log.jsonl", "APP_DEPLOY_DIR": "deployed"}
    return {**clean, **{name: str(folder / place) for name, place in places.items()}, **environment}


def run_app(folder, *arguments, **environment):
    command = [sys.executable, "run.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment_for(folder, **environment), capture_output=True, text=True)


def test_the_example_trains_evaluates_and_deploys_once(tmp_path):
    first = run_app(tmp_path)
    assert first.returncode == 0, first.stderr
    assert "4 ran, 0 kept" in first.stdout
    assert (tmp_path / "deployed" / "model.pkl").stat().st_size > 0
    metrics = json.loads(next((tmp_path / "store").rglob("*.metrics.json")).read_text())
    assert metrics["r2"] > 0.3
    assert "<svg" in next((tmp_path / "store").rglob("*.plot.svg")).read_text()
    assert "0 ran, 4 kept" in run_app(tmp_path).stdout
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert any(line["message"] == lines[-1]["message"] and line["logger"] == "pipeline" for line in lines)


def test_a_setting_redoes_only_what_depends_on_it(tmp_path):
    run_app(tmp_path)
    assert "3 ran, 1 kept" in run_app(tmp_path, APP_MODEL_L2="5").stdout
    assert "1 ran, 3 kept" in run_app(tmp_path, APP_LEAST_R2="0.31").stdout


def test_a_model_below_the_criterion_is_not_deployed(tmp_path):
    done = run_app(tmp_path, APP_LEAST_R2="0.99")
    assert done.returncode == 0
    assert not (tmp_path / "deployed").exists()
    stored = [path for path in (tmp_path / "store" / "DeployModel").iterdir() if path.suffixes == [".json"]]
    assert json.loads(stored[0].read_text())["deployed"] is False


def test_nothing_heavy_is_imported_when_nothing_runs(tmp_path):
    run_app(tmp_path)
    code = """
import sys, run, pipeline
code = pipeline.main(run.get_tasks, [])
print(code, [name for name in ("pandas", "sklearn", "pyarrow", "numpy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment_for(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_arrows_point_one_way():
    for package, forbidden in (("targets", ("pipeline", "app")), ("pipeline", ("app",))):
        for path in (ROOT / package).rglob("*.py"):
            for line in path.read_text().splitlines():
                words = line.split()
                if len(words) > 1 and words[0] in ("import", "from"):
                    assert words[1].split(".")[0] not in forbidden, f"{path.relative_to(ROOT)}: {line}"


def test_every_module_says_what_it_promises():
    import ast

    for package in ("targets", "pipeline", "app"):
        for path in (ROOT / package).rglob("*.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), path.relative_to(ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check", "-w", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("luigi_warp-*.whl"))


def test_the_wheel_holds_our_two_packages_only(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeline", "targets"}
    assert {"pipeline/py.typed", "targets/py.typed", "targets/formats/pickling.py"} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_has_the_example_as_it_is(wheel):
    from pipeline.cli import example

    names = list(example.names(ROOT))
    assert "app/flow/ingestion.py" in names
    with zipfile.ZipFile(wheel) as archive:
        for name in names:
            assert archive.read(f"pipeline/{example.COPY}/{name}") == (ROOT / name).read_bytes(), name
        copies = [name for name in archive.namelist() if name.startswith(f"pipeline/{example.COPY}/")]
    assert len(copies) == len(names)


def test_the_installed_script_writes_an_app_and_runs_it(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--target", str(site), str(wheel)], check=True
    )
    environment = environment_for(tmp_path, PYTHONPATH=str(site), PIPELINE_JSON_LOG="")
    done = subprocess.run([str(site / "bin" / "luigi-warp"), "new", "myapp"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "luigi-warp>=" in (tmp_path / "myapp" / "requirements.txt").read_text()
    done = subprocess.run([str(site / "bin" / "luigi-warp"), "plan"], cwd=tmp_path / "myapp", env=environment, capture_output=True, text=True)
    assert "4 would run" in done.stdout, done.stderr


def test_the_wheel_works_from_an_empty_folder(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--target", str(site), str(wheel)], check=True
    )
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "go.py").write_text(
        "import pipeline, targets\n"
        "assert 'site' in pipeline.__file__ and 'site' in targets.__file__\n"
        "class Step(pipeline.Task):\n"
        "    def easy_run(self, inputs):\n"
        "        return 41\n"
        "run = pipeline.build(Step())\n"
        "assert run.ok and Step().load() == 41\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    environment.pop("PIPELINE_TARGET_DIR", None)
    done = subprocess.run([sys.executable, "go.py"], cwd=tmp_path / "empty", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "empty" / "TARGETS" / "Step").is_dir()


def test_required_packages_have_lower_bounds():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all(">=" in requirement for requirement in project["dependencies"])

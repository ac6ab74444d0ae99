"""`luigi-warp new`: an app of the example's shape, which runs and passes its own test at once."""

import json
import os
import pathlib
import re
import stat
import subprocess
import sys

import pytest
from command_line import ROOT, environment

from pipeline.cli import example

CHANGED = {"Dockerfile", ".dockerignore"}


def new(folder, *arguments, expect=0):
    command = [sys.executable, "-m", "pipeline", "new", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def made(tmp_path):
    assert "Next: cd myapp" in new(tmp_path, "myapp")
    return tmp_path / "myapp"


def test_its_files_are_those_of_the_example(made):
    names = list(example.names(ROOT))
    assert {"run.py", "Dockerfile", "app/flow/deploy_model.py", "app/functions/regression.py", "logging.cfg"} <= set(names)
    for name in names:
        if name not in CHANGED:
            assert (made / name).read_bytes() == (ROOT / name).read_bytes(), name
    written = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert written == set(names) | {"README.md", "requirements.txt", "tests/test_app.py"}
    assert (made / "requirements.txt").read_text().startswith("luigi-warp")
    assert "# myapp" in (made / "README.md").read_text()


def test_it_runs_and_passes_its_own_test(made, tmp_path):
    env = environment(tmp_path, PIPELINE_JSON_LOG="", APP_DEPLOY_DIR=str(tmp_path / "deployed"))
    done = subprocess.run([sys.executable, "run.py", "--json"], cwd=made, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["ran"]) == 4
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=made, env=env, capture_output=True, text=True, timeout=120
    )
    assert "1 passed" in done.stdout, done.stdout


def test_its_image_is_built_of_what_is_there(made):
    """No docker here: each COPY names files that exist and that .dockerignore lets through, and nothing is installed but what is required."""
    text = (made / "Dockerfile").read_text()
    let_through = {line[1:] for line in (made / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.M) for word in line.split()[:-1]]
    assert {"requirements.txt", "run.py", "app"} <= set(copied)
    for name in copied:
        assert (made / name).exists(), name
        assert name in let_through, name
    assert "pip install --no-cache-dir --disable-pip-version-check -r requirements.txt\n" in text
    assert let_through == set(copied)


@pytest.mark.parametrize("name", ["my-app", "1app", "class", "a/b", "", ".", "pipeline", "../up"])
def test_what_is_no_name_is_refused(name, tmp_path):
    assert "NAME" in new(tmp_path, name, expect=2)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_would_do_is_suggested(tmp_path):
    assert "'my_app' would do" in new(tmp_path, "my-app", expect=2)


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_what_exists_is_left_alone(what, tmp_path):
    place = tmp_path / "myapp"
    {"folder": place.mkdir, "file": place.touch, "link": lambda: place.symlink_to("nowhere")}[what]()
    assert "exists already" in new(tmp_path, "myapp", expect=2)
    assert [path.name for path in tmp_path.iterdir()] == ["myapp"]
    assert what != "folder" or list(place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path):
    tmp_path.chmod(0o500)
    assert "myapp cannot be written" in new(tmp_path, "myapp", expect=3)


def test_others_may_read_it_as_far_as_the_umask_says(tmp_path):
    before = os.umask(0o022)
    try:
        new(tmp_path, "myapp")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "myapp").stat().st_mode) == 0o755
    assert isinstance(tmp_path / "myapp", pathlib.Path)

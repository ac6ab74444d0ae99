"""Every block of code of the documentation runs, in the order of its page.

Python blocks of a page are one program; in the tutorial, one that begins with the name of a file is written to it. Shell blocks (`sh`) are
one script, which runs beside a copy of the example app. What needs something that a test does not have (Docker, cron, hours) is marked
`console` there.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(page, *languages):
    found = re.findall(r"```(\w+)[^\n]*\n(.*?)```", page.read_text(), re.DOTALL)
    return [(language, text) for language, text in found if language in languages]


@pytest.fixture
def shell(tmp_path):
    """Run a script where `python`, `luigi-warp` and `pip` are what they are for a user who has luigi-warp installed."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, command in {"python": "", "luigi-warp": " -m pipeline", "luigi": " -m luigi"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{command} "$@"\n')
        (programs / name).chmod(0o755)
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(script):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIPELINE_", "LUIGI_"))}
        environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["bash", "-e", "-o", "pipefail"], input=script, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    run.folder = folder
    return run


WITH_PYTHON = [page for page in PAGES if blocks_of(page, "python") and page != TUTORIAL]
WITH_SHELL = [page for page in PAGES if blocks_of(page, "sh", "bash", "shell") and page != TUTORIAL and page.name != "README.md"]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, tmp_path):
    (tmp_path / "page.py").write_text("\n\n".join(text for _, text in blocks_of(page, "python")))
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_steps_of_the_page_about_steps_build(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "steps.md").read_text(), re.DOTALL)
    check = """
import pipeline
run = pipeline.build([Grid(), UntilEnough(), Publish()])
assert run.ok, run
assert Grid().load()[1].startswith('50 rows')
"""
    (tmp_path / "page.py").write_text("\n\n".join([*blocks, check]))
    done = subprocess.run([sys.executable, "page.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize("page", WITH_SHELL, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page, shell):
    shutil.copytree(ROOT / "app", shell.folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run.py", "luigi.cfg", "logging.cfg"):
        shutil.copy(ROOT / name, shell.folder)
    # Pages speak of runs that there were.
    shell("\n".join(["python run.py", "python run.py", *(text for _, text in blocks_of(page, "sh", "bash", "shell"))]))


@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
def test_the_tutorial(shell):
    script = []
    for language, text in blocks_of(TUTORIAL, "sh", "python"):
        first = text.splitlines()[0]
        if language == "sh":
            script.append(text)
        elif first.endswith(".py"):
            script.append(f"cat > {first.removeprefix('# ')} <<'END'\n{text}END")
        else:  # what the app has already
            shown = [line.strip() for line in text.splitlines()[1:] if line.strip()]
            assert all(line in (ROOT / first.split()[1].rstrip(",")).read_text() or "FloatParameter" in line for line in shown)
    said = shell("\n".join(script))
    for words in ("4 would run; 0 kept", "4 ran, 0 kept", "0 ran, 4 kept", "app.functions.regression.fit changed", "1 ran, 3 kept", "R2 0."):
        assert words in said, f"{words!r} is not in\n{said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_other_pages_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link

"""`new`: an app of one's own, in the shape of the example.

Promises: the whole app or nothing is written; what exists already is left alone. The files are those of the example, byte by byte, but for where the
image gets luigi-warp from.
"""

from __future__ import annotations

import importlib.metadata
import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path

import click

from pipeline.cli import example
from pipeline.errors import OutputFileError, PipelineError

_TAKEN = ("pipeline", "targets", "luigi")
_TEMPLATE = Path(__file__).parent / "template"


@click.command(epilog="Example: luigi-warp new myapp && cd myapp && python run.py")
@click.argument("name")
def new(name: str) -> int:
    """Write a new app into the folder NAME: the example's steps, settings, Dockerfile, and a test that passes."""
    _insist_on(name)
    source = example.root()
    if source is None:
        raise PipelineError("this installation has no example to copy: pip install luigi-warp anew, from a wheel or from its repository")
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{name}-", dir="."))
        try:
            _write(source, folder, name)
            folder.chmod(0o777 & ~_umask())
            # Fails where the name has been taken meanwhile by anything but an empty folder.
            folder.rename(name)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise OutputFileError(f"{name} cannot be written: {error}") from error
    click.echo(f"{name} is there. Next: cd {name} && pip install -r requirements.txt && python run.py")
    return 0


def _insist_on(name: str) -> None:
    if not name.isidentifier() or keyword.iskeyword(name):
        close = re.sub(r"\W+", "_", name).strip("_")
        hint = f": {close!r} would do" if close.isidentifier() and not keyword.iskeyword(close) else ""
        raise click.BadParameter(f"{name!r} is no name that Python can have{hint}", param_hint="NAME")
    if name in _TAKEN:
        raise click.BadParameter(f"a folder {name!r} would hide the package of that name: choose another", param_hint="NAME")
    if os.path.lexists(name):
        raise click.BadParameter(f"{name} exists already: choose another name, or move it away", param_hint="NAME")


def _write(source: Path, folder: Path, name: str) -> None:
    example.copy(source, folder)
    for place, change in (("Dockerfile", _dockerfile), (".dockerignore", _dockerignore)):
        (folder / place).write_text(change((folder / place).read_text("utf-8")), "utf-8")
    (folder / "requirements.txt").write_text(f"{_ourselves()}\n", "utf-8")
    (folder / "README.md").write_text((_TEMPLATE / "README.md").read_text("utf-8").replace("{name}", name), "utf-8")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_app.py").write_bytes((_TEMPLATE / "tests" / "test_app.py").read_bytes())


def _dockerfile(text: str) -> str:
    """Of the example, which lies beside our own sources: install a release instead."""
    text = _replaced(text, r"COPY pyproject\.toml .*?COPY targets \./targets\n", "COPY requirements.txt ./\n")
    return _replaced(text, r"(pip install [^\n]*) \.\n", r"\1 -r requirements.txt\n")


def _dockerignore(text: str) -> str:
    return _replaced(text, r"!pyproject\.toml\n!README\.md\n!LICENSE\n", "!requirements.txt\n").replace("!pipeline\n!targets\n", "")


def _replaced(text: str, pattern: str, other: str) -> str:
    changed, count = re.subn(pattern, other, text, flags=re.DOTALL)
    if count != 1:
        raise PipelineError(f"the example's files are not as `new` knows them ({pattern}): this is a mistake in luigi-warp, please report it")
    return changed


def _ourselves() -> str:
    try:
        return f"luigi-warp>={importlib.metadata.version('luigi-warp')}"
    except importlib.metadata.PackageNotFoundError:
        return "luigi-warp"


def _umask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now

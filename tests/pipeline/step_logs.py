"""Steps that print and log, and what their logs say, for the tests of step logs."""

import logging
import os
import pathlib
import subprocess
import sys

import luigi
import pytest

import pipeline
from pipeline import Task

ROOT = pathlib.Path(pipeline.__file__).parent.parent
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs memory files whose pages can be given back")


class Speaks(Task):
    """Says all that a step can say, in this order."""

    n = luigi.IntParameter(default=0)
    fails = luigi.BoolParameter(default=False, significant=False)

    def easy_run(self, inputs):
        print("printed", self.n)
        print("to standard error", file=sys.stderr)
        logging.getLogger("app").warning("logged %d", self.n)
        subprocess.run(["sh", "-c", "echo by a child; echo by a child, too >&2"], check=True)
        os.write(1, b"by a library\n")
        if self.fails:
            raise ValueError(f"failed {self.n}")
        return self.n


SAID = ["printed 0", "to standard error", "logged 0", "by a child", "by a child, too", "by a library"]


class Silent(Task):
    n = luigi.IntParameter(default=0)

    def easy_run(self, inputs):
        return self.n


def logs_of(store):
    return sorted(pathlib.Path(store).rglob("*.log"))


def said(text):
    return [next((words for words in SAID if line.endswith(words)), line) for line in text.splitlines()]


def script(folder, text, *arguments, code=0, **environment):
    """Run a program whose standard streams are files of its own; its standard output and standard error."""
    (folder / "none.cfg").touch()
    (folder / "program.py").write_text("import os, sys, time, logging, subprocess, luigi, pipeline\nfrom pipeline import Task\n" + text)
    known = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg", "PIPELINE_TARGET_DIR": "store", **environment}
    done = subprocess.run([sys.executable, "program.py", *arguments], cwd=folder, env=known, capture_output=True, text=True, timeout=60)
    assert code is None or done.returncode == code, done.stderr
    return done.stdout, done.stderr

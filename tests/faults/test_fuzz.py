"""Whatever lies in a file that is parsed: the parser refuses it with an exception that it declares, and with no other (see `fuzzing.py`)."""

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

from . import fuzzing

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
#: A minute over all; two at a time.
SECONDS = 60 * HEAVY // len(fuzzing.PARSERS)


@pytest.fixture(scope="module", autouse=True)
def atheris():
    if importlib.util.find_spec("atheris") is None:
        if os.environ.get("PIPELINE_TEST_ROOT_TOOLS") == "1":
            pytest.fail("atheris is not installed, and PIPELINE_TEST_ROOT_TOOLS=1 says that it must be there")
        pytest.skip("needs the package atheris, which has wheels for some versions of Python only")


def start(name, folder):
    corpus = folder / name
    corpus.mkdir()
    log = (folder / f"{name}.log").open("w")
    with log:
        command = [sys.executable, "-m", "tests.faults.fuzzing", name, str(SECONDS), str(corpus)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg"}
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


@pytest.mark.parametrize("names", [list(fuzzing.PARSERS)[at : at + 2] for at in range(0, len(fuzzing.PARSERS), 2)], ids="-".join)
def test_parsers_raise_declared_exceptions_only(names, tmp_path):
    running = {name: start(name, tmp_path) for name in names}
    try:
        for name, process in running.items():
            process.wait(SECONDS * 10 + 120)
            said = (tmp_path / f"{name}.log").read_text(errors="replace")
            assert process.returncode == 0, said[-6000:]
            done = re.search(r"Done (\d+) runs in", said)
            assert done, said[-6000:]
            assert int(done[1]) > 100, said[-6000:]
    finally:
        for process in running.values():
            process.kill()
            process.wait()


def test_a_parser_that_lets_another_exception_out_is_caught(tmp_path):
    """What the test above would say of a parser that trusts its file."""
    code = (
        "import json, sys; from tests.faults import fuzzing\n"
        "fuzzing.PARSERS['naive'] = lambda: (lambda data: json.loads(data)['at'], [b'{\"at\": 1}'])\n"
        f"fuzzing.main('naive', '20', {str(tmp_path)!r})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert ended.returncode != 0
    assert "Uncaught Python exception" in ended.stdout + ended.stderr

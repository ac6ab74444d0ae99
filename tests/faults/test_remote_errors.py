"""An object store that does not answer, or whose bucket is not there: one line that says so, and never a store that looks empty."""

import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from targets import JsonTarget, StoreError
from targets.opening import open_store
from targets.place import Place
from targets.reading import verified_file

from . import s3

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = ["run", "plan", "ls", "doctor", "history", "verify", "log Step", "resign"]
APP = """
import sys, pipeline
from pipeline import Task
from targets import JsonTarget

class Step(Task):
    target_type = JsonTarget
    def easy_run(self, inputs):
        return 1

sys.exit(pipeline.main(lambda: [Step()]))
"""


@pytest.fixture(scope="module")
def server():
    with s3.server("filled"):
        yield


@pytest.fixture
def command(tmp_path):
    def run(arguments, url, **more):
        (tmp_path / "run.py").write_text(APP)
        settings = {"PYTHONPATH": str(ROOT), "PIPELINE_TARGET_DIR": url, "PIPELINE_SIGNING_KEY": "k" * 40, "AWS_MAX_ATTEMPTS": "1", **more}
        program = [sys.executable, "run.py", *arguments.split()]
        done = subprocess.run(program, cwd=tmp_path, env={**os.environ, **settings}, capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, [line for line in done.stderr.splitlines() if "botocore" not in line]

    return run


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_bucket_that_is_not_there_is_named(arguments, server, command):
    code, out, err = command(arguments, "s3://nothing/x")
    assert (code, out) == (3, "")
    assert err == ["StoreError: the store s3://nothing/x is not there: there is no bucket 'nothing'. Make it, or correct the store's address"]


def test_a_bucket_in_which_nothing_is_yet_serves(server, command):
    url = f"s3://filled/{uuid.uuid4().hex}"
    assert command("ls", url)[1] == "0 outputs, 0 B\n"
    assert command("history", url)[0] == 0
    assert command("verify", url)[0] == 0
    assert command("doctor", url)[:2] == (0, "nothing is wrong\n")
    assert command("run", url)[0] == 0
    assert command("ls", url)[1].endswith("1 output, 1 B\n")


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_server_that_is_not_there_is_named(arguments, command):
    pytest.importorskip("s3fs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"  # nobody listens there
        code, out, err = command(arguments, "s3://bucket/x", AWS_ENDPOINT_URL=address, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    assert (code, out) == (3, "")
    assert len(err) == 1
    assert err[0].startswith("StoreError: the store s3://bucket/x does not answer as it should: EndpointConnectionError: ")


@pytest.mark.parametrize("size", [1, 3 << 20])
def test_a_server_that_goes_away_is_no_damage(size, monkeypatch):
    """Also where a large output is read in pieces."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3.server("bucket"):
        target = JsonTarget(Place(open_store(f"s3://bucket/{uuid.uuid4().hex}"), f"Step/x-{1:032x}"))
        target.dump("x" * size)
        part = target.record.parts[0]
        begun = verified_file(target.store, part) if part.pieces else None
    if begun is not None:
        with pytest.raises(StoreError, match="cannot read s3://.*Mend the cause"):
            target.decode(begun, part)
    for ask in (target.load, target.exists, target.stamp, target.verify, target.quarantine, target.remove, lambda: target.dump(1)):
        with pytest.raises(StoreError):
            ask()
    with pytest.raises(StoreError):
        target.load_part(part)

"""One parser under atheris, in a process of its own: `python -m tests.faults.fuzzing NAME SECONDS CORPUS`.

What is parsed from disk besides outputs themselves: records, entries of the history, kept failures, kept code, leases, signing keys and
configuration. A parser may refuse anything with an exception that it declares, or say that there is nothing; any other exception is a
crash, which libFuzzer reports with its input.
"""

import contextlib
import json
import os
import pathlib
import sys
import tempfile
import zlib

from targets import seal
from targets.errors import NewerRecordError, PipelineError, RecordError


class OneFile:
    """As much of a store as a parser asks for: whatever is read has the same content."""

    url = "memory"
    reads_in_bulk = False
    content = b""

    def read(self, name, size):
        return self.content

    def open(self, name):
        import io

        return io.BytesIO(self.content)

    def list(self, folder):
        return iter(self.names)

    names = ("20260101T000000-0123456789ab.json",)


def record():
    from targets.record import Record

    def parse(data):
        # A random checksum would keep the fuzzer out of the parser: half of the inputs are given the right one.
        if data[:1] < b"\x80":
            raw = data[1:].rstrip(b"}")
            data = raw + b',"checksum":"' + seal.digest(raw + b"}").encode() + b'"}\n'
        with contextlib.suppress(RecordError, NewerRecordError):
            parsed = Record.from_bytes(data)
            repr(parsed)
            for row in parsed.inputs:
                repr(row)

    from targets.record import Input, Inputs, Part

    part = Part("", "x.pkl", "PickleTarget", "0" * 64, 3, pieces=b"0" * 64)
    rows = [Input(f"[{n}]", "A()", f"{n:032x}", "0" * 64) for n in range(70)]
    written = [
        Record(family="A", key="0" * 32, parts=(part,), inputs=Inputs(rows[:2])),
        Record(family="A", inputs=Inputs(rows), dynamic=({"inputs": [["", "B()", "0" * 32, "1" * 64, "[]"]]},)),
    ]
    return parse, [b"\x80" + one.to_bytes() for one in written] + [b"\0" + one.to_bytes()[: -len('"}\n') - 64 - 13] for one in written]


def history():
    from pipeline import columns, entries
    from pipeline.scope import Scope

    def parse(data):
        store = OneFile()
        store.content = data[1:]
        for entry in entries.runs(store):
            _ = entry.duration
            if data[:1] >= b"\x80":
                # The columns of many tasks are compressed, which the fuzzer cannot do.
                store.content = zlib.compress(data[1:])
            with contextlib.suppress(PipelineError):
                repr(entry.tasks)

    body = {
        "begun": 1.0,
        "ended": 2.0,
        "outcome": "done",
        "exit_code": 0,
        "counts": {"ran": 1},
        "families": {"A": {"ran": 1}},
        "tasks": columns.pack({}, Scope(inside_run=True), lambda _: []).tasks,
        "family_edges": [],
    }
    return parse, [b"\0" + json.dumps(body).encode(), b"\xff" + json.dumps(body).encode()]


def failure():
    from pipeline import failures
    from pipeline.errors import FailedBeforeError

    class Code:
        digest = "0" * 64

    class OfTask:
        cache_failures = True
        key = "0" * 32
        store = OneFile()
        _stem = "x"

    class OfRun:
        retry_failed = False
        code = type("Codes", (), {"of": staticmethod(lambda _: Code)})

    cause = failures._cause(OfTask, OfRun, [])

    def parse(data):
        OfTask.store.content = data.replace(b"CAUSE", cause.encode())
        with contextlib.suppress(FailedBeforeError):
            failures.insist_on_none(OfTask, OfRun, [])

    return parse, [b'{"cause": "CAUSE", "error": "ValueError: x", "traceback": "", "at": 1.5, "run": "r"}']


def code():
    from pipeline.fingerprint import kept

    def parse(data):
        store = OneFile()
        store.content = zlib.compress(data[1:]) if data[:1] < b"\x80" else data[1:]
        kept.recall(store, "0" * 64)

    return parse, [b'\0{"f": ["hash", "def f(): pass"]}', b"\xff" + zlib.compress(b'{"f": ["hash", "x"]}')]


def lease():
    from targets import leases

    def parse(data):
        leases._facts(data)
        leases.seconds_of(data, 30.0)

    return parse, [b'{"token": "a", "sign": 1, "seconds": 30.0, "host": "h", "process": 1}']


def config():
    import luigi.configuration

    from pipeline import settings
    from pipeline.errors import ConfigurationError

    folder = tempfile.mkdtemp()
    path = pathlib.Path(folder, "luigi.cfg")
    parser = luigi.configuration.LuigiConfigParser
    parser._config_paths = [str(path)]

    def parse(data):
        import configparser

        text = data.decode("utf-8", "replace").replace("\r", "")
        path.write_text(text)
        parser._instance = None
        settings.forget()
        try:
            parser.instance()
        except (configparser.Error, UnicodeError):
            return  # Luigi's own words for a file that is no configuration
        with contextlib.suppress(ConfigurationError):
            settings.read({})
        with contextlib.suppress(ConfigurationError):
            settings.read({"PIPELINE_WORKERS": text[:20], "PIPELINE_GRACE": text[:20], "PIPELINE_KEEP_GOING": text[:9]})

    return parse, [
        b"[pipeline]\nworkers = 2\ngrace = 1.5\nkeep_going = false\ntarget_dir = x\n",
        b"[pipeline]\non_code_change: warn\n[core]\nx=%(y)s\n",
    ]


def keys():
    from targets import trust
    from targets.errors import SigningKeyError

    folder = tempfile.mkdtemp()
    path = pathlib.Path(folder, "keys")

    def parse(data):
        path.write_bytes(data)
        path.chmod(0o600)
        os.environ[trust.KEY_FILE] = str(path)
        with contextlib.suppress(SigningKeyError):
            trust.keyring()

    return parse, [b"a: 0123456789012345678901234567890123456789\n", b"0123456789012345678901234567890123456789"]


PARSERS = {parser.__name__: parser for parser in (record, history, failure, code, lease, config, keys)}


def main(name, seconds, corpus):
    import logging

    import atheris

    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=["targets", "pipeline", "json"]):
        parse, seeds = PARSERS[name]()
    for at, seed in enumerate(seeds):
        parse(seed)
        pathlib.Path(corpus, f"seed-{at}").write_bytes(seed)
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=2048", "-timeout=20", f"-artifact_prefix={corpus}/", corpus],
        parse,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])

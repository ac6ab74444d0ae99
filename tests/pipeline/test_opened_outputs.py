"""`output().open()`: how plain Luigi tasks read, of what a step has stored."""

import json
import os
import re

import luigi
import pytest

import pipeline
import pipeline.testing
import targets
from pipeline import Task
from targets.seal import PIECE

BYTES = bytes(range(256)) * (3 * PIECE // 256) + b"the end"


class Words(Task):
    target_type = targets.TextTarget

    def easy_run(self, inputs):
        return "über\nzwei\n"


class Several(Task):
    outputs = {"scores": targets.JsonTarget, "raw": targets.BytesTarget}

    def easy_run(self, inputs):
        return {"scores": {"a": 1}, "raw": BYTES}


class Plain(luigi.Task):
    """As people wrote it, before what it requires became a step."""

    folder = luigi.Parameter(significant=False)

    def requires(self):
        return {"words": Words(), "scores": Several()["scores"], "raw": Several()["raw"]}

    def output(self):
        return luigi.LocalTarget(f"{self.folder}/plain.txt")

    def run(self):
        found = self.input()
        with found["words"].open() as words, found["scores"].open("r") as scores, found["raw"].open("rb") as raw:
            told = {"lines": list(words), "scores": json.load(scores), "bytes": len(raw.read())}
        with self.output().open("w") as file:
            json.dump(told, file)


@pytest.mark.parametrize("build", [pipeline.build, lambda tasks: luigi.build(tasks, local_scheduler=True, log_level="ERROR")])
def test_a_plain_task_opens_what_a_step_has_stored(build, tmp_path):
    build([Plain(folder=str(tmp_path))])
    assert json.loads((tmp_path / "plain.txt").read_text()) == {"lines": ["über\n", "zwei\n"], "scores": {"a": 1}, "bytes": len(BYTES)}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("damaged", ["words", "raw", "scores"])
def test_what_a_plain_task_finds_damaged_is_made_again_by_the_next_run(damaged, workers, ran, tmp_path):
    ran(Words(), Several())
    target = {"words": Words().target, "raw": Several().target["raw"], "scores": Several().target["scores"]}[damaged]
    with open(target.path, "r+b") as file:
        file.write(b"x")
    plain, other = Plain(folder=str(tmp_path)), Several() if damaged == "words" else Words()
    first = pipeline.build(plain, workers=workers)
    assert first.failed == [plain]
    assert "will be made again" in str(first.outcomes[plain].error) or "is not what was written" in str(first.outcomes[plain].error)
    second = pipeline.build(plain, workers=workers)
    assert second.ok
    assert other not in second.ran
    assert len(second.ran) == 2
    assert json.loads((tmp_path / "plain.txt").read_text())["bytes"] == len(BYTES)


@pytest.mark.parametrize("at", [0, PIECE, len(BYTES) - 1])
def test_what_is_damaged_is_not_read(at, ran):
    ran(Several())
    target = Several().target["raw"]
    with open(target.path, "r+b", buffering=0) as file:
        os.pwrite(file.fileno(), bytes([BYTES[at] ^ 1]), at)
    with target.open("rb") as file, pytest.raises(targets.DamagedError):
        while file.read(PIECE // 2):
            pass


def test_a_small_output_is_verified_as_it_is_opened(ran):
    ran(Words())
    with open(Words().target.path, "r+b") as file:
        file.write(b"u")
    with pytest.raises(targets.DamagedError):
        Words().target.open()


def test_what_was_never_made_cannot_be_opened():
    with pytest.raises(targets.MissingOutputError, match="build .*Words"):
        Words().target.open()


@pytest.mark.parametrize("mode", ["w", "a", "r+", "x", "wb"])
def test_outputs_of_steps_are_opened_to_read_only(mode, ran):
    ran(Words())
    with pytest.raises(targets.TargetError, match=re.escape(f"not with mode '{mode}': what a step returns is stored")):
        Words().target.open(mode)
    assert Words().load() == "über\nzwei\n"


class Folder(Task):
    target_type = targets.FileTarget

    def easy_run(self, inputs):
        folder = self.task_directory.parent / "made"
        os.makedirs(folder)
        return folder


class InMemory(Task):
    target_type = targets.MemoryTarget

    def easy_run(self, inputs):
        return 1


class Done(Task):
    target_type = targets.DummyTarget

    def easy_run(self, inputs):
        return None


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Folder, r"no file that could be opened: load\(\) it"),
        (InMemory, r"no file that could be opened: load\(\) it"),
        (Done, r"no file that could be opened: load\(\) it"),
        (Several, r"Several\(\) has several outputs: open one of them, as in target\['scores'\].open\(\)"),
    ],
)
def test_what_is_no_file_says_so(kind, words, ran):
    ran(kind())
    with pytest.raises(targets.TargetError, match=words):
        kind().target.open()


def test_what_a_test_has_given_is_no_file():
    with pipeline.testing.mock_outputs({Words: "given"}), pytest.raises(targets.TargetError, match="given by a test, and is no file"):
        Words().target.open()


class OwnTarget(luigi.LocalTarget):
    def __init__(self, path):
        super().__init__(path)

    def dump(self, value):
        with self.open("w") as file:
            file.write(value)

    def load(self):
        with self.open() as file:
            return file.read()


class Own(Task):
    target_type = OwnTarget

    def easy_run(self, inputs):
        return "mine"


def test_a_luigi_target_of_the_app_opens_as_it_does(ran):
    ran(Own())
    with Own().target.open() as file:
        assert file.read() == "mine"


def test_a_luigi_target_of_the_app_is_verified_and_opened_to_read_only(ran):
    ran(Own())
    with pytest.raises(targets.TargetError, match="can be opened to read only, not with mode 'w'"):
        Own().target.open("w")
    with open(Own().target.path, "r+b") as file:
        file.write(b"n")
    with pytest.raises(targets.DamagedError):
        Own().target.open()


def test_a_plain_task_that_forgets_its_requirements_fails_with_what_it_has_found(ran, tmp_path):
    class Forgetful(Plain):
        def requires(self):
            if hasattr(self, "damaged"):
                raise ValueError("no such file any more")
            return Words()

        def run(self):
            words = self.input()
            self.damaged = True
            words.open()

    ran(Words())
    with open(Words().target.path, "r+b") as file:
        file.write(b"u")
    task = Forgetful(folder=str(tmp_path))
    assert isinstance(pipeline.build(task).outcomes[task].error, targets.DamagedError)

"""With `--json`, commands that change a store say what they have done, or would do, as JSON alone on standard output."""

import json

import luigi
import pytest

import pipeline
from pipeline import Task
from targets import JsonTarget


class JsonLeaf(Task):
    target_type = JsonTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        print("from the step")
        return [self.n]


@pytest.fixture
def said(capfd, ran):
    """The exit code and the JSON of a command, after a first run."""
    ran(JsonLeaf())
    capfd.readouterr()

    def run(*arguments):
        code = pipeline.main(lambda: [JsonLeaf()], [*arguments, "--json"])
        return code, json.loads(capfd.readouterr().out)

    return run


def test_trim(said):
    code, rows = said("trim", "JsonLeaf")
    assert (code, [row["done"] for row in rows]) == (0, [False])
    assert JsonLeaf().load() == [1]
    code, rows = said("trim", "JsonLeaf", "--yes")
    assert (code, [(row["key"], row["done"]) for row in rows]) == (0, [(JsonLeaf().key, True)])
    with pytest.raises(pipeline.PipelineError, match="trimmed"):
        JsonLeaf().load()


def test_audit(said):
    code, rows = said("audit")
    assert code == 0
    assert [(row["task"], row["same"]) for row in rows] == [("JsonLeaf(n=1)", True)]


def test_accept(said, monkeypatch):
    assert said("accept", "all") == (0, [])
    monkeypatch.setattr(JsonLeaf, "version", "2", raising=False)
    code, rows = said("accept", "all", "--yes")
    assert code == 0
    assert [(row["task"], row["done"]) for row in rows] == [("JsonLeaf(n=1)", True)]
    assert "CODE" in rows[0]["reason"]
    assert said("accept", "all") == (0, [])


def test_resign(said, monkeypatch):
    monkeypatch.setenv("PIPELINE_SIGNING_KEY", "a key of sixteen characters or more")
    code, refused = said("resign")
    assert (code, refused["signed"], len(refused["refused"])) == (1, 0, 1)
    assert said("resign", "--unsigned") == (0, {"signed": 1, "kept": 0, "refused": []})
    assert said("resign") == (0, {"signed": 0, "kept": 1, "refused": []})

"""A plan asks a store for folders and batches, not for each task."""

import uuid

import luigi
import pytest

import pipeline
from pipeline import Task
from targets import JsonTarget, known
from targets.local_store import LocalStore
from targets.remote_store import RemoteStore

MANY = 200


class ListedLeaf(Task):
    target_type = JsonTarget
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return self.n


class ListedSum(Task):
    target_type = JsonTarget
    n = luigi.IntParameter()

    def requires(self):
        return [ListedLeaf(n=n) for n in range(self.n)]

    def easy_run(self, inputs):
        return sum(inputs)


@pytest.fixture(params=["local", "memory"])
def url(request, tmp_path, monkeypatch):
    where = str(tmp_path / "store") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    monkeypatch.setattr(Task, "TARGET_DIR", where)
    return where


def counted(method, counts, name):
    def counting(self, *args):
        counts[name] += 1
        return method(self, *args)

    return counting


@pytest.fixture
def asked(monkeypatch):
    """How often a store was asked about single files."""
    counts = {"stamp": 0, "size": 0, "read": 0, "read_stamped": 0}
    for kind in (LocalStore, RemoteStore):
        for name in counts:
            monkeypatch.setattr(kind, name, counted(getattr(kind, name), counts, name))
    return counts


def test_what_was_never_made_costs_one_listing(url, asked):
    plan = pipeline.plan(ListedSum(n=MANY))

    assert len(plan.must_run) == MANY + 1
    assert asked["stamp"] < 5
    assert asked["read"] + asked["read_stamped"] < 5


def test_a_remote_store_is_asked_for_nothing_one_by_one(url, asked):
    assert pipeline.build(ListedSum(n=MANY)).ok
    known.forget_all()
    asked.update(dict.fromkeys(asked, 0))

    plan = pipeline.plan(ListedSum(n=MANY))

    assert plan.must_run == []
    if url.startswith("memory"):
        assert max(asked.values()) < 5, asked
    else:
        assert asked["stamp"] <= MANY + 1


def test_a_listing_and_a_question_give_the_same_stamp(url):
    assert pipeline.build(ListedSum(n=3)).ok
    for name, found in ListedLeaf(n=1).store.scan("ListedLeaf"):
        assert found is None or found.stamp == ListedLeaf(n=1).store.stamp(f"ListedLeaf/{name}")


def test_damage_is_seen_through_a_listing(url):
    assert pipeline.build(ListedSum(n=MANY)).ok
    hurt, gone, removed = ListedLeaf(n=3), ListedLeaf(n=50), ListedLeaf(n=51)
    hurt.store.write(hurt.target.name, b"something longer than it was")
    gone.store.delete(gone.target.name)
    removed.remove()

    verdicts = pipeline.plan(ListedSum(n=MANY)).verdicts

    assert {str(verdicts[task].rule) for task in (hurt, gone, removed)} == {"DAMAGED", "MISSING"}
    assert sum(not verdict.is_current for verdict in verdicts.values()) == 4
    assert len(pipeline.build(ListedSum(n=MANY)).ran) == 3
    assert pipeline.build(ListedSum(n=MANY)).ran == []


def test_few_tasks_of_a_large_folder_do_not_list_it(tmp_path, monkeypatch):
    monkeypatch.setattr(Task, "TARGET_DIR", str(tmp_path))
    listed = []
    monkeypatch.setattr(LocalStore, "scan", lambda self, folder: listed.append(folder) or iter(()))

    pipeline.plan(ListedSum(n=5))

    assert listed == []

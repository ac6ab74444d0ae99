"""Nobody is let in: pickles that run code, forged, swapped and replayed records, stores that others can write to.

Each attack is first tried on a store without a key, where it must work as far as a pickle's bytes go: an attack that never fires proves nothing.
"""

import dataclasses
import json
import os
import pathlib
import pickle
import shutil

import luigi
import pytest

import pipeline
from pipeline import Task, housekeeping
from targets import JsonTarget, PickleTarget, seal, trust
from targets.errors import DamagedError, PickleForbiddenError, RecordError, SigningKeyError, UnsignedPickleError, UntrustedError
from targets.local_store import LocalStore
from targets.opening import open_store
from targets.record import Record
from targets.target import Target

KEY, OTHER = "a-long-random-text-of-a-key", "another-long-random-text-of-a-key"


class SignedLeaf(Task):
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return {"n": self.n}


class SignedSum(Task):
    def requires(self):
        return [SignedLeaf(n=n) for n in range(3)]

    def easy_run(self, inputs):
        return sum(row["n"] for row in inputs)


class Gadget:
    """Unpickling one makes a file: code ran."""

    def __init__(self, proof):
        self.proof = str(proof)

    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(self.proof),)


@pytest.fixture
def keyed(monkeypatch):
    monkeypatch.setenv(trust.KEY, KEY)


@pytest.fixture
def proof(tmp_path):
    return tmp_path / "code-ran"


def raw_record(task):
    return task.store.path(task.target.place.record_name)


def plant(task, data, *, sign=None, **changes):
    """Data of an attacker, with a record that fits them in every way but the signature."""
    path = task.store.path(task.target.name)
    path.write_bytes(data)
    record = Record.from_bytes(raw_record(task).read_bytes())
    part = dataclasses.replace(record.parts[0], digest=seal.digest(data), size=len(data), pieces=b"")
    forged = dataclasses.replace(record, parts=(part,), digest=part.digest, size=part.size, **changes)
    raw_record(task).write_bytes(forged.to_bytes(sign))


def rule(task):
    return str(pipeline.plan(task).verdicts[task].rule)


def test_without_a_key_a_planted_pickle_runs(proof):
    """What is protected against: whoever may write to the store runs code with our rights."""
    task = SignedLeaf()
    assert pipeline.build(task).ok
    plant(task, pickle.dumps(Gadget(proof)))
    task.load()
    assert proof.exists()


@pytest.mark.parametrize("signature", ["none", "another key's", "its own, of other data", "nonsense"])
def test_with_a_key_it_does_not(keyed, proof, signature):
    task = SignedLeaf()
    assert pipeline.build(task).ok
    before = Record.from_bytes(raw_record(task).read_bytes())
    sign = {
        "none": None,
        "another key's": trust.Keyring([OTHER.encode()]).sign,
        "its own, of other data": lambda _: before.signature,
        "nonsense": lambda _: "x",
    }[signature]
    plant(task, pickle.dumps(Gadget(proof)), sign=sign)

    with pytest.raises(UntrustedError):
        task.load()
    with pytest.raises(UntrustedError):
        task.target.verify()
    assert rule(task) == "UNTRUSTED"
    run = pipeline.build(SignedSum(), force=[SignedSum])
    assert run.ok
    assert task in run.ran
    assert task.load() == {"n": 1}
    assert not proof.exists()


def test_a_record_in_another_place_is_not_believed(keyed):
    one, two = SignedLeaf(n=1), SignedLeaf(n=2)
    assert pipeline.build([one, two]).ok
    shutil.copy(raw_record(one), raw_record(two))
    shutil.copy(one.target.path, two.target.path)

    with pytest.raises((DamagedError, RecordError)):
        two.load()
    assert rule(two) == "DAMAGED"
    assert pipeline.build(two).ok
    assert two.load() == {"n": 2}


def test_data_of_one_under_the_record_of_another_are_not_believed(keyed, proof):
    task = SignedLeaf()
    assert pipeline.build(task).ok
    path = pathlib.Path(task.target.path)
    path.write_bytes(pickle.dumps(Gadget(proof))[: path.stat().st_size].ljust(path.stat().st_size, b"."))
    with pytest.raises(DamagedError):
        task.load()
    assert not proof.exists()


def test_an_old_output_played_back_is_made_again_where_its_inputs_changed(keyed):
    class Source(Task):
        version = "1"

        def easy_run(self, inputs):
            return {"made by": type(self).version}

    class Consumer(Task):
        def requires(self):
            return [Source()]

        def easy_run(self, inputs):
            return inputs[0]["made by"]

    assert pipeline.build(Consumer()).ok
    old_record, old_data = raw_record(Consumer()).read_bytes(), pathlib.Path(Consumer().target.path).read_bytes()
    Source.version = "2"
    assert pipeline.build(Consumer()).ok
    assert Consumer().load() == "2"
    raw_record(Consumer()).write_bytes(old_record)
    pathlib.Path(Consumer().target.path).write_bytes(old_data)

    assert rule(Consumer()) == "INPUT"


def test_what_was_made_before_there_was_a_key_is_made_again(monkeypatch):
    assert pipeline.build(SignedSum()).ok
    monkeypatch.setenv(trust.KEY, KEY)

    assert rule(SignedSum()) == "UNTRUSTED"
    assert len(pipeline.build(SignedSum()).ran) == 4
    assert pipeline.build(SignedSum()).ran == []


def test_a_new_key_goes_in_front_of_the_old(monkeypatch, keyed):
    assert pipeline.build(SignedSum()).ok
    monkeypatch.setenv(trust.KEY, f"{OTHER},{KEY}")
    assert pipeline.build(SignedSum()).ran == []

    done = housekeeping.resign(SignedSum().store)
    assert (done.signed, done.kept, done.refused) == (4, 0, ())
    monkeypatch.setenv(trust.KEY, OTHER)
    assert pipeline.build(SignedSum()).ran == []
    again = housekeeping.resign(SignedSum().store)
    assert (again.signed, again.kept, again.refused) == (0, 4, ())


def test_resigning_refuses_what_it_cannot_believe(monkeypatch, proof):
    good, bad = SignedLeaf(n=1), SignedLeaf(n=2)
    assert pipeline.build([good, bad]).ok
    data = pathlib.Path(bad.target.path)
    data.write_bytes(data.read_bytes()[:-1] + b"!")
    monkeypatch.setenv(trust.KEY, KEY)

    assert len(housekeeping.resign(good.store).refused) == 2
    done = housekeeping.resign(good.store, unsigned=True)
    assert done.signed == 1
    assert "is not what was written" in done.refused[0]
    assert rule(good) == "CURRENT"
    assert rule(bad) == "UNTRUSTED"


def test_nothing_else_signs_what_is_not_trusted(monkeypatch):
    assert pipeline.build(SignedLeaf()).ok
    monkeypatch.setenv(trust.KEY, KEY)
    target = SignedLeaf().target
    with pytest.raises(UntrustedError, match="left as it is"):
        target.rewrite(dataclasses.replace(target.record, trimmed=True))
    assert pipeline.accept(SignedLeaf(), dry_run=False) == []
    assert pipeline.trim([SignedLeaf()]) == []
    assert rule(SignedLeaf()) == "UNTRUSTED"


def test_a_signature_covers_every_byte_of_the_record(keyed):
    task = SignedLeaf()
    assert pipeline.build(task).ok
    good = raw_record(task).read_bytes()
    body = json.loads(good)
    for name in body:
        if name in ("checksum", "schema"):
            continue
        changed = {**body, name: "x" if isinstance(body[name], str) else 7}
        raw = json.dumps({key: value for key, value in changed.items() if key != "checksum"}, separators=(",", ":"), ensure_ascii=False).encode()
        raw_record(task).write_bytes(raw[:-1] + b',"checksum":"' + seal.digest(raw).encode() + b'"}\n')
        with pytest.raises((UntrustedError, RecordError)):
            task.load()
        assert rule(task) in ("UNTRUSTED", "DAMAGED")
    raw_record(task).write_bytes(good)
    assert rule(task) == "CURRENT"


# Keys


@pytest.mark.parametrize(("text", "words"), [("short", "fewer than 16"), (",", "holds no key"), ("", "holds no key")])
def test_what_is_no_key_is_refused(monkeypatch, text, words):
    monkeypatch.setenv(trust.KEY, text)
    with pytest.raises(SigningKeyError, match=words):
        pipeline.build(SignedLeaf())


def test_a_key_file_works_where_only_its_owner_can_read_it(monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n{OTHER}\n")
    monkeypatch.setenv(trust.KEY_FILE, str(file))
    file.chmod(0o644)
    with pytest.raises(SigningKeyError, match="chmod 600"):
        pipeline.build(SignedLeaf())
    file.chmod(0o600)
    assert pipeline.build(SignedLeaf()).ok
    assert SignedLeaf().target.record.signature
    file.unlink()
    with pytest.raises(SigningKeyError, match="Nothing is trusted without it"):
        SignedLeaf().load()


def test_a_key_in_the_store_is_refused(monkeypatch, tmp_path):
    (tmp_path / "store").mkdir(mode=0o700)
    file = tmp_path / "store" / "key"
    file.write_text(KEY)
    file.chmod(0o600)
    monkeypatch.setenv(trust.KEY_FILE, str(file))
    with pytest.raises(SigningKeyError, match="lies in the store"):
        open_store(str(tmp_path / "store"))


def test_a_key_is_shown_nowhere(keyed):
    task = SignedLeaf()
    assert pipeline.build(task).ok
    assert KEY not in repr(trust.keyring())
    assert KEY.encode() not in raw_record(task).read_bytes()


# Where no key is set


def test_a_store_that_others_can_write_to_gives_no_unsigned_pickles(monkeypatch, tmp_path, proof):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setattr(Task, "TARGET_DIR", str(shared))
    with pytest.raises(UnsignedPickleError, match="allow_unsigned_pickle"):
        pipeline.build(SignedLeaf())
    monkeypatch.setenv(trust.ALLOW_UNSIGNED, "true")
    assert pipeline.build(SignedLeaf()).ok
    monkeypatch.delenv(trust.ALLOW_UNSIGNED)
    plant(SignedLeaf(), pickle.dumps(Gadget(proof)))
    with pytest.raises(UnsignedPickleError):
        SignedLeaf().load()
    monkeypatch.setenv(trust.KEY, KEY)
    with pytest.raises(UntrustedError):
        SignedLeaf().load()
    assert pipeline.build(SignedLeaf()).ok
    assert not proof.exists()


def test_a_store_of_another_user_is_shared(tmp_path):
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("only root can give files away")
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 12345, 12345)
    assert LocalStore(str(tmp_path / "theirs")).is_shared()
    assert not LocalStore(str(tmp_path)).is_shared()


def test_formats_that_run_no_code_are_loaded_from_shared_stores(monkeypatch, tmp_path):
    class Harmless(Task):
        target_type = JsonTarget

        def easy_run(self, inputs):
            return [1]

    tmp_path.chmod(0o777)
    monkeypatch.setattr(Task, "TARGET_DIR", str(tmp_path))
    assert pipeline.build(Harmless()).ok
    assert Harmless().load() == [1]


def test_pickle_can_be_forbidden(monkeypatch):
    assert pipeline.build(SignedLeaf()).ok
    monkeypatch.setenv(trust.ALLOW_PICKLE, "false")
    with pytest.raises(PickleForbiddenError, match="choose another target_type"):
        SignedLeaf().load()
    with pytest.raises(PickleForbiddenError):
        pipeline.build(SignedLeaf(n=2))


@pytest.mark.parametrize("value", ["maybe", "2", "False"])
def test_a_setting_that_opens_a_door_is_off_unless_it_is_plainly_on(monkeypatch, value):
    monkeypatch.setenv(trust.ALLOW_UNSIGNED, value)
    assert trust._setting(trust.ALLOW_UNSIGNED, True) is False


# Records name only what is theirs


@pytest.mark.parametrize("file", ["../../outside.json", "/etc/passwd", "SignedLeaf/other.json", ""])
def test_a_record_cannot_have_other_files_read_or_removed(tmp_path, file):
    outside = tmp_path / "outside.json"
    outside.write_text("kept")
    store = open_store(str(tmp_path / "store" / "deep"))
    target = JsonTarget(tmp_path / "store" / "deep" / "x.json")
    target.dump([1])
    record = target.record
    part = dataclasses.replace(record.parts[0], file=file)
    store.path(target.place.record_name).write_bytes(dataclasses.replace(record, parts=(part,)).to_bytes())

    with pytest.raises((RecordError, DamagedError)):
        target.load()
    target.dump([2])
    assert target.load() == [2]
    target.remove()
    assert outside.read_text() == "kept"


def test_a_recorded_requirement_imports_no_module_that_is_not_the_projects(tmp_path, monkeypatch):
    (tmp_path / "site-packages").mkdir()
    from pipeline.parameters import from_text

    with pytest.raises(pipeline.ParameterError, match="not a module of this project"):
        from_text(json.dumps([[0], [["antigravity", "Step", {}]]]))


def test_a_link_in_the_place_of_an_output_is_not_followed_when_it_is_replaced(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("kept")
    target = JsonTarget(tmp_path / "store" / "x.json")
    target.dump([1])
    path = pathlib.Path(target.path)
    path.unlink()
    path.symlink_to(outside)
    with pytest.raises(DamagedError):
        target.load()
    target.dump([2])
    assert outside.read_text() == "kept"
    assert not path.is_symlink()


def test_no_gadget_fires_from_a_record_or_a_lock(proof):
    task = SignedLeaf()
    assert pipeline.build(task).ok
    gadget = pickle.dumps(Gadget(proof))
    raw_record(task).write_bytes(gadget)
    (task.store.path(".luigi-warp") / "locks").write_bytes(gadget)
    for leftover in (f".{task.key}.abc.tmp", f".{task.key}.abc.aside"):
        (raw_record(task).parent / leftover).write_bytes(gadget)
    run = pipeline.build(SignedSum(), force=[SignedSum])
    assert run.ok
    assert not proof.exists()


def test_every_format_says_whether_it_runs_code():
    import targets

    kinds = [kind for kind in vars(targets).values() if isinstance(kind, type) and issubclass(kind, Target)]
    assert [kind for kind in kinds if kind.runs_code] == [PickleTarget]


def test_two_runs_at_the_same_time_leave_nothing_settled(monkeypatch):
    one, other = trust.settled(), trust.settled()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    other.__exit__(None, None, None)
    monkeypatch.setenv(trust.KEY, KEY)
    assert trust.keyring()

"""Record: what parses is bit for bit what was written; older ones are read, newer ones are named as such."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from targets import JsonTarget, NewerRecordError, Record, RecordError, seal
from targets.record import COMPACT_FROM, SCHEMA, Input, Inputs, Part

TEXT = st.text(max_size=6)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT, lambda inner: st.lists(inner, max_size=3), max_leaves=4
)
DICTS = st.dictionaries(TEXT, JSON, max_size=3)
PARTS = st.builds(
    Part, TEXT, TEXT, TEXT, HEX, st.integers(0), st.sampled_from(["file", "directory", "none"]), st.none() | st.dictionaries(TEXT, TEXT, max_size=2)
)
INPUTS = st.lists(st.builds(Input, TEXT, TEXT, HEX.map(lambda text: text[:32]), HEX), max_size=4).map(Inputs)
RECORDS = st.builds(
    Record,
    family=TEXT,
    module=TEXT,
    key=TEXT,
    params=DICTS,
    fingerprint=HEX,
    code=st.dictionaries(TEXT, TEXT, max_size=3),
    inputs=INPUTS,
    dynamic=st.lists(DICTS, max_size=2).map(tuple),
    parts=st.lists(PARTS, max_size=2).map(tuple),
    digest=HEX,
    size=st.integers(0),
    directory=st.none() | HEX,
    identity=st.none() | TEXT,
    trimmed=st.booleans(),
    started=st.floats(allow_nan=False),
    duration=st.floats(allow_nan=False),
    host=TEXT,
    versions=st.dictionaries(TEXT, TEXT, max_size=2),
    git=DICTS,
    run=TEXT,
)


def sealed(body) -> bytes:
    """A record as another version may have written it."""
    raw = json.dumps(body, separators=(",", ":")).encode()
    return raw[:-1] + b',"checksum":"' + seal.digest(raw).encode() + b'"}\n'


@pytest.fixture(scope="module")
def data() -> bytes:
    part = Part("", "Step/x.json", "json", seal.digest(b"x"), 1, columns={"a": "int64"})
    inputs = Inputs([Input("[0]", "Other(n=1)", "0" * 32, "1" * 64)])
    record = Record(family="Step", key="2" * 32, params={"n": 1}, fingerprint="3" * 64, parts=(part,), digest=part.digest, size=1, inputs=inputs)
    return record.to_bytes()


@settings(max_examples=200, deadline=None)
@given(record=RECORDS)
def test_any_record_comes_back_as_it_was(record):
    assert Record.from_bytes(record.to_bytes()) == record


@settings(max_examples=50, deadline=None)
@given(record=RECORDS)
def test_any_record_is_plain_json_of_one_line(record):
    text = record.to_bytes()

    assert text.count(b"\n") == 1
    assert json.loads(text)["schema"] == SCHEMA


def test_every_flipped_bit_is_an_error(data):
    assert 500 < len(data) < 700
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(RecordError):
                Record.from_bytes(bytes(changed))


def test_every_truncation_is_an_error(data):
    for length in range(len(data)):
        with pytest.raises(RecordError):
            Record.from_bytes(data[:length])


@pytest.mark.parametrize("more", [b" ", b"\n", b"\0", b"{}"])
def test_anything_after_a_record_is_an_error(data, more):
    with pytest.raises(RecordError):
        Record.from_bytes(data + more)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"schema": 0},
        {"schema": "1"},
        {"schema": SCHEMA, "unknown": 1},
        {"schema": SCHEMA, "parts": [{"name": ""}]},
        {"schema": SCHEMA, "inputs": {"count": 1, "families": "", "paths": "", "keys": "AAAA", "identities": ""}},
        {"schema": SCHEMA, "inputs": {"count": 1}},
        {"schema": SCHEMA, "inputs": 3},
    ],
)
def test_what_has_a_checksum_and_is_no_record_is_an_error(body):
    with pytest.raises(RecordError):
        Record.from_bytes(sealed(body))


def test_a_record_of_a_newer_schema_says_what_to_do():
    with pytest.raises(NewerRecordError, match=f"schema version is {SCHEMA + 1}, .*update luigi-warp, or use another store"):
        Record.from_bytes(sealed({"schema": SCHEMA + 1, "whatever": {"it": "holds"}}))


def test_fields_that_an_older_version_did_not_write_have_their_defaults():
    record = Record.from_bytes(sealed({"schema": 1, "family": "Step"}))

    assert record == Record(family="Step")


def test_a_damaged_record_in_a_store_is_named_by_its_path(tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    target.dump(1)
    (tmp_path / "x.record.json").write_bytes(b"{}")

    with pytest.raises(RecordError, match=r"x\.record\.json: no checksum at its end"):
        target.load()
    assert not target.exists()


def test_a_damaged_record_is_replaced_by_the_next_dump(tmp_path):
    target = JsonTarget(tmp_path / "x.json")
    target.dump(1)
    (tmp_path / "x.record.json").write_bytes(b"{}")

    target.dump(2)

    assert target.load() == 2


@pytest.mark.parametrize("action", ["load", "exists", "dump", "remove", "quarantine"])
def test_a_newer_record_in_a_store_is_named_by_its_path_and_left_alone(tmp_path, action):
    target = JsonTarget(tmp_path / "x.json")
    target.dump(1)
    newer = sealed({"schema": SCHEMA + 1})
    (tmp_path / "x.record.json").write_bytes(newer)

    with pytest.raises(NewerRecordError, match=r"x\.record\.json: its schema version"):
        getattr(target, action)(*[2] if action == "dump" else [])

    assert (tmp_path / "x.record.json").read_bytes() == newer
    assert (tmp_path / "x.json").read_text() == "1"


ROWS = [Input(f"[{at}]", f"Step(n={at})", seal.short_digest(b"%d" % at), seal.digest(b"%d" % at)) for at in range(COMPACT_FROM)]
TODAY = [(row.path, row.key) for row in ROWS]


@pytest.fixture(params=[COMPACT_FROM - 1, COMPACT_FROM, 1000], ids=lambda count: f"{count} inputs")
def rows(request):
    return [ROWS[at % len(ROWS)]._replace(path=f"[{at}]") for at in range(request.param)]


def written_and_read(rows) -> Inputs:
    return Record.from_bytes(Record(inputs=Inputs(rows)).to_bytes()).inputs


def test_inputs_that_were_read_have_the_keys_and_identities_of_those_written(rows):
    back = written_and_read(rows)

    assert [row.key for row in back] == [row.key for row in rows]
    assert [back.identity_at(at) for at in range(len(back))] == [row.identity for row in rows]
    assert back[-1].key == rows[-1].key
    assert [row.key for row in back[1:3]] == [row.key for row in rows[1:3]]


def test_inputs_that_were_read_are_equal_to_those_written(rows):
    back = written_and_read(rows)

    assert back == Inputs(rows)
    assert hash(back) == hash(Inputs(rows))
    assert back != Inputs(rows[:-1])


def test_an_input_beyond_the_last_is_an_index_error(rows):
    with pytest.raises(IndexError):
        written_and_read(rows)[len(rows)]


def changed_key(today):
    return [*today[:-1], (today[-1][0], "f" * 32)]


def changed_place(today):
    return [*today[:-1], ("['other']", today[-1][1])]


def one_less(today):
    return today[:-1]


def one_more(today):
    return [*today, ("['other']", "f" * 32)]


def test_the_same_structure_matches_before_and_after_writing(rows):
    today = [(row.path, row.key) for row in rows]

    assert Inputs(rows).structure_matches(today) is None
    assert written_and_read(rows).structure_matches(today) is None


@pytest.mark.parametrize("change", [changed_key, changed_place, one_less, one_more])
def test_another_structure_does_not_match_before_or_after_writing(rows, change):
    today = change([(row.path, row.key) for row in rows])

    assert Inputs(rows).structure_matches(today)
    assert written_and_read(rows).structure_matches(today)


def test_a_thousand_inputs_are_kept_compactly():
    rows = [ROWS[at % len(ROWS)]._replace(path=f"['some'][{at}]") for at in range(1000)]

    assert len(Record(inputs=Inputs(rows)).to_bytes()) < 70 * len(rows)


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": "long"},
        {"started": "soon"},
        {"fingerprint": {}},
        {"libraries": 1},
        {"pickled": "x"},
        {"identity": 5},
        {"directory": []},
        {"parts": [{"name": "", "file": {}, "format": "pkl", "digest": "0", "size": 1}]},
        {"parts": [{"name": "", "file": "a", "format": "pkl", "digest": "0", "size": "1"}]},
        {"parts": {"a": 1}},
        {"inputs": 7},
        {"dynamic": 1},
    ],
    ids=str,
)
def test_what_is_of_another_type_is_no_record(wrong):
    raw = json.dumps({"schema": 1, "family": "Step", **wrong}, separators=(",", ":")).encode()
    with pytest.raises(RecordError):
        Record.from_bytes(raw[:-1] + b',"checksum":"' + seal.digest(raw).encode() + b'"}\n')

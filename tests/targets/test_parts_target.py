"""PartsTarget: several outputs of one step, one record, all or none."""

import pytest
from target_checks import everything_in, leftovers_in

from targets import DamagedError, DumpError, FileTarget, JsonTarget, MissingOutputError, PickleTarget, TargetError, TextTarget
from targets.opening import open_store
from targets.parts import PartsTarget
from targets.place import Place


@pytest.fixture
def place(tmp_path):
    return Place(open_store(str(tmp_path)), "x")


@pytest.fixture
def target(place):
    return PartsTarget(place, {"model": PickleTarget, "scores": JsonTarget})


def test_all_parts_come_back(target):
    target.dump({"model": {1, 2}, "scores": [0.5]})

    assert target.load() == {"model": {1, 2}, "scores": [0.5]}


def test_each_part_is_a_file_of_its_own_under_one_record(target, tmp_path):
    target.dump({"model": 1, "scores": 2})

    assert everything_in(tmp_path) == ["x.model.pkl", "x.record.json", "x.scores.json"]


def test_a_part_can_be_loaded_alone(target, tmp_path):
    target.dump({"model": 1, "scores": 2})
    (tmp_path / "x.model.pkl").write_bytes(b"damage does not matter to the other part")

    assert target["scores"].load() == 2


def test_damage_of_one_part_is_damage_of_the_whole(target, tmp_path):
    target.dump({"model": 1, "scores": 2})
    (tmp_path / "x.model.pkl").write_bytes(b"else")

    with pytest.raises(DamagedError, match=r"x\.model\.pkl"):
        target.load()


def test_exchanged_parts_are_damage(place, tmp_path):
    target = PartsTarget(place, {"one": JsonTarget, "two": JsonTarget})
    target.dump({"one": 1, "two": 2})
    (tmp_path / "x.one.json").rename(tmp_path / "aside")
    (tmp_path / "x.two.json").rename(tmp_path / "x.one.json")
    (tmp_path / "aside").rename(tmp_path / "x.two.json")

    with pytest.raises(DamagedError):
        target.load()


@pytest.mark.parametrize("value", [{"model": 1}, {"model": 1, "scores": 2, "more": 3}, [1, 2], None])
def test_other_names_than_those_declared_are_refused(target, value):
    with pytest.raises(DumpError, match=r"has the outputs \['model', 'scores'\], .*return a dict with these names"):
        target.dump(value)


def test_a_part_that_is_refused_leaves_all_old_parts(target, tmp_path):
    target.dump({"model": "old", "scores": "old"})

    with pytest.raises(DumpError):
        target.dump({"model": "new", "scores": {1}})

    assert target.load() == {"model": "old", "scores": "old"}
    assert leftovers_in(tmp_path) == []


def test_parts_that_are_no_longer_declared_are_removed(target, place, tmp_path):
    target.dump({"model": 1, "scores": 2})
    PartsTarget(place, {"scores": JsonTarget}).dump({"scores": 3})

    assert everything_in(tmp_path) == ["x.record.json", "x.scores.json"]


def test_a_whole_is_never_mixed_from_two_commits(place):
    """Another writer commits while the first part is being read."""

    class Interrupted(TextTarget):
        def read(self, file, **options):
            if interruptions:
                PartsTarget(place, {"first": TextTarget, "second": TextTarget}).dump(interruptions.pop())
            return super().read(file, **options)

    interruptions: list = []
    target = PartsTarget(place, {"first": Interrupted, "second": TextTarget})
    target.dump({"first": "old", "second": "old"})
    interruptions.append({"first": "new", "second": "new"})

    assert target.load() == {"first": "new", "second": "new"}


def test_a_file_may_be_a_part(place, tmp_path):
    (tmp_path / "plot.png").write_text("content")
    target = PartsTarget(place, {"plot": FileTarget, "n": JsonTarget})
    target.dump({"plot": tmp_path / "plot.png", "n": 1})

    assert target["plot"].load().name == "x.plot.png"


def test_an_unknown_part_is_named_with_those_that_there_are(target):
    with pytest.raises(MissingOutputError, match="no output 'other': it has model, scores"):
        target["other"]


def test_a_part_cannot_take_the_records_name(place):
    with pytest.raises(TargetError, match="cannot be named 'record'.*choose another name"):
        PartsTarget(place, {"record": JsonTarget})


def test_a_record_of_other_parts_or_formats_does_not_fit(target, place):
    record = target.dump({"model": 1, "scores": 2})

    assert target.fits(record) is None
    assert PartsTarget(place, {"model": PickleTarget}).fits(record) == "it was stored in other parts"
    assert PartsTarget(place, {"model": PickleTarget, "scores": TextTarget}).fits(record) == "the part 'scores' was stored as json"
    assert PickleTarget(place).fits(record) == "it was stored in other parts"

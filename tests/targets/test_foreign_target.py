"""Any luigi.Target class of an app's own: its data where it wants them, our record beside."""

import luigi
import pytest
from target_checks import everything_in

from targets import DamagedError, DumpError, JsonTarget, MissingOutputError
from targets.formats.foreign import make_foreign
from targets.opening import open_store
from targets.place import Place


class NoteTarget(luigi.LocalTarget):
    extension = "note"

    def dump(self, value):
        with self.open("w") as file:
            file.write(value)

    def load(self):
        with self.open() as file:
            return file.read()


class RowsTarget(luigi.Target):
    """As a table of a database: no file."""

    rows: dict = {}

    def __init__(self, task):
        self.name = task

    def exists(self):
        return self.name in self.rows

    def dump(self, value):
        self.rows[self.name] = []
        for row in value:
            self.rows[self.name].append(row)

    def load(self):
        return self.rows[self.name]

    def remove(self):
        del self.rows[self.name]


class Lost(luigi.Target):
    def dump(self, value):
        pass

    def load(self):
        return None

    def exists(self):
        return False


@pytest.fixture
def place(tmp_path):
    return Place(open_store(str(tmp_path)), "shop/x")


@pytest.fixture
def note(place):
    return make_foreign(NoteTarget, place, task=None)


@pytest.fixture
def rows(place):
    RowsTarget.rows = {}
    return make_foreign(RowsTarget, place, task="sales")


def test_a_target_with_a_path_is_given_one_in_the_store(note, tmp_path):
    note.dump("text")

    assert note.load() == "text"
    assert everything_in(tmp_path) == ["shop", "shop/x.note", "shop/x.record.json"]


def test_a_target_that_asks_for_the_task_is_given_it(rows):
    rows.dump([1, 2])

    assert rows.load() == [1, 2]
    assert RowsTarget.rows == {"sales": [1, 2]}


def test_the_content_of_a_local_file_is_what_consumers_depend_on(note, rows):
    assert not note.identity_from_inputs
    assert rows.identity_from_inputs


def test_a_changed_file_is_damage(note, tmp_path):
    note.dump("text")
    (tmp_path / "shop" / "x.note").write_text("else")

    with pytest.raises(DamagedError, match=r"x\.note is not what was written"):
        note.load()
    with pytest.raises(DamagedError, match=r"x\.note is not what was written"):
        note.verify()


@pytest.mark.parametrize("name", ["note", "rows"])
def test_data_that_are_gone_are_missing(request, name, tmp_path):
    target = request.getfixturevalue(name)
    target.dump("text")
    target.inner.remove()

    assert not target.exists()
    with pytest.raises(MissingOutputError, match="is gone while its record is there: build .* again"):
        target.load()


def test_a_dump_that_writes_nothing_is_refused(place):
    with pytest.raises(DumpError, match=r"Lost\.dump\(\) returned, but its exists\(\) says there is nothing"):
        make_foreign(Lost, place, task=None).dump(1)


def test_half_of_a_write_is_not_taken_for_the_old_output(rows):
    rows.dump([1, 2])

    with pytest.raises(DumpError):
        rows.dump(1 / (2 - n) for n in range(3))

    assert RowsTarget.rows["sales"] == [0.5, 1.0]
    assert not rows.exists()


def test_remove_removes_the_data_and_the_record_and_nothing_else(place, rows, note, tmp_path):
    JsonTarget(Place(place.store, "shop/other")).dump(1)
    for target in (rows, note):
        target.dump("text")
        target.remove()

    assert RowsTarget.rows == {}
    assert everything_in(tmp_path) == ["shop", "shop/other.json", "shop/other.record.json"]


def test_what_the_app_added_to_its_class_is_still_there(rows):
    assert rows.name == "shop/x.foreign"
    assert rows.rows is RowsTarget.rows

"""Whatever a parameter, a namespace, a family or an output is called: its files are inside the store, no two are the same, and all come back."""

import datetime
import os
import pathlib
import random
import unicodedata

import luigi
import pytest

import pipeline
from pipeline import Task
from pipeline.errors import TaskDefinitionError
from pipeline.keys import folder_name
from targets import JsonTarget, PickleTarget, TextTarget
from targets.naming import named_key

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))

RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
PIECES = [
    "..", "../", "/", "//", "\\", "..\\", "./", "~", "%2e%2e%2f", "/etc/passwd", "C:\\", "\\\\host\\share\\", "file://", "\0", "\n", "\r\n",
    "\t", "\x1b[2J", "\x7f", " ", ".", "a", "A", "\u00e9", "e\u0301", "\u0130", "i\u0307", "\u0131", "\u00df", "ss", "SS", "\ufb01", "fi", "\u212a",
    "k", "K", "\u202e", "\u200d", "\ufeff", "\ud800", "\U0001f600", "CON", "con", "nul", "COM1", "lpt9.txt", "aux.", "PRN ", "$(id)", "`id`",
    "|",
    "&", "*", "?", "<", ">", '"', "'", ":stream",
    "-rf", "--", ".record.json", ".luigi-warp", ".tmp", "0" * 32, "deadbeef" * 4,
]  # fmt: skip


def hostile(count, seed):
    """So many different names: each piece, pairs that some file systems take for one, long ones, and mixtures."""
    chance = random.Random(seed)
    found = dict.fromkeys([*PIECES, *(piece * 300 for piece in PIECES if piece), "x" * 65_536, "\u00e9" * 32_768, "../" * 21_845, ""])
    while len(found) < count:
        name = "".join(chance.choices(PIECES, k=chance.randint(1, 6)))
        found.update(dict.fromkeys([name, name.swapcase(), unicodedata.normalize("NFD", name), unicodedata.normalize("NFC", name)]))
    return list(found)[:count]


class Step(Task):
    target_type = JsonTarget
    name = luigi.Parameter()

    def easy_run(self, inputs):
        return [self.name.encode("utf-8", "surrogatepass").hex()]


def insist_on_a_portable_place(path, store):
    """The file is below the store, under names that every usual file system takes as they are."""
    inside = pathlib.Path(path).relative_to(store)
    assert os.path.realpath(path) == os.path.join(os.path.realpath(store), inside)
    for part in inside.parts:
        assert part.isascii()
        assert part.isprintable()
        assert len(part) <= 200
        assert not set(part) & set('<>:"/\\|?*')
        assert part.strip(". ") == part
        assert part.split(".")[0].upper() not in RESERVED
        assert not part.startswith("-")
    return str(inside)


def test_5000_hostile_values_are_stored_each_in_a_place_of_its_own(store):
    places = set()
    names = hostile(5_000 * HEAVY, seed=1)
    tasks = [Step(name=name) for name in names]
    assert len({task.key for task in tasks}) == len(names)
    for task in tasks:
        places.add(insist_on_a_portable_place(task.target.path, store).lower())
        task.target.dump(task.name.encode("utf-8", "surrogatepass").hex())
    assert len(places) == len(names)
    for task in tasks:
        assert task.target.load() == task.name.encode("utf-8", "surrogatepass").hex()
    written = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file() and not path.is_relative_to(store / ".luigi-warp")}
    assert len({name.lower() for name in written}) == 2 * len(names)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_of_hostile_values(workers, store):
    names = hostile(300, seed=2)
    run = pipeline.build([Step(name=name) for name in names], workers=workers)
    assert run.ok
    assert len(run.ran) == len(names)
    for name in names:
        assert Step(name=name).load() == [name.encode("utf-8", "surrogatepass").hex()]
    assert pipeline.build([Step(name=name) for name in names]).ran == []
    assert os.listdir(store.parent) == ["store"]


def test_5000_hostile_folders():
    for name in hostile(5_000 * HEAVY, seed=3):
        folder = folder_name(name)
        insist_on_a_portable_place(f"/store/{folder}/x", "/store")
        assert named_key(folder) is None  # or it would be taken for an output
        assert folder != ".luigi-warp"


def test_hostile_namespaces_and_families(store):
    """As far as Python has classes of such names: none with a NUL or half a character."""
    places = set()
    names = [name for name in hostile(400, seed=4) if "\0" not in name and "\ud800" not in name]
    for at, name in enumerate(names):
        step = type(name, (Step,), {"task_namespace": names[-at]})
        task = step(name="x")
        places.add(insist_on_a_portable_place(task.target.path, store).lower())
        task.target.dump(at)
        assert step(name="x").target.load() == at
        assert task.target.find_record() is not None
    assert len(places) == len(names)


@pytest.mark.parametrize(
    "name",
    [name for name in hostile(200, seed=5) if not name.isidentifier()] + ["x" * 65, "\u00e9" * 33, "x" * 65_536],
    ids=lambda name: ascii(name)[:30],
)
def test_an_output_whose_name_no_file_can_have_is_refused(name):
    with pytest.raises(TaskDefinitionError, match=r"Several: the output .* (must be an identifier|has too long a name)"):
        type("Several", (Task,), {"outputs": {"fine": PickleTarget, name: JsonTarget}})().output()


@pytest.mark.parametrize(
    ("one", "other"), [("model", "Model"), ("caf\u00e9", "cafe\u0301"), ("Record", "fine"), ("stra\u00dfe", "STRASSE"), ("\ufb01t", "fit")]
)
def test_outputs_that_a_file_system_could_take_for_one_are_refused(one, other):
    with pytest.raises(TaskDefinitionError, match="would share a file on some systems"):
        type("Several", (Task,), {"outputs": {one: PickleTarget, other: JsonTarget}})().output()


def test_the_longest_names_that_are_allowed_work(ran, store):
    class Several(Task):
        value = luigi.Parameter(default="v" * 500)
        outputs = {"x" * 64: JsonTarget, "\u00e9" * 32: TextTarget}

        def easy_run(self, inputs):
            return {"x" * 64: [1], "\u00e9" * 32: "text"}

    ran(Several())
    assert Several()["x" * 64].load() == [1]


class Dated(Task):
    day = luigi.DateParameter()
    span = luigi.TimeDeltaParameter(default=datetime.timedelta(hours=2))
    month = luigi.MonthParameter(default=datetime.date(2026, 2, 1))
    week = luigi.DateIntervalParameter(default=luigi.date_interval.Week(2026, 7))
    many = luigi.ListParameter(default=[1, 2])

    def easy_run(self, inputs):
        return 1


def test_dates_can_be_read_in_the_names_of_files():
    assert Dated(day=datetime.date(2026, 3, 4)).target.path.rpartition("/")[2].startswith("day-2026-03-04-span-")
    assert "-week-2026-w07-" in Dated(day=datetime.date(2026, 3, 4)).target.path
    assert "many" not in Dated(day=datetime.date(2026, 3, 4)).target.path


class Batched(Task):
    max_batch_size = 10
    letter = luigi.Parameter(batch_method=",".join)

    def easy_run(self, inputs):
        return self.letter


def test_each_step_of_a_batch_makes_its_own_output(ran):
    assert len(ran(*[Batched(letter=letter) for letter in "xyz"])) == 3
    assert [Batched(letter=letter).load() for letter in "xyz"] == ["x", "y", "z"]

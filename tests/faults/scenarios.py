"""Kinds of outputs, each written as a step writes it: what the tests of kills and of errors go through call by call."""

import contextlib
import os
import pathlib

import luigi
import numpy as np
import pandas as pd

from pipeline import Task
from targets import CsvTarget, FeatherTarget, FileTarget, JsonTarget, MissingOutputError, NumpyTarget, ParquetTarget, PickleTarget, TextTarget, known
from targets.local_store import LocalStore
from targets.parts import PartsTarget
from targets.place import Place

KEY = "0a" * 16
FOLDER = "shop/Step"


def leftovers(folder):
    return [str(path) for path in pathlib.Path(folder).rglob("*") if path.name.endswith((".tmp", ".aside"))]


def forget_records():
    """What this process knows of records, a forked child would know as well, and not ask."""
    known.forget_all()


class StepsOwnError(Exception):
    """What a step does itself has failed; the store has no part in it."""


@contextlib.contextmanager
def steps_own():
    try:
        yield
    except OSError as error:
        raise StepsOwnError(error) from error


class Scenario:
    """A kind of output: `write(n)` writes the value number n as a step does, `read` says which number is there."""

    kind = PickleTarget

    def __init__(self, folder, durable):
        self.folder = folder
        self.store = LocalStore(str(folder / "store"), durable=durable)

    def afresh(self):
        """The same, knowing nothing of what another one has made or locked."""
        return type(self)(self.folder, self.store.durable)

    def target(self):
        return self.make(Place(self.store, f"{FOLDER}/n-1-{KEY}"))

    def make(self, place):
        return self.kind(place)

    def write(self, n):
        target = self.target()
        with target.store.lock(target.place.key), target.store.draft() as draft:
            self.dump(target, draft, n)

    def dump(self, target, draft, n):
        target.dump([n] * 2000, draft=draft)

    def read(self):
        """The number of the value, None where there is none; whatever is there must be whole."""
        target = self.target()
        try:
            n = self.number(target, target.load())
        except MissingOutputError:
            assert not target.exists()
            return None
        target.verify()
        assert target.exists()
        return n

    def number(self, target, value):
        assert len(value) == 2000
        (n,) = set(value)
        return n

    def close(self):
        """Let go of the store's file system."""
        locks = self.store._locks
        if locks._descriptor is not None:
            os.close(locks._descriptor)
            locks._descriptor = None

    def sweep(self):
        self.target().store.sweep(FOLDER)


class OneFile(Scenario):
    pass


class SideFiles(Scenario):
    """Every second value has side files, so that they come, are replaced and go."""

    def dump(self, target, draft, n):
        folder = draft.directory(target.directory_name, target.place.record_name)
        with steps_own():
            (folder / "below").mkdir()
            (folder / "below" / "side").write_text(str(n))
        target.dump([n] * 2000, draft=draft, directory=folder)

    def number(self, target, value):
        n = super().number(target, value)
        assert pathlib.Path(target.store.path(target.directory_name), "below", "side").read_text() == str(n)
        return n


class SideFilesThatGo(SideFiles):
    """The new value has none."""

    def dump(self, target, draft, n):
        if n % 2:
            super().dump(target, draft, n)
        else:
            target.dump([n] * 2000, draft=draft)

    def number(self, target, value):
        n = Scenario.number(self, target, value)
        return super().number(target, value) if n % 2 else n


class SeveralOutputs(Scenario):
    def make(self, place):
        return PartsTarget(place, {"one": PickleTarget, "two": JsonTarget, "three": FileTarget})

    def dump(self, target, draft, n):
        source = self.folder / "made"
        with steps_own():
            source.write_text(str(n))
        target.dump({"one": [n] * 2000, "two": [n], "three": source}, draft=draft)

    def number(self, target, value):
        (n,) = {*value["one"], *value["two"], int(value["three"].read_text())}
        return n


class MovedInFile(Scenario):
    """The old value is another file: it has another suffix."""

    kind = FileTarget

    def dump(self, target, draft, n):
        source = self.folder / f"made.{'csv' if n % 2 else 'txt'}"
        with steps_own():
            source.write_text(str(n))
        target.dump(source, draft=draft)

    def number(self, target, value):
        assert value.suffix == (".csv" if int(value.read_text()) % 2 else ".txt")
        return int(value.read_text())


class MovedInDirectory(Scenario):
    kind = FileTarget

    def dump(self, target, draft, n):
        source = self.folder / "made"
        with steps_own():
            (source / "below").mkdir(parents=True, exist_ok=True)
            for name in ("one", "below/two"):
                (source / name).write_text(str(n))
        target.dump(source, draft=draft)

    def number(self, target, value):
        (n,) = {int(path.read_text()) for path in value.rglob("*") if path.is_file()}
        return n


class Text(Scenario):
    kind = TextTarget

    def dump(self, target, draft, n):
        target.dump(str(n) * 2000, draft=draft)

    def number(self, target, value):
        assert len(value) == 2000
        (n,) = set(value)
        return int(n)


class Json(Scenario):
    kind = JsonTarget


class Numpy(Scenario):
    kind = NumpyTarget

    def dump(self, target, draft, n):
        target.dump(np.full(2000, n), draft=draft)


class Csv(Scenario):
    kind = CsvTarget

    def dump(self, target, draft, n):
        target.dump(pd.DataFrame({"a": [n] * 2000, "b": [n / 7] * 2000}), draft=draft)

    def number(self, target, value):
        n = super().number(target, value["a"])
        assert set(value["b"]) == {n / 7}
        return n


class Parquet(Csv):
    kind = ParquetTarget


class Feather(Csv):
    kind = FeatherTarget


class Leaf(Task):
    task_namespace = "faults"
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        (self.task_directory / "side").write_text(str(self.n))
        return [self.n] * 100


class Root(Task):
    task_namespace = "faults"
    outputs = {"sum": JsonTarget, "all": PickleTarget}

    def requires(self):
        return [Leaf(n=1), Leaf(n=2)]

    def easy_run(self, inputs):
        return {"sum": sum(map(sum, inputs)), "all": inputs}

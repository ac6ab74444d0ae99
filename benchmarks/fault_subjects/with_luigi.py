"""Luigi: `luigi.build` with a local scheduler, and the `luigi` command; a pickle in a `LocalTarget`, written through `open("w")`.

A step that writes to `output().path` itself would give another result.
"""

from __future__ import annotations

import pickle

import luigi

from benchmarks.fault_subjects import values

DATA = "outputs/Small.pkl"


class Pickled(luigi.Task):
    """A task whose output is a pickle."""

    def output(self):
        return luigi.LocalTarget(f"outputs/{'-'.join([type(self).__name__, *self.to_str_params().values()])}.pkl", format=luigi.format.Nop)

    def save(self, value):
        with self.output().open("w") as file:
            pickle.dump(value, file)

    def inputs(self):
        """What the required tasks have stored."""
        return [load(target) for target in self.input()]


def load(target):
    with target.open("r") as file:
        return pickle.load(file)


class Large(Pickled):
    def run(self):
        self.save(values.large())


class Small(Pickled):
    def run(self):
        self.save(values.small())


class Wait(Pickled):
    at = luigi.IntParameter()

    def run(self):
        self.save(values.wait(self.at))


class Fails(Pickled):
    def run(self):
        values.fail()


class Dies(Pickled):
    def run(self):
        values.die()


class LookLarge(Pickled):
    def requires(self):
        return [Large()]

    def run(self):
        self.save(values.look_at_large(*self.inputs()))


class LookSmall(Pickled):
    def requires(self):
        return [Small()]

    def run(self):
        self.save(values.look_at_small(*self.inputs()))


class LookWaits(Pickled):
    def requires(self):
        return [Wait(at=at) for at in range(values.WAITS)]

    def run(self):
        self.save(values.look_at_waits(self.inputs()))


class DiesAmongOthers(Pickled):
    def requires(self):
        return [Dies(), *(Wait(at=at) for at in range(values.OTHERS))]

    def run(self):
        self.save("right")


def build(name, workers):
    task = globals()[name]()
    result = luigi.build([task], local_scheduler=True, workers=workers, detailed_summary=True)
    print(result.summary_text)
    if not result.scheduling_succeeded:
        raise SystemExit(1)
    return load(task.output())

"""gokart: `gokart.build`, and `gokart.run` for the command line; its default pickles and workspace. Without Redis, which its locks need."""

from __future__ import annotations

import gokart
import luigi

from benchmarks.fault_subjects import values

DATA = "resources/benchmarks/**/Small_*.pkl"


class Large(gokart.TaskOnKart):
    def run(self):
        self.dump(values.large())


class Small(gokart.TaskOnKart):
    def run(self):
        self.dump(values.small())


class Wait(gokart.TaskOnKart):
    at = luigi.IntParameter()

    def run(self):
        self.dump(values.wait(self.at))


class Fails(gokart.TaskOnKart):
    def run(self):
        values.fail()


class Dies(gokart.TaskOnKart):
    def run(self):
        values.die()


class LookLarge(gokart.TaskOnKart):
    def requires(self):
        return Large()

    def run(self):
        self.dump(values.look_at_large(self.load()))


class LookSmall(gokart.TaskOnKart):
    def requires(self):
        return Small()

    def run(self):
        self.dump(values.look_at_small(self.load()))


class LookWaits(gokart.TaskOnKart):
    def requires(self):
        return [Wait(at=at) for at in range(values.WAITS)]

    def run(self):
        self.dump(values.look_at_waits(self.load()))


class DiesAmongOthers(gokart.TaskOnKart):
    def requires(self):
        return [Dies(), *(Wait(at=at) for at in range(values.OTHERS))]

    def run(self):
        self.dump("right")


def build(name, workers):
    return gokart.build(globals()[name](), workers=workers)


if __name__ == "__main__":
    gokart.run()

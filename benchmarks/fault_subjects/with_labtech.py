"""labtech: `Lab.run_tasks`, its default backend (a pool of forks) and its default pickles."""

from __future__ import annotations

import labtech

from benchmarks.fault_subjects import values

DATA = "lab/pickle__Small__*/data.pickle"


@labtech.task
class Large:
    def run(self):
        return values.large()


@labtech.task
class Small:
    def run(self):
        return values.small()


@labtech.task
class Wait:
    at: int

    def run(self):
        return values.wait(self.at)


@labtech.task
class Fails:
    def run(self):
        values.fail()


@labtech.task
class Dies:
    def run(self):
        values.die()


@labtech.task
class LookLarge:
    large: Large

    def run(self):
        return values.look_at_large(self.large.result)


@labtech.task
class LookSmall:
    small: Small

    def run(self):
        return values.look_at_small(self.small.result)


@labtech.task
class LookWaits:
    waits: list[Wait]

    def run(self):
        return values.look_at_waits([wait.result for wait in self.waits])


@labtech.task
class DiesAmongOthers:
    dies: Dies
    waits: list[Wait]

    def run(self):
        return "right"


def task(name):
    """A task of this name with what it needs."""
    waits = [Wait(at=at) for at in range(values.WAITS)]
    if name == "DiesAmongOthers":
        return DiesAmongOthers(dies=Dies(), waits=waits[: values.OTHERS])
    needs = {"LookLarge": {"large": Large()}, "LookSmall": {"small": Small()}, "LookWaits": {"waits": waits}}
    return globals()[name](**needs.get(name, {}))


def build(name, workers):
    # One worker would mean threads to it, and none says the number of CPUs.
    lab = labtech.Lab(storage="lab", max_workers=workers if workers > 1 else None)
    return lab.run_task(task(name))


if __name__ == "__main__":
    build("Fails", 1)

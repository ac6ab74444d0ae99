"""Graphs that are deep, wide or closed in themselves: no recursion, no descriptor for each input, and a cycle is named before anything runs.

Each runs in a process of its own, so that its limits are not this one's.
"""

import os
import pathlib
import subprocess
import sys

import luigi
import pytest

import pipeline
from pipeline import CycleError, Task, WrapperTask
from targets import JsonTarget

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))

CHAIN = """
import sys, luigi, pipeline
from targets import JsonTarget

class Link(pipeline.Task):
    TARGET_DIR = "store"
    target_type = JsonTarget
    n = luigi.IntParameter()

    def requires(self):
        return Link(n=self.n - 1) if self.n else None

    def easy_run(self, inputs):
        return self.n

class Plain(luigi.Task):
    def requires(self):
        return Link(n=LENGTH - 1)

    def output(self):
        return luigi.LocalTarget("plain")

    def run(self):
        with self.output().open("w") as file:
            file.write(str(self.input().load()))

LENGTH, WORKERS, HOW = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
last = Link(n=LENGTH - 1)
if HOW == "build":
    plan = pipeline.plan(last)
    assert len(plan.must_run) == LENGTH
    assert not last.complete()
    run = pipeline.build(last, workers=WORKERS)
    assert run.ok and len(run.ran) == LENGTH, run
if HOW == "plain":
    assert luigi.build([Plain()], local_scheduler=True, log_level="ERROR")
    assert open("plain").read() == str(LENGTH - 1)
assert last.complete()
assert pipeline.plan(last).must_run == []
assert pipeline.build(last).ran == []
assert last.load() == LENGTH - 1
"""

FAN_IN = """
import resource, sys, luigi, pipeline
from targets import JsonTarget, PickleTarget

resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))

class Leaf(pipeline.Task):
    TARGET_DIR = "store"
    target_type = {target}
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return [self.n] * {length}

class Sum(pipeline.Task):
    TARGET_DIR = "store"
    target_type = JsonTarget

    def requires(self):
        return [Leaf(n=n) for n in range({width})]

    def easy_run(self, inputs):
        return sum(one[0] for one in inputs)

for _ in range(2):
    run = pipeline.build(Sum(), workers={workers})
    assert run.ok, run
    assert Sum().load() == sum(range({width}))
    assert pipeline.build(Sum()).ran == []
    Sum().remove()
"""


def python(folder, code, *arguments):
    (folder / "app.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg"}
    ended = subprocess.run(
        [sys.executable, "app.py", *map(str, arguments)], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_chain_of_10_000(workers, tmp_path):
    python(tmp_path, CHAIN, 10_000 * HEAVY, workers, "build")
    # A plain task requires the last link: Luigi's own worker asks the chain whether it is complete.
    python(tmp_path, CHAIN, 10_000 * HEAVY, workers, "plain")


@pytest.mark.parametrize(("target", "length", "workers"), [("PickleTarget", 1, 1), ("JsonTarget", 20, 2)])
def test_a_fan_in_of_5_000_with_256_descriptors(target, length, workers, tmp_path):
    pytest.importorskip("resource")
    python(tmp_path, FAN_IN.format(target=target, length=length, workers=workers, width=5_000 * HEAVY))


# Cycles


class Ring(Task):
    """Requires the next one of so many, the last one the first."""

    target_type = JsonTarget
    length = luigi.IntParameter()
    n = luigi.IntParameter(default=0)
    ran: list = []  # noqa: RUF012

    def requires(self):
        return Ring(length=self.length, n=(self.n + 1) % self.length)

    def easy_run(self, inputs):
        self.ran.append(self.n)


class Beside(Task):
    def easy_run(self, inputs):
        Ring.ran.append("beside")


class Into(Task):
    """A long way to a ring; what stands beside it must not run either."""

    n = luigi.IntParameter()

    def requires(self):
        return [Beside(), Into(n=self.n - 1) if self.n else Ring(length=3)]


class RingOfWrappers(WrapperTask):
    n = luigi.IntParameter(default=0)

    def requires(self):
        yield RingOfWrappers(n=(self.n + 1) % 4)


class Asks(Task):
    """Asks while running for what requires it."""

    def easy_run(self, inputs):
        yield NeedsAsks()


class NeedsAsks(Task):
    def requires(self):
        return Asks()

    def easy_run(self, inputs):
        return 1


class AsksInTurn(Task):
    """Three that ask for one another, none of which requires anything."""

    n = luigi.IntParameter()

    def easy_run(self, inputs):
        yield AsksInTurn(n=(self.n + 1) % 3)


class AsksItself(Task):
    def easy_run(self, inputs):
        yield AsksItself()


CYCLES = [Ring(length=1), Ring(length=2), Ring(length=10_000), Into(n=2_000), RingOfWrappers()]


@pytest.mark.parametrize("root", CYCLES, ids=lambda task: str(task)[:30])
@pytest.mark.parametrize("what", [pipeline.build, pipeline.plan])
def test_a_cycle_is_named_before_anything_runs(what, root):
    Ring.ran.clear()
    with pytest.raises(CycleError, match=r"a task requires itself: .* -> .*\. Change requires\(\) of one of them") as raised:
        what([Beside(), root])
    assert Ring.ran == []
    assert len(str(raised.value)) < 20_000


def test_complete_of_a_cycle_comes_to_its_end():
    """What was never made is not complete, whatever it requires."""
    assert not Ring(length=3).complete()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("root", [AsksItself(), Asks(), NeedsAsks(), AsksInTurn(n=0)], ids=str)
def test_a_cycle_that_shows_only_while_running_fails_its_steps(root, workers):
    """Nobody can know before, but the run must come to its end and say what is wrong."""
    run = pipeline.build(root, workers=workers)
    assert not run.ok
    assert run.exit_code == 1
    assert run.ran == []
    assert any("requires itself" in str(run.outcomes[task].error) for task in run.failed), run

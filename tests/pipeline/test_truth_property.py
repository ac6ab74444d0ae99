"""The rule of truth against an oracle: random graphs, random edits, and exactly what must run runs.

Hypothesis draws a small app and a list of rounds. Each round edits the app or its store and builds something. The app
is real: its modules are written to a folder and imported. The oracle is a second, plain writing of the rule: it
computes every value by itself, remembers of each output what a record would, and knows which steps must run. Wherever
the two disagree, the app is printed as a Python module that can be tried by hand.

`pytest --heavy` runs ten times as many examples.
"""

from __future__ import annotations

import collections
import contextlib
import importlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st
from luigi.task_register import Register
from truth_app import KINDS, PARTS, App, Step
from truth_oracle import Oracle, Output

import pipeline
from pipeline import Task
from targets import MemoryTarget
from targets.errors import DamagedError, MissingOutputError

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))


# The app at work


class World:
    """The app in a folder and its store, edited and built in step with the oracle."""

    def __init__(self, app: App, folder: Path, workers: int) -> None:
        self.app, self.folder, self.workers = app, folder, workers
        self.oracle = Oracle(app)
        self.module: Any = None
        self.versions = 0
        for number in self.oracle.files:
            (folder / f"{number}.txt").write_text("0")

    def task(self, task: Any) -> Any:
        if task[0] == "file":
            return pipeline.ExternalFile(f"{task[1]}.txt")
        made = getattr(self.module, f"Step{task[0]}")(n=task[1])
        return made[task[2]] if task[2] else made

    def load_the_app(self) -> None:
        """Import the app as it is written now, from a new checkout: another folder, the same code."""
        self.versions += 1
        checkout = self.folder / f"checkout{self.versions}"
        checkout.mkdir()
        (checkout / "property_app.py").write_text(self.app.source())
        forget_the_app()
        sys.path.insert(0, str(checkout))
        try:
            importlib.invalidate_caches()
            self.module = importlib.import_module("property_app")
        finally:
            sys.path.remove(str(checkout))

    def edit(self, edit: tuple[str, int, int]) -> None:
        what, where, how = edit
        step = self.app.steps[where % len(self.app.steps)]
        task = (step.number, step.parameter, "")
        output = self.oracle.outputs.get(task)
        if what == "code":
            step.constant += how % 12
        elif what == "comment":
            step.comments += 1
        elif what == "box":
            self.app.box_plus += 1
        elif what == "parameter":
            step.parameter = how % 3
        elif what == "requirement":
            step.hidden_needs = 0 if step.hidden_needs else min(1, len(step.needs))
        elif what == "always":
            step.always = not step.always and step.kind not in ("wrapper", "memory")
        elif what == "file":
            self.oracle.files[step.number] = how
            (self.folder / f"{step.number}.txt").write_text(str(how))
        elif what == "new process":
            MemoryTarget._kept.clear()
            for other in [task for task in self.oracle.outputs if self.app.steps[task[0]].kind == "memory"]:
                del self.oracle.outputs[other]
        elif what == "trim" and step.kind != "wrapper":
            self.load_the_app()
            trimmed = pipeline.trim([self.task(task)])
            assert bool(trimmed) == self.oracle.trim(task)
        elif output is not None:
            self._harm(what, task, step, output, how)
        note(f"  {what} {step.name} {how}")

    def _harm(self, what: str, task: Any, step: Step, output: Output, how: int) -> None:
        """Remove or damage what is stored, once for each place."""
        self.load_the_app()
        target = self.task(task).target
        part = PARTS[how % 2] if step.kind == "parts" else ""
        if what == "remove":
            self.task(task).remove()
            del self.oracle.outputs[task]
        elif step.kind == "memory":
            return
        elif what == "flip the record" and not output.record_damaged:
            flip(Path(target.store.where(target.place.record_name)), how)
            output.record_damaged = True
        elif not output.trimmed and part not in output.damage:
            path = Path((target[part] if part else target).path)
            if what == "flip":
                flip(path, how)
                output.damage[part] = "flipped"
            elif what == "lengthen":
                path.write_bytes(path.read_bytes() + b"x")
                output.damage[part] = "size"
            elif what == "unlink":
                path.unlink()
                output.damage[part] = "gone"

    def build(self, roots: list[int], force: tuple[int, bool] | None) -> None:
        self.load_the_app()
        steps = self.app.steps
        needed = {one[0] for step in steps for one in [*step.required, *step.asks]}
        chosen = sorted({steps[at % len(steps)].number for at in roots}) or [step.number for step in steps if step.number not in needed]
        tasks = [(number, steps[number].parameter, "") for number in chosen]
        inside = sorted({task[0] for task in self.oracle.closure(tasks) if task[0] != "file"})
        forced = [(steps[inside[force[0] % len(inside)]].name, force[1])] if force is not None else []
        note(f"  build {tasks} force={forced}")
        rules, must_run = self.oracle.build(tasks, forced)
        run = pipeline.build([self.task(task) for task in tasks], workers=self.workers, force=[name + "+" * downwards for name, downwards in forced])
        skipped = run.skipped
        assert not run.failed, run.summary_text
        assert not skipped, run.summary_text
        ran = {(int(type(task).__name__[4:]), task.n, "") for task in run.ran}
        assert ran == must_run, f"\n{run.ran=}\n{rules=}"
        for task, rule in rules.items():
            planned = str(run.verdicts[self.task(task)].rule)
            asked_for = planned == "MISSING" and rule in ("CURRENT", "FORCED") and task in must_run
            assert planned == rule or asked_for, (task, run.verdicts[self.task(task)], rule)
        if self.workers == 1:
            assert collections.Counter(self.module.EXECUTED) == collections.Counter(f"Step{task[0]}" for task in must_run)
        self._compare_values(rules)
        event(f"{min(len(ran), 4)} ran")

    def _compare_values(self, tasks: Any) -> None:
        for task in tasks:
            if task[0] == "file" or task[2] or self.app.steps[task[0]].kind == "wrapper":
                continue
            output = self.oracle.outputs.get(task)
            real = self.task(task)
            if output is None or output.trimmed:
                with pytest.raises(MissingOutputError):
                    real.target.load()
            elif output.damage:
                with pytest.raises(DamagedError):
                    real.target.load()
            elif self.workers == 1 or self.app.steps[task[0]].kind != "memory":
                value = real.target.load()
                assert (value.number() if hasattr(value, "number") else value) == output.value


def flip(path: Path, how: int) -> None:
    data = bytearray(path.read_bytes())
    data[how % len(data)] ^= 1 << (how % 8)
    path.write_bytes(data)


def forget_the_app() -> None:
    sys.modules.pop("property_app", None)
    Register._reg[:] = [cls for cls in Register._reg if cls.__module__ != "property_app"]
    Register.clear_instance_cache()


@contextlib.contextmanager
def a_world(app: App, workers: int) -> Any:
    before, where, written = Task.TARGET_DIR, os.getcwd(), sys.dont_write_bytecode
    folder = Path(tempfile.mkdtemp(prefix="luigi-warp-property-"))
    os.chdir(folder)
    sys.dont_write_bytecode = True
    Task.TARGET_DIR = str(folder / "store")
    try:
        yield World(app, folder, workers)
    finally:
        Task.TARGET_DIR = before
        sys.dont_write_bytecode = written
        os.chdir(where)
        MemoryTarget._kept.clear()
        forget_the_app()
        shutil.rmtree(folder)


# What is drawn


@st.composite
def apps(draw: Any, kinds: tuple[str, ...] = KINDS) -> App:
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(kinds))

        def references(most: int, number: int = number) -> list[tuple[int, str]]:
            if not number or not most:
                return []
            found = draw(st.lists(st.integers(0, number - 1), max_size=most, unique=True))
            return [(at, draw(st.sampled_from(["", "a", "b"])) if steps[at].kind == "parts" else "") for at in found]

        steps.append(
            Step(
                number=number,
                kind=kind,
                needs=references(3),
                asks=references(2) if kind == "dynamic" else [],
                shape=draw(st.sampled_from(["list", "dict", "nested"])),
                divisor=draw(st.sampled_from([1, 10])),
                reads_file=draw(st.booleans()) if kind != "wrapper" else False,
            )
        )
    return App(steps)


EDITS = "code code comment box parameter requirement always file file remove unlink lengthen flip flip flip-the-record trim trim new-process".split()
edits = st.tuples(st.sampled_from(EDITS).map(lambda name: name.replace("-", " ")), st.integers(0, 7), st.integers(0, 30))
rounds = st.tuples(
    st.lists(edits, max_size=3),
    st.one_of(st.just([]), st.lists(st.integers(0, 7), min_size=1, max_size=2)),
    st.one_of(st.none(), st.none(), st.tuples(st.integers(0, 7), st.booleans())),
)


def check(app: App, story: list[Any], workers: int) -> None:
    with a_world(app, workers) as world:
        note(app.source())
        world.build([], None)
        for changes, roots, force in story:
            note("round")
            for change in changes:
                world.edit(change)
            world.build(roots, force)


relaxed = settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate] + [Phase.shrink] * (HEAVY < 2),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@settings(relaxed, max_examples=60 * HEAVY)
@given(apps(), st.lists(rounds, min_size=1, max_size=5))
def test_exactly_what_must_run_runs(app, story):
    check(app, story, workers=1)


@settings(relaxed, max_examples=5 * HEAVY)
@given(apps(kinds=tuple(kind for kind in KINDS if kind != "memory")), st.lists(rounds, min_size=1, max_size=3))
def test_exactly_what_must_run_runs_with_two_workers(app, story):
    check(app, story, workers=2)

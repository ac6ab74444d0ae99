"""The rule of truth against an oracle: random graphs, random edits, and exactly what must run runs.

Hypothesis draws a small app and a list of rounds. Each round edits the app or its store and builds something. The app
is real: its modules are written to a folder and imported. The oracle below is a second, plain writing of the rule: it
computes every value by itself, remembers of each output what a record would, and knows which steps must run. Wherever
the two disagree, the app is printed as a Python module that can be tried by hand.

`pytest --heavy` runs ten times as many examples.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib
import os
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st
from luigi.task_register import Register

import pipeline
from pipeline import Task
from targets import MemoryTarget
from targets.errors import DamagedError, MissingOutputError

HEAVY = int(os.environ.get("PIPELINE_TEST_HEAVY", "1"))
KINDS = ("plain", "plain", "parts", "wrapper", "dynamic", "memory", "boxed")
PARTS = ("a", "b")


# The app: what is drawn, and the module that it stands for


@dataclasses.dataclass
class Step:
    """One step. `needs` and `asks` (while running) name earlier steps and which of their outputs: `(0, "a")`."""

    number: int
    kind: str
    needs: list[tuple[int, str]]
    asks: list[tuple[int, str]]
    shape: str
    divisor: int
    reads_file: bool
    constant: int = 0
    parameter: int = 0
    hidden_needs: int = 0
    always: bool = False
    comments: int = 0

    @property
    def name(self) -> str:
        return f"Step{self.number}"

    @property
    def required(self) -> list[tuple[int, str]]:
        return self.needs[: len(self.needs) - self.hidden_needs]


@dataclasses.dataclass
class App:
    steps: list[Step]
    box_plus: int = 0

    def source(self) -> str:
        return HEAD.format(plus=self.box_plus) + "".join(self._step(step) for step in self.steps)

    def task_text(self, reference: tuple[int, str]) -> str:
        step = self.steps[reference[0]]
        return f"{step.name}(n={step.parameter})" + (f"[{reference[1]!r}]" if reference[1] else "")

    def _step(self, step: Step) -> str:
        needs = [self.task_text(reference) for reference in step.required]
        if step.reads_file:
            needs.append(f"ExternalFile('{step.number}.txt')")
        if step.shape == "dict":
            requires = "{" + ", ".join(f"'x{at}': {need}" for at, need in enumerate(needs)) + "}"
        elif step.shape == "nested":
            requires = "{'some': [" + ", ".join(needs[:1]) + "], 'more': (" + "".join(f"{need}, " for need in needs[1:]) + ")}"
        else:
            requires = "[" + ", ".join(needs) + "]"
        lines = [f"# comment {at}" for at in range(step.comments)]
        if step.kind == "wrapper":
            lines += [f"class {step.name}(WrapperTask):", "    n = luigi.IntParameter()"]
        else:
            lines += [f"CONSTANT_{step.number} = {step.constant}", f"class {step.name}(Task):", "    n = luigi.IntParameter()"]
        if step.kind == "memory":
            lines.append("    target_type = MemoryTarget")
        if step.kind == "parts":
            lines.append("    outputs = {'a': PickleTarget, 'b': PickleTarget}")
        if step.always:
            lines.append("    fresh_for = datetime.timedelta(0)")
        lines += ["    def requires(self):", f"        return {requires}"]
        if step.kind != "wrapper":
            lines += ["    def easy_run(self, inputs):", f"        total = CONSTANT_{step.number} + self.n + number(inputs)"]
            for at, reference in enumerate(step.asks):
                ask = f"total += number((yield [{self.task_text(reference)}]))"
                lines.append(f"        if total % 2: {ask}" if at else f"        {ask}")
            lines.append(f"        EXECUTED.append({step.name!r})")
            result = f"total // {step.divisor}"
            result = {"parts": f"{{'a': {result}, 'b': total}}", "boxed": f"Box({result})"}.get(step.kind, result)
            lines.append(f"        return {result}")
        return "\n".join(lines) + "\n\n"


HEAD = textwrap.dedent(
    """\
    import datetime, luigi
    from pathlib import Path
    from pipeline import ExternalFile, Task, WrapperTask
    from targets import MemoryTarget, PickleTarget

    EXECUTED = []
    BOX_PLUS = {plus}

    class Box:
        def __init__(self, value):
            self.value = value
        def number(self):
            return self.value + BOX_PLUS

    def number(value):
        if isinstance(value, Path):
            return int(value.read_text())
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, (list, tuple)):
            return sum(number(item) for item in value)
        return value if isinstance(value, int) else value.number()

    """
)


# The oracle


@dataclasses.dataclass
class Output:
    """What the oracle knows of a stored output. `damage`: part -> flipped, size or gone."""

    value: Any
    identity: Any
    code: Any
    inputs: list[tuple[Any, Any]]
    dynamic: list[tuple[Any, Any]]
    run: int
    damage: dict[str, str] = dataclasses.field(default_factory=dict)
    record_damaged: bool = False
    trimmed: bool = False


class Oracle:
    """The rule of truth, written a second time. A task is `(step, parameter, part)`; a file is `("file", step)`."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.outputs: dict[Any, Output] = {}
        self.files: dict[int, int] = {step.number: 0 for step in app.steps}
        self.build_number = 0
        self.roots: list[Any] = []
        self.forced: list[tuple[str, bool]] = []
        self.ran: set[Any] = set()
        self.wanted: set[Any] = set()
        self._waiting: set[Any] = set()
        self._known: dict[Any, Any] = {}

    def step(self, task: Any) -> Step:
        return self.app.steps[task[0]]

    def task(self, reference: tuple[int, str]) -> Any:
        return (reference[0], self.app.steps[reference[0]].parameter, reference[1])

    def required(self, task: Any) -> list[Any]:
        if task[0] == "file":
            return []
        if task[2]:
            return [(task[0], task[1], "")]
        step = self.step(task)
        return [self.task(reference) for reference in step.required] + ([("file", step.number)] if step.reads_file else [])

    def code(self, step: Step) -> Any:
        """What the body of a step reaches; the tasks that it asks for are written in it."""
        return (step.constant, [self.task(reference) for reference in step.asks], self.app.box_plus if step.kind == "boxed" else None)

    def closure(self, roots: list[Any]) -> list[Any]:
        found: dict[Any, None] = {}
        waiting = list(roots)
        while waiting:
            task = waiting.pop()
            if task not in found:
                found[task] = None
                waiting += self.required(task)
        return list(found)

    # Judging: (rule, identity, absent, what must be made first)

    def judge(self, task: Any) -> tuple[str, Any, bool, Any]:
        if task not in self._known:
            self._known[task] = self._judge(task)
        return self._known[task]

    def _judge(self, task: Any) -> tuple[str, Any, bool, Any]:
        if task[0] == "file":
            return "CURRENT", ("file", self.files[task[1]]), False, None
        step, required = self.step(task), self.required(task)
        found = {one: self.judge(one) for one in required}
        first = next((one for one in required if found[one][0] != "CURRENT"), None)
        output = self.outputs.get(task)
        if task[2]:
            if first is not None:
                return "UPSTREAM", None, False, first
            return "CURRENT", ("bytes", self.outputs[required[0]].value[task[2]]), found[required[0]][2], None
        if step.kind == "wrapper":
            if first is not None:
                return "UPSTREAM", None, False, first
            return "CURRENT", ("structure", [found[one][1] for one in required]), False, None
        if step.kind == "memory" and output is None:
            if first is not None:
                return "UPSTREAM", None, False, first
            if self._is_forced(task):
                return "FORCED", None, False, None
            if task in self.wanted:
                return "MISSING", None, False, None
            return "CURRENT", ("made from", task, self.code(step), [found[one][1] for one in required]), True, None
        own = "MISSING" if task in self.wanted else self._own_rule(step, output)
        if own is not None or output is None:
            return own or "MISSING", None, False, None
        if output.run == self.build_number:
            return "CURRENT", output.identity, output.trimmed, None
        if [one for one, _ in output.inputs] != required:
            return "REQUIREMENTS", None, False, None
        if any(found[one][0] == "CURRENT" and found[one][1] != identity for one, identity in output.inputs):
            return "INPUT", None, False, None
        if first is None:
            for one, identity in output.dynamic:
                rule, now, _, _ = self.judge(one)
                if rule != "CURRENT":
                    first = one
                    break
                if now != identity:
                    return "INPUT", None, False, None
        if step.always and self.build_number:
            return "EXPIRED", None, False, None
        if self._is_forced(task):
            return "FORCED", None, False, None
        if first is not None:
            return "UPSTREAM", None, False, first
        return "CURRENT", output.identity, output.trimmed, None

    def _own_rule(self, step: Step, output: Output | None) -> str | None:
        if output is None:
            return "MISSING"
        if output.record_damaged:
            return "DAMAGED"
        for part in PARTS if step.kind == "parts" else ("",):
            damage = output.damage.get(part)
            if damage in ("gone", "size"):
                return "MISSING" if damage == "gone" else "DAMAGED"
        return "CODE" if output.code != self.code(step) and output.run != self.build_number else None

    def _is_forced(self, task: Any) -> bool:
        if any(name == self.step(task).name for name, _ in self.forced):
            return True
        return self._is_below(task)

    def _is_below(self, task: Any) -> bool:
        """Whether it needs, now or when it last ran, something that was forced with +."""
        if task[0] == "file":
            return False
        if not task[2] and any(name == self.step(task).name and downwards for name, downwards in self.forced):
            return True
        output = self.outputs.get(task)
        asked = [one for one, _ in output.dynamic] if output is not None and self._own_rule(self.step(task), output) is None else []
        return any(self._is_below(one) for one in [*self.required(task), *asked])

    # Building

    def build(self, roots: list[Any], forced: list[tuple[str, bool]]) -> tuple[dict[Any, str], set[Any]]:
        """(rule of each task before anything runs, tasks that must run)."""
        self.build_number += 1
        self.roots, self.forced, self.ran = roots, forced, set()
        self._known = {}
        order = self.in_order(roots)
        rules = {task: self.judge(task)[0] for task in order}
        # What lives in memory is asked for by who names it.
        self._waiting = {task for task in roots if self.is_in_memory(task)}
        self._want(order, rules)
        for root in roots:
            self._ensure(root)
        self.forced = []
        return rules, self.ran

    def _want(self, order: list[Any], rules: dict[Any, str]) -> None:
        """Absent data that are made again before anybody reads them."""
        self.wanted = set()
        for task in reversed(order):
            if task[0] == "file" or (rules[task] == "CURRENT" and task not in self.wanted):
                continue
            if rules[task] == "UPSTREAM":
                continue
            self.wanted |= {one for one in self.required(task) if one[0] != "file" and not one[2] and self.judge(one)[2]}
        self._known = {}

    def is_in_memory(self, task: Any) -> bool:
        return task[0] != "file" and self.step(task).kind == "memory" and task not in self.outputs

    def in_order(self, roots: list[Any]) -> list[Any]:
        """Requirements first, also those that a step asked for when it last ran; as a plan lists them."""
        order: dict[Any, None] = {}

        def visit(task: Any) -> None:
            if task not in order:
                output = None if task[0] == "file" or task[2] else self.outputs.get(task)
                asked = output.dynamic if output is not None and self._own_rule(self.step(task), output) is None else []
                for one in [*self.required(task), *(one for one, _ in asked)]:
                    visit(one)
                order[task] = None

        for root in roots:
            visit(root)
        return list(order)

    def _ensure(self, task: Any) -> None:
        while (judged := self.judge(task))[0] != "CURRENT":
            for one in self.required(task):
                self._ensure(one)
            rule, _, _, first = self.judge(task)
            if rule == "UPSTREAM":
                self._ensure(first)
            elif rule != "CURRENT":
                self._run(task)
        assert judged[0] == "CURRENT"
        if task in self._waiting and self.is_in_memory(task):
            self._run(task)

    def _run(self, task: Any) -> None:
        step = self.step(task)
        self._known = {}
        total = step.constant + task[1] + sum(self._load(one) for one in self.required(task))
        inputs = [(one, self.judge(one)[1]) for one in self.required(task)]
        dynamic = []
        for at, reference in enumerate(step.asks):
            if at and total % 2 == 0:
                continue
            one = self.task(reference)
            self._ensure(one)
            total += self._load(one)
            dynamic.append((one, self.judge(one)[1]))
        value: Any = total // step.divisor
        code = self.code(step)
        identity: Any = ("bytes", value)
        if step.kind == "parts":
            value = {"a": value, "b": total}
            identity = ("parts", value)
        elif step.kind == "boxed":
            identity = ("box", value, self.app.box_plus)
            value += self.app.box_plus
        elif step.kind == "memory":
            identity = ("made from", task, code, [identity for _, identity in inputs])
        self.outputs[task] = Output(value, identity, code, inputs, dynamic, self.build_number)
        self.ran.add(task)
        self.wanted.discard(task)
        self._known = {}

    def _load(self, task: Any) -> int:
        """A current task's value, as the number that it counts for; what is absent or found damaged is made again."""
        if task[0] == "file":
            return self.files[task[1]]
        if task[2]:
            owner = (task[0], task[1], "")
            self._mend(owner, [task[2]])
            return int(self.outputs[owner].value[task[2]])
        if self.step(task).kind == "wrapper":
            if any(self._is_damaged_in(one) for one in self.required(task)):
                # Whatever is looked at because of it is looked at as a whole.
                for one in self.required(task):
                    self._mend_all(one)
            return sum(self._load(one) for one in self.required(task))
        self._mend(task, PARTS if self.step(task).kind == "parts" else [""])
        value = self.outputs[task].value
        return sum(value.values()) if isinstance(value, dict) else int(value)

    def _mend(self, task: Any, parts: Any) -> None:
        output = self.outputs.get(task)
        if output is None or output.trimmed or any(output.damage.get(part) == "flipped" for part in parts):
            self._run(task)

    def _is_damaged_in(self, task: Any) -> bool:
        if task[0] == "file":
            return False
        if not task[2] and self.step(task).kind == "wrapper":
            return any(self._is_damaged_in(one) for one in self.required(task))
        output = self.outputs.get((task[0], task[1], ""))
        parts = [task[2]] if task[2] else PARTS if self.step(task).kind == "parts" else [""]
        return output is not None and any(output.damage.get(part) == "flipped" for part in parts)

    def _mend_all(self, task: Any) -> None:
        if task[0] == "file":
            return
        if not task[2] and self.step(task).kind == "wrapper":
            for one in self.required(task):
                self._mend_all(one)
        else:
            self._mend((task[0], task[1], ""), [*PARTS, ""])

    def trim(self, task: Any) -> bool:
        """Whether its data may go: it is current, and they are there. (What was made in this process has not expired.)"""
        self._known, now, self.build_number = {}, self.build_number, 0
        judged = self.judge(task)
        self._known, self.build_number = {}, now
        output = self.outputs.get(task)
        if judged[0] != "CURRENT" or output is None or output.trimmed or self.step(task).kind in ("memory", "wrapper"):
            return False
        output.trimmed, output.damage = True, {}
        return True


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

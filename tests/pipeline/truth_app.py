"""A small app as Hypothesis draws it, and the modules that it stands for, for the tests of the rule of truth."""

from __future__ import annotations

import dataclasses
import textwrap

KINDS = ("plain", "plain", "parts", "wrapper", "dynamic", "memory", "boxed")
PARTS = ("a", "b")


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

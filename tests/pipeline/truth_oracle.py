"""The rule of truth, written a second time and plainly: what every value is, and which steps must run."""

from __future__ import annotations

import dataclasses
from typing import Any

from truth_app import PARTS, App, Step


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

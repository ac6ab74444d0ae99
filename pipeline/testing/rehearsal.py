"""`run_step`: one step with given inputs, without a store.

Promises: what happens between a step's inputs and its value happens as in a build: its checks, the errors that explain themselves, the
answers to what it yields, the task directory. Nothing is looked up, stored or recorded. A misspelt parameter or input is refused.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.checks import check
from pipeline.errors import StepInputsError, UnknownParameterError
from pipeline.execute import Execution
from pipeline.loading import Loader
from pipeline.scope import Scope, run_scope
from pipeline.task import Part, Task, WrapperTask
from pipeline.testing.stores import temporary_store
from targets.errors import DumpError

_NOT_GIVEN: Any = object()
#: Side files can be looked at until the process ends.
_folders: list[tempfile.TemporaryDirectory[str]] = []


def run_step(
    step: Any,
    inputs: Any = _NOT_GIVEN,
    *,
    answers: Mapping[Any, Any] | Sequence[Any] = (),
    directory: str | os.PathLike[str] | None = None,
    **params: Any,
) -> Any:
    """Call `easy_run` with these inputs and return its value: `run_step(Train, inputs=[frame], l2=0.1)`.

    `step`: a class, with the parameters by name, or a task. `inputs`: in the shape of its requirements. `answers`: what it is given for the
    tasks that it yields: by task or class (`{Choose: frame}`), or in the order in which it asks. `directory`: where its side files go; a
    temporary folder if it is not given.
    """
    task = _task(step, params)
    if directory is None:
        _folders.append(tempfile.TemporaryDirectory(prefix="pipeline-testing-"))
        directory = _folders[-1].name
    with temporary_store(Path(directory) / ".store"), run_scope(Scope(inside_run=True, is_build=True)) as scope:
        required, leaves = scope.requirements(task)
        given = _given(task, required, leaves, inputs)
        execution = _Rehearsal(task, scope, leaves, answers, Path(directory))
        task._execution = execution
        try:
            check("check_input", task, given)
            value = execution.drive(given)
            _insist_on_outputs(task, value)
            check("check_output", task, value)
        finally:
            del task._execution
    return value


def _task(step: Any, params: dict[str, Any]) -> Task[Any]:
    kind: Any = step if isinstance(step, type) else type(step)
    if not issubclass(kind, Task) or issubclass(kind, WrapperTask) or (params and not isinstance(step, type)):
        hint = "a task has its parameters already" if params and issubclass(kind, Task) else "pass a step, or its class: run_step(Train, l2=0.1)"
        raise StepInputsError(f"{step!r} with {params} cannot be run: {hint}")
    if not isinstance(step, type):
        return step  # type: ignore[no-any-return]
    known = [name for name, _ in kind.get_params()]
    for name in params:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known) or 'none'}"
            raise UnknownParameterError(f"{step.__name__} has no parameter {name!r}: {hint}")
    return kind(**params)  # type: ignore[no-any-return]


def _given(task: Any, required: Any, leaves: list[tuple[str, Any]], inputs: Any) -> Any:
    if inputs is _NOT_GIVEN:
        if leaves:
            raise StepInputsError(f"{task!r} needs inputs: " + ", ".join(f"inputs{path} for {one!r}" for path, one in leaves))
        return required
    for words in _misfits(required, inputs, "inputs"):
        raise StepInputsError(f"{task!r}: {words}")
    return inputs


def _misfits(required: Any, given: Any, place: str) -> Iterator[str]:
    """How what is given differs in shape from what is required; below a task anything may stand."""
    if isinstance(required, Mapping):
        if not isinstance(given, Mapping) or set(given) != set(required):
            got = f"has {', '.join(map(repr, given)) or 'nothing'}" if isinstance(given, Mapping) else f"is a {type(given).__name__}"
            yield f"{place} {got}, and it requires a dict with {', '.join(map(repr, required))}"
            return
        for name, one in required.items():
            yield from _misfits(one, given[name], f"{place}[{name!r}]")
    elif isinstance(required, (list, tuple)):
        if not isinstance(given, (list, tuple)) or len(given) != len(required):
            got = f"has {len(given)} values" if isinstance(given, (list, tuple)) else f"is a {type(given).__name__}"
            yield f"{place} {got}, and it requires a {type(required).__name__} of {len(required)}"
            return
        for at, (one, value) in enumerate(zip(required, given, strict=True)):
            yield from _misfits(one, value, f"{place}[{at}]")


def _insist_on_outputs(task: Any, value: Any) -> None:
    wanted = type(task).outputs
    if wanted and (not isinstance(value, Mapping) or set(value) != set(wanted)):
        got = sorted(map(str, value)) if isinstance(value, Mapping) else f"a {type(value).__name__}"
        raise DumpError(f"{task!r} has the outputs {sorted(wanted)}, and easy_run returned {got}: return a dict with these names")


class _Rehearsal(Execution):
    """An execution whose inputs are given."""

    def __init__(
        self, task: Task[Any], scope: Scope, leaves: list[tuple[str, Any]], answers: Mapping[Any, Any] | Sequence[Any], folder: Path
    ) -> None:
        super().__init__(task, scope, leaves, _Answers(task, scope, answers))
        self._folder = folder

    def directory(self) -> Path:
        return self._folder


class _Answers(Loader):
    """In the place of what would be loaded."""

    def __init__(self, task: Task[Any], scope: Scope, answers: Mapping[Any, Any] | Sequence[Any]) -> None:
        super().__init__(task, scope, lambda *_: None)
        self._answers = answers
        self._asked = 0

    def require(self, required: list[Any], *, known: bool) -> None:
        """Nothing has to be made."""

    def load(self, path: str, required: Any) -> tuple[Any, str]:
        at, self._asked = self._asked, self._asked + 1
        if not isinstance(self._answers, Mapping):
            if at < len(self._answers):
                return self._answers[at], ""
        else:
            owner = required.owner if isinstance(required, Part) else required
            for whose in (required, owner, *type(owner).__mro__):
                if whose in self._answers:
                    answer = self._answers[whose]
                    return (answer[required.name] if isinstance(required, Part) and whose is not required else answer), ""
        family = type(required).__name__
        raise StepInputsError(f"{self.task!r} yielded {required!r}, for which no answer was given: pass answers={{{family}: ...}}")


__all__ = ["run_step"]

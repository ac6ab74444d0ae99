"""Run ONE task: judge it, load its inputs, `easy_run`, store, commit. Every way of running ends up here.

Promises: under the task's lock the output is judged again before anything is executed, so that of several
processes one computes and the others reuse; a worker of ours takes other work meanwhile (`pipeline.postponing`).
What is missing, damaged or trimmed among the inputs is yielded as a requirement, by Luigi's own protocol, and
the task starts again once it was made. A failure leaves the previous output and no temporary files. The
identities that are recorded are those of the values that were handed to `easy_run`.
"""

from __future__ import annotations

import inspect
import logging
import time
import types
from collections.abc import Generator
from pathlib import Path
from typing import Any

import luigi

from pipeline import access, failures, libraries, planning, strays, structure
from pipeline.borrowing import Given
from pipeline.checks import check
from pipeline.facts import drift_of, for_record, named
from pipeline.fingerprint import kept
from pipeline.loading import UNKNOWN, Loader
from pipeline.parameters import to_text
from pipeline.postponing import Held
from pipeline.repairing import Needs, repairs
from pipeline.sameness import stable_digest
from pipeline.scope import Scope, current
from pipeline.settled import Settled
from pipeline.steplogs import StepLog
from pipeline.task import BaseTask, Task
from pipeline.verdict import NEVER_MADE, key_of, made_from
from targets import Target, processes, seal
from targets.errors import GeneratorOutputError, LeaseLostError
from targets.record import COMPACT_FROM, Input, Inputs, Record
from targets.record import Part as TargetPart
from targets.store import Draft
from targets.target import Facts

log = logging.getLogger("pipeline")


def execute(task: Task[Any]) -> Generator[list[Any], Any, None]:
    """What `Task.run` is. Yields what must be made first; returns when the output is current."""
    scope = current()
    while True:
        scope.moved()
        try:
            with task.store.lock(task.key, lambda: _held_elsewhere(task, scope)):
                _execute_locked(task, scope)
            task._slim()
            scope.shared.done(task.task_id)
            return
        except Needs as needs:
            wanted = [*needs.tasks, *repairs(needs.again, needs.damage)]
        except Held:
            raise
        except LeaseLostError as lost:
            # This process was stopped or cut off for so long that another one has taken over: see what that has made.
            log.warning("%r: %s; judging again", task, lost)
            continue
        except BaseException:
            scope.shared.done(task.task_id)
            raise
        yield wanted


def _held_elsewhere(task: Task[Any], scope: Scope) -> None:
    if scope.goes_on_without == task.key:
        raise Held
    log.info("%r is being made by another process; waiting", task)


def _execute_locked(task: Task[Any], scope: Scope) -> None:
    found = planning.find(task, scope)
    if found.verdict.is_current:
        # Absent data stay absent unless somebody wants them: then the verdict is MISSING.
        scope.tell(Settled(task.task_id, "kept", identity=found.identity))
        return
    requirements, leaves = scope.requirements(task)
    if found.first is not None and not any(found.first == required for _, required in leaves) and found.first.task_id not in scope.failed:
        # What it required when it last ran must run. If that comes out as it was, this task need not.
        raise Needs([found.first])
    execution = Execution(task, scope, leaves)
    store = execution.target.store
    with store.draft() as draft, StepLog(execution):
        execution.draft = draft
        draft.is_first = found.verdict is NEVER_MADE
        if task.cache_failures:
            execution.insist_on_no_failure()
        inputs = execution.load_all(requirements)
        execution.started, begun = time.time(), time.perf_counter()
        task._execution = execution
        try:
            check("check_input", task, inputs)
            value = execution.drive(inputs)
            check("check_output", task, value)
        except Needs:
            raise
        except Exception as error:
            execution.note_changes()
            failures.keep(task, scope, [row.identity for row in execution.inputs], error)
            raise
        finally:
            del task._execution
        duration = time.perf_counter() - begun
        execution.note_changes()
        target = execution.target
        value = execution.given.owned(value, execution.directory)
        scope.marks.mark(store)
        kept.keep(store, scope.code.of(type(task)))
        record = target.dump(value, facts=execution.facts(value, duration, target), draft=draft, directory=execution.side_files)
    failures.forget(task)
    identity = scope.identity_of(task, record)
    scope.committed(task, record, target.dumped, identity)
    scope.tell(Settled(task.task_id, "ran", duration, None, execution.started, identity, found.verdict))


class Execution:
    """One attempt to run one task: what it was given, and what it has asked for meanwhile."""

    def __init__(self, task: Task[Any], scope: Scope, leaves: list[tuple[str, Any]], loader: Loader | None = None) -> None:
        self.task = task
        self.scope = scope
        self.leaves = leaves
        self.loader = loader or Loader(task, scope, _execute_locked)
        self.draft: Draft
        self.target = task.target
        self.started = 0.0
        self.inputs: list[Input] = []
        self.dynamic: list[dict[str, Any]] = []
        self.given = Given(type(task))
        #: The task directory, if the step has asked for it.
        self.side_files: Path | None = None

    def directory(self) -> Path:
        """The task directory, made empty at first use."""
        if self.side_files is None:
            self.side_files = self.draft.directory(self.target.directory_name, self.target.place.record_name)
        return self.side_files

    def insist_on_no_failure(self) -> None:
        """Before hours of loading: a failure that is kept may say all."""
        required = [required for _, required in self.leaves]
        self.loader.require(required, known=True)
        failures.insist_on_none(self.task, self.scope, [self.loader.found(one).identity or "" for one in required])

    def load_all(self, requirements: Any) -> Any:
        """The inputs, in the shape of the requirements; `Needs` for what cannot be loaded."""
        self.loader.require([required for _, required in self.leaves], known=True)
        self.scope.shared.begin(self.task.task_id, alone=self.scope.process == processes.current)
        self.loader.tell_of_options([path for path, _ in self.leaves])
        identities: dict[str, str] = {}

        def load(path: str, required: Any) -> Any:
            value, identities[path] = self.loader.load(path, required)
            self.given.add(value)
            return value

        loaded = structure.transform(requirements, load)
        # Of many requirements the record keeps the families alone, and they keep nothing for the next who loads them.
        many = len(self.leaves) >= COMPACT_FROM
        shown = _family if many else named
        self.inputs = [Input(path, shown(required), key_of(required), identities[path]) for path, required in self.leaves]
        if many:
            for _, required in self.leaves:
                if isinstance(required, BaseTask):
                    required._slim()
        return loaded

    def drive(self, inputs: Any) -> Any:
        """Call `easy_run`; where it is a generator, answer what it yields."""
        with strays.ended():
            return self._drive(inputs)

    def _drive(self, inputs: Any) -> Any:
        try:
            value = self.task.easy_run(inputs)
            if isinstance(value, types.GeneratorType):
                if not _is_generator_step(self.task, value):
                    raise GeneratorOutputError(f"{self.task!r} returned a generator, which can be read only once: return list(...) of it")
                value = self._answer(value)
        except (TypeError, KeyError, IndexError) as error:
            explained = access.explain(self.task, inputs, self.leaves, error)
            if explained is not None:
                raise explained from error
            raise
        if isinstance(value, types.CoroutineType):
            value.close()
            raise GeneratorOutputError(f"{self.task!r} returned a coroutine: easy_run cannot be async. Return asyncio.run(...) of one")
        if isinstance(value, (types.GeneratorType, types.AsyncGeneratorType)):
            raise GeneratorOutputError(f"{self.task!r} returned a {type(value).__name__}, which can be read only once: return list(...) of it")
        return value

    def _answer(self, steps: Generator[Any, Any, Any]) -> Any:
        answer: Any = None
        try:
            while True:
                wanted = steps.send(answer)
                if isinstance(wanted, luigi.DynamicRequirements):
                    wanted = wanted.requirements
                wanted = structure.settle(wanted, "easy_run yielded")
                leaves = list(structure.leaves(wanted))
                self.loader.require([required for _, required in leaves], known=False)
                turn = len(self.dynamic)
                row: dict[str, Any] = {"inputs": []}
                self.dynamic.append(row)

                def load(path: str, required: Any, row: dict[str, Any] = row) -> Any:
                    value, identity = self.loader.load(path, required)
                    self.given.add(value)
                    row["inputs"].append([path, named(required), key_of(required), identity, to_text([required])])
                    return value

                answer = structure.transform(wanted, load)
                log.debug("%r was given what it yielded, turn %d", self.task, turn)
        except StopIteration as finished:
            return finished.value
        finally:
            steps.close()

    def note_changes(self) -> None:
        """A file that somebody else makes, and that has changed since it was handed over, is not recorded as what it was."""
        changed = set()
        for task, required in self.loader.changed().items():
            log.warning("%r changed while %r was at work: the next run makes that again", task, self.task)
            changed.add(key_of(required))
        if changed:
            self.inputs = [row._replace(identity=UNKNOWN) if row.key in changed else row for row in self.inputs]
            for row in self.dynamic:
                row["inputs"] = [[*entry[:3], UNKNOWN, *entry[4:]] if entry[2] in changed else entry for entry in row["inputs"]]

    def facts(self, value: Any, duration: float, target: Target[Any]) -> Facts:
        """The record so far, once the parts are written."""
        task, code = self.task, self.scope.code
        slots = type(task)._schema_now().slots
        fingerprint = code.of(type(task))

        def record(before: Record | None, *, parts: tuple[TargetPart, ...], **stored: Any) -> Record:
            pickled, tops = code.names_in(target.named_code())
            return Record(
                family=task.get_task_family(),
                module=type(task).__module__,
                key=task.key,
                params={slot.name: for_record(slot.declared, task.param_kwargs[slot.name]) for slot in slots if slot.visible},
                fingerprint=fingerprint.digest,
                inputs=Inputs(self.inputs),
                dynamic=tuple(self.dynamic),
                pickled=pickled,
                libraries=libraries.versions_of(code.libraries_of(type(task)).union(tops - {"luigi"})),
                drift=drift_of(before, parts) if before is not None else (),
                identity=self._identity(value, target, fingerprint.digest),
                started=round(self.started, 3),
                duration=round(duration, 6),
                run=self.scope.id,
                parts=parts,
                **stored,
                **self.scope.environment,
            )

        return record

    def _identity(self, value: Any, target: Target[Any], fingerprint: str) -> str | None:
        """What the step itself says that its consumers depend on, or what stands in for bytes that there are not."""
        if type(self.task).identity is not Task.identity:
            return seal.combine(["identity", stable_digest(self.task.identity(value))])
        if target.identity_from_inputs:
            asked = [entry[3] for row in self.dynamic for entry in row["inputs"]]
            return made_from(self.task, fingerprint, [row.identity for row in self.inputs] + asked)
        return None


def _is_generator_step(task: Any, value: types.GeneratorType[Any, Any, Any]) -> bool:
    return inspect.isgeneratorfunction(inspect.unwrap(type(task).easy_run)) or value.gi_code.co_name in ("easy_run", "task_function")


def _family(task: Any) -> str:
    return task.get_task_family()  # type: ignore[no-any-return]

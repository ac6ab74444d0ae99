"""Task, WrapperTask, ExternalFile: `easy_run` in, stored output out.

A `Task` is a `luigi.Task` whose output is made by `easy_run(inputs)` and stored under a key made from its
parameters, with a record of what made it. `complete()` answers the rule of truth, `run()` executes the step
under its key's lock; both work under `pipeline.build`, plain `luigi.build`, the `luigi` command and `luigid`.
What goes wrong raises an exception that names the task and the next thing to do; a step that fails leaves
its previous output as it was.
"""

from __future__ import annotations

import datetime
import logging
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import luigi
import luigi.target

from pipeline import definitions, filecache, instead, keys, structure
from pipeline.basetask import BaseTask
from pipeline.errors import MissingFileError, ParameterError, TaskDefinitionError
from pipeline.inheriting import Requirement, tasks_as_parameters
from pipeline.parameters import TaskParameter
from pipeline.scope import Scope, current
from pipeline.verdict import CURRENT, Finding, Leaves, Look, Rule, Verdict, forced, look, made_from
from targets import PickleTarget, Target, seal
from targets.errors import DamagedError, StoreError, UntrustedError
from targets.formats.foreign import make_foreign
from targets.parts import PartsTarget
from targets.place import Place
from targets.store import Store

log = logging.getLogger("pipeline")

T = TypeVar("T")


class Task(BaseTask, Generic[T]):
    """A step: a class with `easy_run(self, inputs)`, whose return value is stored.

    Declare parameters as in Luigi; name requirements with `inherit_list` / `inherit_dict`, as task
    parameters, or in a `requires()` of your own. `inputs` has the shape of what is required, with loaded
    values. Names let through in the constructor make one dict of parameters build every step.
    """

    _visible_in_registry = False

    #: The format of the output.
    target_type: ClassVar[Any] = PickleTarget
    #: Several outputs, each in its own format: `{"model": PickleTarget, "scores": JsonTarget}`.
    outputs: ClassVar[Mapping[str, type[Target[Any]]] | None] = None
    #: Where outputs live; None: PIPELINE_TARGET_DIR, `[pipeline] target_dir`, then ./TARGETS.
    TARGET_DIR: ClassVar[str | os.PathLike[str] | None] = None
    #: An explicit part of what the step is: change it when something changed that code does not show.
    version: Any = ""
    #: When code that the step reaches changed: "rerun", "warn" or "ignore"; None: as `[pipeline]` says ("rerun").
    on_code_change: ClassVar[str | None] = None
    #: When a library that this code imports changed; None: as `[pipeline]` says ("warn").
    on_library_change: ClassVar[str | None] = None
    #: How long the output stays true by itself: an ingestion that must look again. `timedelta(0)`: at every run.
    fresh_for: ClassVar[datetime.timedelta | None] = None
    #: Files whose content is a part of the step, beside its module: `("sql/query.sql",)`.
    reads: ClassVar[tuple[str, ...]] = ()
    #: Called with the inputs before, and with the value after `easy_run`: a function or method that raises or returns
    #: False, or anything with `validate(value)` (a pandera schema).
    check_input: ClassVar[Any] = None
    check_output: ClassVar[Any] = None
    #: Options for loading single requirements, by position or name: `{"frame": {"columns": ["x"]}}`.
    load_options: ClassVar[Mapping[Any, Mapping[str, Any]]] = {}
    #: How often a failing step is tried again in a run, and after how many seconds first; each further pause is twice as long.
    retries: int = 0
    retry_delay: float = 0.0
    #: Seconds after which a running step is stopped and has failed.
    timeout: float | None = None
    #: A failure is kept, and not repeated until code, parameters or inputs change or `--retry-failed` is given.
    cache_failures: ClassVar[bool] = False
    #: At most so many tasks of this class run at a time, over all workers of a scheduler.
    max_parallel: ClassVar[int | None] = None
    #: Steps of one process that set this are given the same object where they require the same output: only for steps that change none
    #: of their inputs.
    share_inputs: ClassVar[bool] = False
    #: A plain function that is the step: called with the inputs, and with the parameters that it names.
    task_function: ClassVar[Callable[..., Any] | None] = None

    inherited_requirements: ClassVar[tuple[Requirement, ...]] = ()
    _execution: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What hides the registry entry of the base must not hide the step.
        if "_visible_in_registry" not in vars(cls):
            cls._visible_in_registry = True
        definitions.check(cls)

    # What a step says

    def easy_run(self, inputs: Any) -> Any:
        """The step itself. What it returns is stored; `x = yield OtherTask(...)` requires more while running."""
        function = type(self).task_function
        if function is None:
            raise TaskDefinitionError(f"{type(self).__name__} has no easy_run: define easy_run(self, inputs), or set task_function")
        return call_function(self, function, inputs)

    def requires(self) -> Any:
        return tasks_as_parameters(self) or []

    def load_input_params(self, target: Any) -> Mapping[str, Any]:
        """Options with which the output `target` of a requirement (`target.task`) is loaded."""
        return {}

    def identity(self, output: Any) -> Any:
        """Override to say what consumers depend on: they run again only if what this returns differs."""
        raise NotImplementedError

    # What a person and other tasks use

    def load(self, **options: Any) -> T:
        """The stored output, verified. Options are those of the format (`columns=` of parquet, say).

        What is damaged is set aside, so that the next run makes it again.
        """
        try:
            return self.target.load(**options)  # type: ignore[no-any-return]
        except DamagedError as error:
            set_aside(self.target, error)
            raise

    def remove(self) -> None:
        """Remove the output and its record."""
        self.target.remove()
        current().forget(self)

    def output(self) -> Any:
        return self.target

    @property
    def target(self) -> Target[Any]:
        """Where the output lives."""
        mock = instead.mock_of(self) if instead.outputs is not None else None
        if mock is not None:
            return mock.target(self)
        cls, store = type(self), self.store
        kinds = (store, cls.target_type, cls.outputs)
        known = self.__dict__.get("_target_known")
        if known is None or known[0] != kinds:
            known = self.__dict__["_target_known"] = (kinds, self.target_at(Place(store, self._stem)))
        return known[1]  # type: ignore[no-any-return]

    def target_at(self, place: Place) -> Target[Any]:
        """The output as it would be at another place."""
        formats = type(self).outputs
        if formats:
            target: Target[Any] = PartsTarget(place, formats)
        else:
            kind = type(self).target_type
            target = kind(place) if issubclass(kind, Target) else make_foreign(kind, place, self)
        target.task = self
        return target

    def __getitem__(self, name: str) -> Part:
        """One of several outputs, as a requirement that loads that one alone."""
        known = type(self).outputs or {}
        if name not in known:
            raise ParameterError(f"{self!r} has no output {name!r}: it has {', '.join(known) or 'one output only (set outputs = {...})'}")
        return Part(owner=self, name=name)  # type: ignore[call-arg]

    @property
    def task_directory(self) -> Path:
        """A directory for side files that live and die with the output; empty when the step begins."""
        if self._execution is not None:
            return self._execution.directory()  # type: ignore[no-any-return]
        return self.store.path(self.target.directory_name)

    @property
    def store(self) -> Store:
        chosen = instead.store or type(self).TARGET_DIR
        return current().store if chosen is None else current().opened(os.fspath(chosen))

    @property
    def _stem(self) -> str:
        known = self.__dict__.get("_stem_known")
        if known is None:
            texts = []
            for slot in type(self)._schema_now().slots:
                text = keys.readable(slot.declared, self.param_kwargs[slot.name]) if slot.significant and slot.visible else None
                if text is not None:
                    texts.append((slot.name, text))
            slug = keys.slug_of(texts)
            namespace = self.get_task_namespace()
            folder = f"{keys.folder_name(namespace)}/" if namespace else ""
            known = f"{folder}{keys.folder_name(type(self).__name__)}/{slug + '-' if slug else ''}{self.key}"
            self.__dict__["_stem_known"] = known
        return known  # type: ignore[no-any-return]

    # What Luigi asks

    def run(self) -> Generator[Any, Any, None]:
        from pipeline.execute import execute

        return execute(self)

    @property
    def retry_count(self) -> int | None:  # type: ignore[override]
        """Luigi's word for it: after so many failures a task is given up."""
        return self.retries + 1 if self.retries else None

    @property
    def worker_timeout(self) -> float | None:  # type: ignore[override]
        """Luigi's word for `timeout`."""
        return self.timeout

    def process_resources(self) -> dict[str, int]:
        """Luigi's resources, with one of this class's own where it sets `max_parallel`."""
        limit = type(self).max_parallel
        return self.resources if limit is None else {**self.resources, self.slots_name(): 1}

    @classmethod
    def slots_name(cls) -> str:
        """The Luigi resource of which each task of this class takes one, if it sets `max_parallel`."""
        return f"max_parallel of {cls.get_task_family()}"

    @property
    def _in_memory(self) -> bool:
        """Whether the output lives no longer than this process."""
        cls = type(self)
        return not cls.outputs and getattr(cls.target_type, "in_memory", False)

    def _place(self) -> Place | None:
        return Place(self.store, self._stem)

    def _slim(self) -> None:
        self.__dict__.pop("_target_known", None)
        self.__dict__.pop("_stem_known", None)

    def _first_look(self, scope: Scope) -> Finding | Look | None:
        if self._in_memory and self.task_id not in scope.wanted and self.target.find_record() is None:
            return None
        return look(self, scope)

    def _conclude(self, leaves: Leaves, finding_of: Callable[[Any], Finding]) -> Finding:
        # Kept in memory, and not in this process's: what it would be is known, and nobody has asked for it yet.
        without = super()._conclude(leaves, finding_of)
        if not without.verdict.is_current:
            return without
        scope = current()
        asked = forced(self, scope, None)
        if asked is not None:
            return Finding(asked)
        identities = [finding_of(required).identity or "" for _, required in leaves]
        return Finding(CURRENT, made_from(self, scope.code.of(type(self)).digest, identities), absent=True)


def call_function(task: Task[Any], function: Callable[..., Any], inputs: Any) -> Any:
    """Call a plain function with the inputs, and with the task's parameters that it names."""
    import inspect

    function = getattr(function, "__func__", function)
    accepted = inspect.signature(function).parameters
    everything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    named = {name: value for name, value in task.param_kwargs.items() if everything or name in accepted}
    first = [task] if next(iter(accepted), "") == "self" else []
    scope = current()
    with scope.asking():
        required = scope.requirements(task)[0]  # what is required, not what it has given, says how the function is called
    if isinstance(required, dict) and isinstance(inputs, dict) and all(isinstance(name, str) for name in inputs):
        return function(*first, **{**named, **inputs})
    return function(*first, *(inputs if isinstance(required, (list, tuple)) and isinstance(inputs, (list, tuple)) else [inputs]), **named)


class WrapperTask(Task[Any]):
    """Stands for what it requires. No output of its own; `load()` loads its requirements, in their shape."""

    _visible_in_registry = False
    _stands_for_others = True
    _in_memory = False

    def run(self) -> None:  # type: ignore[override]
        return None

    def output(self) -> Any:
        return []

    def remove(self) -> None:
        """Nothing: a wrapper stores nothing."""

    def _place(self) -> None:
        return None

    def load(self, **options: Any) -> Any:
        return structure.transform(structure.settle(self.requires()), lambda _, task: load_output(task, options))

    def _first_look(self, scope: Scope) -> Finding | Look | None:
        return None

    def _conclude(self, leaves: Leaves, finding_of: Callable[[Any], Finding]) -> Finding:
        return BaseTask._conclude(self, leaves, finding_of)


class Part(BaseTask):
    """One output of a step with several: requires the step, loads that output alone."""

    task_namespace = "pipeline"
    _visible_in_registry = True
    _stands_for_others = True

    owner = TaskParameter()
    name = luigi.Parameter()

    def requires(self) -> Any:
        return self.owner

    def run(self) -> None:
        return None

    def output(self) -> Any:
        target = self.owner.target[self.name]
        target.task = self.owner
        return target

    def load(self, **options: Any) -> Any:
        try:
            return self.output().load(**options)
        except DamagedError as error:
            set_aside(self.owner.target, error)
            raise

    def __repr__(self) -> str:
        return f"{self.owner!r}[{self.name!r}]"

    __str__ = __repr__

    def _conclude(self, leaves: Leaves, finding_of: Callable[[Any], Finding]) -> Finding:
        finding = finding_of(self.owner)
        if not finding.verdict.is_current:
            return Finding(Verdict(Rule.UPSTREAM, f"{self.owner!r} must run first"))
        if instead.mock_of(self.owner) is not None:
            return Finding(CURRENT, seal.combine(["part", self.name, finding.identity or ""]))
        found = self.owner.target.find_record()
        if found is None:
            return Finding(Verdict(Rule.UPSTREAM, f"{self.owner!r} must run first"))
        record = found[0]
        return Finding(CURRENT, current().code.identity_of_part(self.owner, record, record.part(self.name)), absent=finding.absent)


class ExternalFile(BaseTask, luigi.ExternalTask):
    """A file or directory that someone else makes. Its content is its identity; it is handed over as a `Path`."""

    _visible_in_registry = True

    path = luigi.PathParameter()
    run = None

    def output(self) -> Any:
        return luigi.LocalTarget(os.fspath(self.path))

    def load(self, **options: Any) -> Path:
        mock = instead.mock_of(self)
        path = Path(self.path if mock is None else mock.load())
        if not path.exists():
            raise MissingFileError(f"{os.fspath(path)} is not there: put the file in its place, or correct the path")
        return path

    def _first_look(self, scope: Scope) -> Finding:
        where = os.fspath(self.path)
        try:
            if os.path.isdir(where):
                return Finding(CURRENT, filecache.cached_tree_digest(where))
            if os.path.isfile(where) or not os.path.exists(where):
                return Finding(CURRENT, filecache.cached_digest(where))
            why = "it is a pipe, a socket or a device"
        except (FileNotFoundError, NotADirectoryError):
            return Finding(Verdict(Rule.MISSING, f"{where} is not there"))
        except (OSError, ValueError, DamagedError) as error:  # a loop of links, a name that no file can have, a link in a directory
            why = str(error)
        return Finding(Verdict(Rule.MISSING, f"{where!r} cannot be read: {why}"))


def set_aside(target: Target[Any], error: DamagedError) -> None:
    """Put damage where no reader finds it. Without the right key everything looks forged: that alone is no reason."""
    if isinstance(error, UntrustedError) or not hasattr(target, "quarantine"):
        return
    try:
        target.quarantine()
    except (OSError, StoreError) as refused:
        log.warning("%s cannot be set aside: %s", target, refused)


def load_output(task: luigi.Task, options: Mapping[str, Any] | None = None) -> Any:
    """What a consumer gets of a requirement: our tasks' values, a plain Luigi task's targets as they are."""
    if isinstance(task, BaseTask):
        return task.load(**(options or {}))
    return task.output()


__all__ = ["BaseTask", "ExternalFile", "Part", "Task", "WrapperTask", "load_output"]

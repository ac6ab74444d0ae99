"""What one step loads of its requirements.

Promises: the identity that is returned with a value is that of this very value. What is written anew between judging and loading, be it by
another process, is judged again; a file that somebody else makes and that changes while the step is at work is told by `changed`. `Needs`
where something must be made first.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline import instead, planning, unreadable
from pipeline.errors import RequirementFailedError
from pipeline.meaning import behind
from pipeline.plainluigi import identity_of
from pipeline.repairing import Needs
from pipeline.scope import Scope
from pipeline.task import BaseTask, ExternalFile, Part, Task, load_output
from pipeline.verdict import Finding, Rule, Verdict
from targets import Target, processes
from targets.errors import DamagedError, LoadError, MissingOutputError, UntrustedError
from targets.small import SmallOutputs, read_small

log = logging.getLogger("pipeline")

#: In the place of an identity that nobody knows: no content has it, so what was made from it is made again.
UNKNOWN = "0" * 64

_NO_OPTIONS: Mapping[str, Any] = {}
#: Which options of which class were told to be without effect.
_told: set[tuple[type, Any]] = set()


class Loader:
    """Loads for one execution of one task."""

    def __init__(self, task: Task[Any], scope: Scope, make: Callable[[Task[Any], Scope], None]) -> None:
        self.task = task
        self.scope = scope
        self._make = make
        self._loads_plainly = not type(task).load_options and type(task).load_input_params is Task.load_input_params
        #: What keeps small outputs while a run lasts, if they are loaded in the ordinary way.
        self._small = scope.small if scope.inside_run and self._loads_plainly and not task.share_inputs else None
        #: What others make and a step reads by itself: for which requirement, and with which identity it was handed over.
        self._outside: dict[Any, tuple[Any, str]] = {}

    def require(self, required: list[Any], *, known: bool) -> None:
        """`Needs` unless all of these are current and at hand. `known`: a scheduler has heard of them, and may believe that they are."""
        needs, absent = [], []
        for task in required:
            if task.task_id in self.scope.failed:
                raise RequirementFailedError(f"{task!r}, which {self.task!r} requires, could not be made")
            found = self.found(task)
            if not found.verdict.is_current:
                needs.append(task)
                continue
            for owner in self._absent(task, found):
                if not self._elsewhere(owner):
                    self.scope.want(owner)
                    absent.append(owner)  # its record says that it is current, and who believes that would not make it
        if needs or absent:
            again = [*needs, *absent] if known else absent
            raise Needs([] if known else list(dict.fromkeys(needs)), again=list(dict.fromkeys(again)))

    def tell_of_options(self, paths: list[str]) -> None:
        """A warning for each of a class' own `load_options` that has no effect, once; what the step will yield is not known."""
        kind = type(self.task)
        if "load_options" not in vars(kind) or inspect.isgeneratorfunction(inspect.unwrap(kind.easy_run)):
            return
        for place in kind.load_options:
            if not any(_is_at(place, path) for path in paths) and (kind, place) not in _told:
                _told.add((kind, place))
                log.warning("%r: load_options names %r, which is none of its requirements: it has no effect", self.task, place)

    def found(self, task: Any) -> Finding:
        return self.scope.remembered(task) or planning.find(task, self.scope)

    def _concluded(self, required: Any) -> Finding:
        """What is known of it, of what stands for others by what is known of those now: they may have been made again since."""
        if not _stands_for_others(required):
            return self.found(required)
        return required._conclude(self.scope.requirements(required)[1], self._concluded)  # type: ignore[no-any-return]

    def load(self, path: str, required: Any) -> tuple[Any, str]:
        """A requirement's value and the identity that belongs to it."""
        if self._small is not None:
            known = self.scope.remembered(required)
            if known is not None and (output := self._small.find(required.task_id, known)) is not None:
                return output.decode(), known.identity or UNKNOWN
        options = self._options(path, required)
        for turn in range(3):
            found = self._concluded(required)
            if turn and not found.verdict.is_current:
                raise Needs(again=[required])  # what has come meanwhile is that of other code, say
            for owner in self._absent(required, found):
                if self._elsewhere(owner):
                    self.scope.want(owner)
                    self._make(owner, self.scope)
                    found = self._concluded(required)
            if _stands_for_others(required) and not found.verdict.is_current:
                raise Needs(again=[required])  # one of those has gone since
            if self.task.share_inputs:
                is_there, value = self.scope.shared.get(required.task_id, found.stamp, options)
                if is_there:
                    return value, found.identity or UNKNOWN
            # Of what stands for others, the outputs that its value is made of.
            owners = [(owner, self.found(owner).stamp) for owner in behind(required, self.scope)] if _stands_for_others(required) else []
            try:
                value, stamp = _load_judged(required, found, options, self._small)
            except DamagedError as error:
                log.warning("%s", error)
                self._set_aside(required)
                rule = Rule.UNTRUSTED if isinstance(error, UntrustedError) else Rule.DAMAGED
                raise Needs(again=[required], damage=Verdict(rule, str(error))) from None
            except LoadError as error:
                verdict = unreadable.declare(required, error, self.scope) if not options else None
                if verdict is None:
                    raise
                log.warning("%s", error)
                self._forget(required)
                raise Needs(again=[required], damage=verdict) from None
            except MissingOutputError:
                self._forget(required)
                raise Needs(again=[required]) from None
            # Another process may have committed between the judgement and the load.
            if (found.stamp is None or stamp == found.stamp) and all(_stamp(owner) == judged for owner, judged in owners if judged is not None):
                if self.task.share_inputs:
                    self.scope.shared.keep(required.task_id, found.stamp, options, value)
                for task in [required, *(owner for owner, _ in owners)]:
                    if isinstance(task, ExternalFile) or not isinstance(task, BaseTask):
                        self._outside[task] = required, self.found(task).identity or UNKNOWN
                return value, found.identity or UNKNOWN
            self._forget(required)
        raise DamagedError(f"{required!r} is rewritten faster than it can be read: is something else writing to the store?")

    def changed(self) -> dict[Any, Any]:
        """What others make, was handed over, and has another content by now, with the requirement that it stands behind.

        Nobody knows which of the two contents a step has read.
        """
        handed_over = [(task, required, identity) for task, (required, identity) in self._outside.items() if instead.mock_of(task) is None]
        return {task: required for task, required, identity in handed_over if _content_of(task, self.scope) != identity}

    def _absent(self, required: Any, found: Finding) -> Sequence[Any]:
        """Whose data are not at hand, of those that are loaded for a requirement."""
        if not _stands_for_others(required):
            return (required,) if found.absent else ()
        return [owner for owner in behind(required, self.scope) if self.found(owner).absent]

    def _elsewhere(self, owner: Any) -> bool:
        """Kept in the memory of a process that we are not: it is made here when it is loaded."""
        return self.scope.process != processes.current and isinstance(owner, Task) and owner.target.in_memory

    def _forget(self, required: Any) -> None:
        for task in [required, *behind(required, self.scope)]:
            self.scope.forget(task)

    def _set_aside(self, required: Any) -> None:
        for owner in behind(required, self.scope):
            if isinstance(owner, Task):
                owner.target.quarantine()
        self._forget(required)

    def _options(self, path: str, required: Any) -> Mapping[str, Any]:
        if self._loads_plainly:
            return _NO_OPTIONS
        options: dict[Any, Any] = {}
        for place, chosen in type(self.task).load_options.items():
            if _is_at(place, path):
                options.update(chosen)
        if type(self.task).load_input_params is not Task.load_input_params and isinstance(required, (Task, Part)):
            options.update(self.task.load_input_params(required.output()) or {})
        return options


def _is_at(place: Any, path: str) -> bool:
    """Whether a requirement, or the list or dict that it is in, is at this position or has this name; a single one is at position 0."""
    return path.startswith((f"[{place!r}]", f"({place!r})")) or (path == "" and place == 0)


def _stands_for_others(required: Any) -> bool:
    return getattr(required, "_stands_for_others", False)


def _stamp(owner: Any) -> Any:
    return owner.target.stamp()


def _content_of(task: Any, scope: Scope) -> str | None:
    """The identity of what somebody else makes, as it is now; None where it is just going away."""
    try:
        return task._first_look(scope).identity if isinstance(task, ExternalFile) else identity_of(task)
    except (OSError, DamagedError):
        return None


def _load_judged(required: Any, found: Finding, options: Mapping[str, Any], small: SmallOutputs | None) -> tuple[Any, Any]:
    """A requirement's value and the stamp of the record that it belongs to; None where that is not known for certain.

    `small`: keeps what is small for the next who loads it.
    """
    if not isinstance(required, Task) or _stands_for_others(required):
        return load_output(required, options), None
    target = required.target
    if type(required).load is Task.load and type(target).load is Target.load:
        if small is not None and (output := read_small(target, found.stamp)) is not None:
            small.keep(required.task_id, found, output)
            return output.decode(), found.stamp
        return target.load_judged(found.stamp, **options)
    # An app's own way to load, or no file: whatever it reads, the record must be the same before and after.
    before = target.stamp()
    value = load_output(required, options)
    return value, before if target.stamp() == before else None

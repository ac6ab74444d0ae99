"""One exception for each mistake that can be made with a pipeline; the root is `PipelineError`.

A message names the task, the parameter or the file, and the next thing to do.
"""

from __future__ import annotations

from targets.errors import PipelineError as PipelineError


class ParameterError(PipelineError, ValueError):
    """A parameter has a value that it cannot have."""


class UnknownParameterError(ParameterError):
    """A parameter is named that the step does not declare."""


class MissingParameterError(ParameterError):
    """A parameter without a default was given no value."""


class ReservedNameError(ParameterError):
    """A parameter bears the name of something that every task has."""


class RequirementError(PipelineError):
    """`requires()` failed, or returned something that is not a task."""


class RequirementFailedError(PipelineError):
    """What a step asked for while running could not be made, so the step is skipped; or it was made in vain, and the step has failed."""


class CycleError(PipelineError):
    """A task requires itself, directly or through others."""


class AmbiguousFamilyError(PipelineError):
    """Two different classes have the same family, so their outputs could not be told apart."""


def ambiguous_family(one: type, other: type) -> AmbiguousFamilyError:
    return AmbiguousFamilyError(
        f"{one.__module__}.{one.__qualname__} and {other.__module__}.{other.__qualname__} have the same family, and their outputs would "
        f"share a place: set task_namespace on one of them, or call luigi.auto_namespace(scope=__name__) in its module"
    )


class TaskDefinitionError(PipelineError):
    """The class of a step is not complete."""


class InputAccessError(PipelineError, TypeError):
    """`inputs` was used as if it had another shape."""


class ConfigurationError(PipelineError):
    """A setting is unknown or has a value that it cannot have."""


class RepairError(PipelineError):
    """An input was damaged, made again, and is damaged again."""


class MissingFileError(PipelineError, FileNotFoundError):
    """A file that somebody else makes is not there."""


class StepError(PipelineError):
    """A step failed in another process; the message is what its exception said."""

    def __init__(self, message: str, traceback: str = "", told: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
        #: The same in few lines, the project's own code first: see `pipeline.tracebacks`.
        self.told = told


class FailedBeforeError(PipelineError):
    """A step failed before with the same code, parameters and inputs, and `cache_failures` keeps it from failing again."""


class PlanningError(PipelineError):
    """What is to be built cannot be planned."""


class UnknownTaskError(PlanningError):
    """A task is named that is not among those that are to be built."""


class StaleSourceError(PipelineError):
    """The code in memory is not the code on disk, so no fingerprint of it would be true."""


class CheckError(PipelineError):
    """The data that go into a step or come out of it are not as they must be."""


class OutputFileError(PipelineError):
    """A file that a command was told to write cannot be written."""


class UnknownRunError(PipelineError):
    """A run is named that the history does not have."""


class BusyError(PipelineError):
    """Another run holds what this one needs, and it was asked not to wait."""


class ResourceError(PipelineError):
    """A step needs more of a resource than there is, so it can never begin."""


class StepInputsError(PipelineError, TypeError):
    """`pipeline.testing.run_step` was given inputs or answers of another shape than the step needs."""


class MockError(PipelineError, TypeError):
    """`pipeline.testing.mock_outputs` was given something that has no output."""


class UnknownOutputError(PipelineError):
    """An output is named that the store does not have, or that is not the only one of that name."""


class ConditionError(PipelineError, ValueError):
    """A condition on parameters is none, or names a parameter that nothing has."""

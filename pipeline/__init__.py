"""luigi-warp: Luigi pipelines that keep what is still true and make again exactly what is not."""

from pipeline import unhidden

unhidden.insist()

from pipeline.auditing import audit
from pipeline.building import build
from pipeline.cli import main
from pipeline.entries import history
from pipeline.errors import (
    AmbiguousFamilyError,
    BusyError,
    CheckError,
    ConditionError,
    ConfigurationError,
    CycleError,
    FailedBeforeError,
    InputAccessError,
    MissingFileError,
    MissingParameterError,
    MockError,
    OutputFileError,
    ParameterError,
    PipelineError,
    PlanningError,
    RepairError,
    RequirementError,
    RequirementFailedError,
    ReservedNameError,
    ResourceError,
    StaleSourceError,
    StepError,
    StepInputsError,
    TaskDefinitionError,
    UnknownOutputError,
    UnknownParameterError,
    UnknownRunError,
    UnknownTaskError,
)
from pipeline.housekeeping import accept, resign, trim
from pipeline.inheriting import inherit_dict, inherit_list
from pipeline.outputs import load, remove, stored
from pipeline.parameters import ListTaskParameter, TaskParameter
from pipeline.planning import Plan, plan
from pipeline.runs import Outcome, Run
from pipeline.secrets import SecretParameter
from pipeline.task import ExternalFile, Task, WrapperTask
from pipeline.verdict import Verdict
from targets.errors import ShadowedPackageError

__all__ = [
    "AmbiguousFamilyError",
    "BusyError",
    "CheckError",
    "ConditionError",
    "ConfigurationError",
    "CycleError",
    "ExternalFile",
    "FailedBeforeError",
    "InputAccessError",
    "ListTaskParameter",
    "MissingFileError",
    "MissingParameterError",
    "MockError",
    "Outcome",
    "OutputFileError",
    "ParameterError",
    "PipelineError",
    "Plan",
    "PlanningError",
    "RepairError",
    "RequirementError",
    "RequirementFailedError",
    "ReservedNameError",
    "ResourceError",
    "Run",
    "SecretParameter",
    "ShadowedPackageError",
    "StaleSourceError",
    "StepError",
    "StepInputsError",
    "Task",
    "TaskDefinitionError",
    "TaskParameter",
    "UnknownOutputError",
    "UnknownParameterError",
    "UnknownRunError",
    "UnknownTaskError",
    "Verdict",
    "WrapperTask",
    "accept",
    "audit",
    "build",
    "history",
    "inherit_dict",
    "inherit_list",
    "load",
    "main",
    "plan",
    "remove",
    "resign",
    "stored",
    "trim",
]

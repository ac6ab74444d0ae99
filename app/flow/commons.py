"""What all steps of the app share: settings, a base class, event handlers.

Settings are environment variables named `APP_<PARAMETER>`; `.env` supplies those that the environment does
not have. They stay text here: the parameter that a step declares gives the type, and refuses what does not fit.
"""

import logging
import os

import luigi
from dotenv import load_dotenv

import pipeline

PREFIX = "APP_"

# The real environment wins, so that a container or a cron line can override the file.
load_dotenv(".env", override=False)

logger = logging.getLogger("app")


def read_params(environment: dict[str, str] | None = None) -> dict[str, str]:
    """One dict of parameters for all steps; each takes those that it declares."""
    given = os.environ if environment is None else environment
    return {name.removeprefix(PREFIX).lower(): value for name, value in given.items() if name.startswith(PREFIX)}


params = read_params()


class Task(pipeline.Task):
    """The app's base: what is set here holds for every step."""


@Task.event_handler(luigi.Event.FAILURE)
def log_failure(task: luigi.Task, error: BaseException) -> None:
    logger.error("%s failed: %s: %s", task, type(error).__name__, error)

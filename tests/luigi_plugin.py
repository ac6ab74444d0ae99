"""A pytest plugin: Luigi's own tests, run against our scheduler and worker. `tests/luigi_suite.py` uses it."""

import luigi.scheduler
import luigi.server
import luigi.worker

from pipeline.scheduler import Scheduler
from pipeline.worker import Worker

luigi.scheduler.Scheduler = luigi.worker.Scheduler = luigi.server.Scheduler = Scheduler  # type: ignore[misc]
luigi.worker.Worker = Worker  # type: ignore[misc]

"""Fetch the records that the model learns from."""

from app.flow.commons import Task
from app.functions import records
from targets import ParquetTarget


class IngestRecords(Task):
    """All records with their target, as a table."""

    target_type = ParquetTarget

    def easy_run(self, inputs):
        return records.fetch()

"""Fit the model."""

import luigi

from app.flow.commons import Task
from app.flow.ingestion import IngestRecords
from app.functions import regression
from pipeline import inherit_list
from targets import PickleTarget


@inherit_list(IngestRecords)
class TrainModel(Task):
    """The fitted model with the real and predicted values of both shares of the data."""

    target_type = PickleTarget

    model_l2 = luigi.FloatParameter(default=1.0, description="weight of the L2 penalty")
    test_share = luigi.FloatParameter(default=0.2, description="share of the records that is held back for the evaluation")

    def easy_run(self, inputs):
        return regression.fit(inputs[0], l2=self.model_l2, test_share=self.test_share)

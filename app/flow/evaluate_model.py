"""Measure the model on the records that it has not seen."""

from app.flow.commons import Task
from app.flow.train_model import TrainModel
from app.functions import plotting, regression
from pipeline import inherit_dict
from targets import FileTarget, JsonTarget


class SvgTarget(FileTarget):
    extension = "svg"


@inherit_dict(trained=TrainModel)
class EvaluateModel(Task):
    """Metrics, and a plot of real against predicted values."""

    outputs = {"metrics": JsonTarget, "plot": SvgTarget}

    def easy_run(self, inputs):
        _, _, (real, predicted) = inputs["trained"]
        plot = plotting.scatter(real, predicted, self.task_directory / "plot.svg")
        return {"metrics": regression.metrics(real, predicted), "plot": plot}

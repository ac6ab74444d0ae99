"""Hand the model over, if it is good enough."""

import luigi

from app.flow.commons import Task, logger
from app.flow.evaluate_model import EvaluateModel
from app.flow.train_model import TrainModel
from app.functions import publishing
from pipeline import inherit_dict
from targets import JsonTarget


@inherit_dict(trained=TrainModel, evaluation=EvaluateModel)
class DeployModel(Task):
    """Copies the model to the place from which it is served; what it returns says whether and why."""

    target_type = JsonTarget

    deploy_dir = luigi.Parameter(default="deployed", description="directory from which the model is served")
    least_r2 = luigi.FloatParameter(default=0.3, description="a model below this is not deployed")

    def easy_run(self, inputs):
        model = inputs["trained"][0]
        metrics = inputs["evaluation"]["metrics"]
        if metrics["r2"] < self.least_r2:
            logger.warning("not deployed: r2 is %.3f, and %.3f is wanted", metrics["r2"], self.least_r2)
            return {"deployed": False, "r2": metrics["r2"], "wanted": self.least_r2}
        path = publishing.publish(model, self.deploy_dir)
        return {"deployed": True, "r2": metrics["r2"], "path": path}

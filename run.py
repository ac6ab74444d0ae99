"""Run the app: `python run.py` makes everything current that the terminal steps need."""

import sys

import pipeline
from app.flow import commons, deploy_model


def get_tasks():
    """Terminal steps only; what they need is found through them."""
    return [deploy_model.DeployModel(**commons.params)]


if __name__ == "__main__":
    sys.exit(pipeline.main(get_tasks))

"""What a peer is asked to run, and how it answers. Runs in the peer's own environment, in the app's folder."""

import importlib
import json
import os
import sys

_question = json.loads(sys.argv[1])

#: Steps in an order in which they can run: name, function, needs ("raw.txt" is the file), parameters.
graph = _question["graph"]

os.environ["SHOP_RAN"] = _question["log"]
sys.path.insert(0, os.getcwd())


def function(step):
    """The plain function of a step."""
    module, name = step["function"].split(".")
    return getattr(importlib.import_module(f"shop.{module}"), name)


def answer(outputs):
    """Hand back what every step gave."""
    texts = {name: json.dumps(value, default=vars, sort_keys=True) for name, value in outputs.items()}
    print("\nRESULT " + json.dumps(texts))

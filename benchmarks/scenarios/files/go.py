import json
import os
import sys

asked = json.loads(sys.argv[1])
os.environ["SHOP_RAN"] = asked["log"]

import flow

import pipeline
from pipeline import Task, WrapperTask, housekeeping


parameters = asked["parameters"]


def text(value):
    return json.dumps(value, default=vars, sort_keys=True)


def outputs():
    return {step.__name__: text(step(**parameters).load()) for step in flow.STEPS if step.__name__ not in asked["unread"]}


Task.TARGET_DIR = "store"
if asked["trim"]:
    housekeeping.trim([getattr(flow, name)() for name in asked["trim"]])
    sys.exit()
run = pipeline.build(flow.Everything(**parameters), force=asked["force"])
if not run.ok:
    print(run, [outcome.error for outcome in run.outcomes.values() if outcome.error])
    sys.exit(1)
answer = {
    "ran": sorted(type(task).__name__ for task in run.ran),
    "why": {type(task).__name__: str(verdict) for task, verdict in run.verdicts.items()},
}
answer["said"] = sorted(open(asked["log"]).read().split()) if os.path.exists(asked["log"]) else []
answer["outputs"] = outputs()
if asked["afresh"]:
    Task.TARGET_DIR = "afresh"
    assert pipeline.build(flow.Everything(**parameters)).ok
    answer["afresh"] = outputs()
print("RESULT " + json.dumps(answer))

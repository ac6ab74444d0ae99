"""gokart, with both of its checks turned on: of the task's code, and of modification times.

The step's function is an attribute of its class, so that gokart counts its source as the task's own.
"""

import gokart
import luigi
from asked import answer, function, graph
from gokart.target import make_target

CHECKS = {"serialized_task_definition_check": True, "modification_time_check": True, "workspace_directory": "store"}


class File(gokart.TaskOnKart):
    path = luigi.Parameter()

    def output(self):
        return make_target(self.path)

    def value(self):
        return self.path


class Step(gokart.TaskOnKart):
    def requires(self):
        return [tasks[name] for name in self.step["needs"]]

    def output(self):
        return self.make_target(f"{self.step['name']}.pkl")

    def run(self):
        parameters = {name: getattr(self, name) for name in self.step["parameters"]}
        self.dump(type(self).body(*[task.value() for task in self.requires()], **parameters))

    def value(self):
        return self.output().load()


tasks = {"raw.txt": File(path="raw.txt", **CHECKS)}
for step in graph:
    parameters = {name: luigi.IntParameter() for name in step["parameters"]}
    made = type(step["name"], (Step,), {"step": step, "body": function(step), **parameters})
    tasks[step["name"]] = made(**step["parameters"], **CHECKS)
assert luigi.build(list(tasks.values()), local_scheduler=True, log_level="ERROR")
answer({name: task.value() for name, task in tasks.items() if name != "raw.txt"})

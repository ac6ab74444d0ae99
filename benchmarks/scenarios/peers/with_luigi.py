"""Plain Luigi: each step is a task with a LocalTarget; the file is an ExternalTask."""

import pickle

import luigi
from asked import answer, function, graph


class File(luigi.ExternalTask):
    path = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(self.path)


class Step(luigi.Task):
    def requires(self):
        return [tasks[name] for name in self.step["needs"]]

    def output(self):
        shown = "".join(f"-{name}-{value}" for name, value in sorted(self.param_kwargs.items()))
        return luigi.LocalTarget(f"store/{self.step['name']}{shown}.pkl", format=luigi.format.Nop)

    def run(self):
        value = function(self.step)(*[task.value() for task in self.requires()], **self.param_kwargs)
        with self.output().open("w") as file:
            pickle.dump(value, file)

    def value(self):
        with self.output().open() as file:
            return pickle.load(file)


File.value = lambda self: self.path
tasks = {"raw.txt": File("raw.txt")}
for step in graph:
    parameters = {name: luigi.IntParameter() for name in step["parameters"]}
    tasks[step["name"]] = type(step["name"], (Step,), {"step": step, **parameters})(**step["parameters"])
assert luigi.build(list(tasks.values()), local_scheduler=True, log_level="ERROR")
answer({name: task.value() for name, task in tasks.items() if name != "raw.txt"})

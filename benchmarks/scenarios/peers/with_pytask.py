"""pytask: each function is a task whose inputs and output are pickled files."""

import inspect
import sys
from pathlib import Path

from asked import answer, function, graph
from pytask import ExitCode, PickleNode, PythonNode, build, task

folder = Path.cwd()
tasks = []
nodes = {"raw.txt": folder / "raw.txt"}
for step in graph:
    called = function(step)
    name = step["name"]
    nodes[name] = PickleNode(name=name, path=folder / "store" / f"{name}.pkl")
    arguments = dict(zip(inspect.signature(called).parameters, [nodes[need] for need in step["needs"]], strict=False))
    arguments.update({parameter: PythonNode(value=value, hash=True) for parameter, value in step["parameters"].items()})
    tasks.append(task(name, kwargs=arguments, produces=nodes[name])(called))
session = build(tasks=tasks, paths=folder, database_url=f"sqlite:///{folder}/store/pytask.sqlite", capture="no")
if session.exit_code is not ExitCode.OK:
    sys.exit("pytask failed")
answer({step["name"]: nodes[step["name"]].load() for step in graph})

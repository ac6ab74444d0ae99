"""redun: each function is a task, called with the results of others; the file is a `File`."""

from asked import answer, function, graph
from redun import File, Scheduler, task
from redun.config import Config

read = function(graph[0])


@task(namespace="shop")
def raw(file: File):
    return read(file.path)


steps = {step["name"]: task(name=step["name"], namespace="shop")(function(step)) for step in graph[1:]}


@task(namespace="shop")
def main(file: File):
    values = {"Raw": raw(file)}
    for step in graph[1:]:
        values[step["name"]] = steps[step["name"]](*[values[name] for name in step["needs"]], **step["parameters"])
    return values


scheduler = Scheduler(config=Config({"backend": {"db_uri": "sqlite:///store/redun.db"}}))
scheduler.load()
answer(scheduler.run(main(File("raw.txt"))))

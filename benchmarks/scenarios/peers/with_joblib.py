"""joblib.Memory: each function is cached by its source and its arguments."""

from asked import answer, function, graph
from joblib import Memory

memory = Memory("store", verbose=0)
values = {"raw.txt": "raw.txt"}
for step in graph:
    cached = memory.cache(function(step))
    values[step["name"]] = cached(*[values[name] for name in step["needs"]], **step["parameters"])
del values["raw.txt"]
answer(values)

"""The tools that are compared, and how each is told."""

from __future__ import annotations

from dataclasses import dataclass

OURS = "luigi-warp"


@dataclass(frozen=True)
class Tool:
    """`module`: of `fault_subjects`, without `with_`. `command`: how a failing step is run, `{bin}` is the folder of its interpreter."""

    name: str
    module: str
    command: tuple[str, ...]
    how: str
    beside: str


TOOLS = (
    Tool(
        OURS,
        "warp",
        ("{bin}/python", "{subjects}/with_warp.py"),
        "`pipeline.build`; a `PickleTarget` for each step; the script is `sys.exit(pipeline.main(get_tasks))`",
        "the record, the names of code parts, the list of runs",
    ),
    Tool(
        "Luigi",
        "luigi",
        ("{bin}/luigi", "--module", "benchmarks.fault_subjects.with_luigi", "Fails", "--local-scheduler"),
        "`luigi.build` with a local scheduler; a pickle in a `LocalTarget`, written through `output().open('w')`. What a "
        "step writes to `output().path` itself Luigi does not protect; that was not measured",
        "",
    ),
    Tool(
        "gokart",
        "gokart",
        ("{bin}/python", "{subjects}/with_gokart.py", "Fails", "--local-scheduler"),
        "`gokart.build` with its default pickles; the script is `gokart.run()`. Without Redis, which its locks need",
        "`resources/log`: task log, parameters, processing time, random seed",
    ),
    Tool(
        "labtech",
        "labtech",
        ("{bin}/python", "{subjects}/with_labtech.py"),
        "`Lab.run_task` with its default backend (a pool of forks) and its default pickles; the script is the same",
        "`metadata.json`, `.gitignore`",
    ),
    Tool(
        "taskproc",
        "taskproc",
        ("{bin}/taskproc", "{subjects}/with_taskproc.py", "-o", "cache", "--dont-show-progress"),
        "`run_graph` with its default executor (a pool of processes); the command is `taskproc FILE -o cache`",
        "`id_table`, `args.json`, `source.txt`",
    ),
)

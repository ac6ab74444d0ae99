"""The scenarios: what is done to the app after it was built, and exactly which steps must then run.

A step must run if its code changed in meaning, or if what it was given did. Nothing else may run.
"""

from __future__ import annotations

from benchmarks.scenarios.actions import Edit, Flip, Remove, Touch, Trim, scenario
from benchmarks.scenarios.app import Step
from benchmarks.scenarios.plain_code import BELOW_CLEAN, BELOW_SCORE, PLAIN_CODE

_STEPS = [
    scenario(
        "a step's own code",
        Edit("flow.py", "return self.shown(scoring.score(inputs[0]))", "return self.shown(-scoring.score(inputs[0]))"),
        BELOW_SCORE,
        "its easy_run",
    ),
    scenario(
        "a method of a base class of steps",
        Edit("flow.py", "return value", "return value or None"),
        "Score Summarise",
        "both derive from it; they give the same",
    ),
    scenario(
        "an attribute that is read from another step",
        Edit("flow.py", "LIMIT = 7", "LIMIT = 4"),
        "Score Capped",
        "Score's body, and what Capped reads",
    ),
    scenario("another attribute of that step", Edit("flow.py", "OTHER = 8", "OTHER = 9"), "Score", "Capped does not read it"),
    scenario(
        "the code of a step that another one only names",
        Edit("flow.py", "scoring.score(inputs[0])", "scoring.score(inputs[0] + [])"),
        "Score",
        "Asking yields Score(), which gives the same",
    ),
    scenario("what a step asks for while running", Edit("flow.py", "yield Clean()", "yield Raw()"), "Asking", "its own code"),
    scenario("the version of a step", Edit("flow.py", 'version = "1"', 'version = "2"'), "Versioned", "it says so"),
    scenario("a file that a step reads", Edit("shop/query.sql", "select 1", "select 2"), "Query", "reads names it"),
    scenario("a file that a step reads, touched", Touch("shop/query.sql"), "", "its content is the same"),
    scenario("a fixed parameter", Edit("flow.py", '{"rows": 3}', '{"rows": 4}'), "Cut Sample", "Sample requires another task"),
    scenario(
        "what a step requires",
        Edit("flow.py", "@inherit_list(Clean)\nclass Invoice", "@inherit_list(Raw)\nclass Invoice"),
        "Invoice",
        "it is given something else",
        rewire=(Step("Invoice", "invoice.invoice", ("Raw",)),),
    ),
    scenario(
        "the same requirement in other words",
        Edit("flow.py", "@inherit_list(Clean)\nclass Invoice(Task):", "class Invoice(Task):\n    def requires(self):\n        return [Clean()]\n"),
        "",
        "it is given the same",
    ),
    scenario(
        "the default of a parameter",
        Edit("flow.py", "IntParameter(default=2)", "IntParameter(default=1)"),
        "Window",
        "another task",
        rewire=(Step("Window", "window.window", ("Clean",), (("size", 1),)),),
    ),
    scenario(
        "another value of a parameter",
        (),
        "Window",
        "another task",
        parameters={"size": 3},
        rewire=(Step("Window", "window.window", ("Clean",), (("size", 3),)),),
    ),
    scenario(
        "a new parameter",
        Edit("flow.py", "    size = luigi", "    more = luigi.IntParameter(default=0)\n    size = luigi"),
        "Window",
        "another task",
    ),
    scenario(
        "another format of the output",
        Edit("flow.py", "class JsonStep(Task):\n    target_type = JsonTarget", "class JsonStep(Task):\n    target_type = PickleTarget"),
        "Score Summarise Final Asking",
        "both are stored in other bytes",
    ),
    scenario(
        "how a format of the project writes",
        Edit("shop/formats.py", '"\\n".join(map(str, value))', '"\\n".join(map(repr, value))'),
        "Lines CountLines",
        "what the file says, and what reads it",
    ),
    scenario(
        "how a format of the project reads",
        Edit("shop/formats.py", "int(line)", "-int(line)"),
        "Lines CountLines",
        "CountLines is given something else",
    ),
    scenario(
        "a comment in a format of the project", Edit("shop/formats.py", "    def read", "    # back\n    def read"), "", "comments mean nothing"
    ),
    scenario(
        "a side file",
        Edit("flow.py", 'write_text("first")', 'write_text("other")'),
        "Side ReadSide",
        "the returned value is the same, the task_directory is not",
    ),
    scenario("what identity() leaves out", Edit("flow.py", '"seconds": 1.5', '"seconds": 2.5'), "Metric", "the accuracy is the same"),
    scenario("what identity() names", Edit("flow.py", '"accuracy": len(inputs[0])', '"accuracy": 1'), "Metric Gate", "the accuracy is another"),
    scenario("a code change that is only told", Edit("flow.py", '["warned", type', '["war" "ned", int and type'), "", 'on_code_change = "warn"'),
    scenario("a code change that is ignored", Edit("flow.py", '["ignored", type', '["igno" "red", int and type'), "", 'on_code_change = "ignore"'),
    scenario("a helper of such steps", Edit("shop/extra.py", "ADDED = 1", "ADDED = 2"), "", "neither wants to run again"),
    scenario(
        "what a step that keeps its output in memory is given",
        Edit("flow.py", "return [1, 2, 3]", "return [1, 2, 4]"),
        "Source Kept UseKept",
        "each is given something else",
    ),
    scenario(
        "the same for a step that keeps its output in memory",
        Edit("flow.py", "return [1, 2, 3]", "return [1, 2, 2 + 1]"),
        "Source",
        "Source gives the same",
    ),
    scenario(
        "a helper of a step that keeps its output in memory", Edit("shop/extra.py", "value + 2", "value + 3"), "Kept UseKept", "Kept is another"
    ),
    scenario(
        "priorities and retries",
        Edit("flow.py", "    LIMIT = 7", "    priority = 5\n    retry_count = 3\n    LIMIT = 7"),
        "",
        "how it runs is not what it makes",
    ),
]

_DATA = [
    scenario("an external file", Edit("raw.txt", "3 -1 4 15 90", "3 -1 4 16 90"), f"Raw Clean {BELOW_CLEAN}", "other numbers, as many of them"),
    scenario("an external file that gives the same below", Edit("raw.txt", "90", "91"), "Raw Clean", "both are cut off: Clean gives the same"),
    scenario("an external file, in other spaces", Edit("raw.txt", "3 -1", "3  -1"), "Raw", "Raw gives the same"),
    scenario("an external file, touched", Touch("raw.txt"), "", "its content is the same"),
    scenario(
        "a nightly ingestion that fetches the same",
        Edit("flow.py", "fresh_for = timedelta(hours=12)", "fresh_for = timedelta(0)"),
        "Nightly",
        "it must look again; Report keeps its output",
    ),
    scenario(
        "a nightly ingestion that fetches something else",
        [Edit("flow.py", "fresh_for = timedelta(hours=12)", "fresh_for = timedelta(0)"), Edit("feed.txt", "8", "9")],
        "Nightly Report",
        "it must look again, and finds something",
    ),
    scenario("another time for the nightly ingestion", Edit("flow.py", "timedelta(hours=12)", "timedelta(hours=13)"), "", "it is still fresh"),
    scenario("a removed output", Remove("Final"), "Final", "it is not there"),
    scenario("a removed intermediate output", Remove("Clean"), "Clean", "it comes out as it was"),
    scenario(
        "a removed output, and a code change below",
        [Remove("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {BELOW_SCORE}",
        "Clean is needed",
    ),
    scenario("a flipped bit that nobody reads", Flip("Clean"), "", "nothing that must run needs it", unread=("Clean",)),
    scenario(
        "a flipped bit that is read",
        [Flip("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {BELOW_SCORE}",
        "Score must not see it",
    ),
    scenario("a trimmed intermediate that nobody needs", Trim("Clean"), "", "its record says what it was", unread=("Clean",)),
    scenario(
        "a trimmed intermediate that is needed",
        [Trim("Clean"), Edit("shop/settings.py", "SCALE = 10", "SCALE = 11")],
        f"Clean {BELOW_SCORE}",
        "Score needs its data",
    ),
    scenario(
        "a trimmed intermediate, and a code change that does not need it",
        [Trim("Clean"), Edit("shop/scoring.py", 'f"{score} ', 'f"{score}, ')],
        "Final",
        "Final reads Score and Summarise",
        unread=("Clean",),
    ),
    scenario("a forced step", (), "Clean", "it comes out as it was", force=("Clean",)),
    scenario("a forced step and all below", (), f"Clean {BELOW_CLEAN} Gate", "NAME+", force=("Clean+",)),
    scenario(
        "a change and its opposite",
        [Edit("shop/settings.py", "SCALE = 10", "SCALE = 11"), Edit("shop/settings.py", "SCALE = 11", "SCALE = 10")],
        "",
        "the code is what it was",
    ),
]

SCENARIOS = (*PLAIN_CODE, *_STEPS, *_DATA)

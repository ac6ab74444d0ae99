"""Three steps, each of which needs the one before it."""

import luigi

from pipeline import Task, inherit_list
from targets import JsonTarget


class Base(Task):
    target_type = JsonTarget
    n = luigi.IntParameter(default=1)

    def easy_run(self, inputs):
        return self.n


@inherit_list(Base)
class Middle(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return inputs[0]


@inherit_list(Middle)
class Top(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return inputs[0]

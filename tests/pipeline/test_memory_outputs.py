"""Outputs in memory: made again where somebody needs them and they are gone, and by nobody else."""

import luigi

import pipeline
from pipeline import Task, WrapperTask


def test_a_memory_output_is_made_again_only_if_somebody_needs_it(ran):
    from targets import MemoryTarget

    class Model(Task):
        target_type = MemoryTarget

        def easy_run(self, inputs):
            return object()

    class Use(Task):
        def requires(self):
            return Model()

        def easy_run(self, inputs):
            return str(type(inputs))

    assert ran(Use()) == ["Model", "Use"]
    assert ran(Use()) == []
    MemoryTarget._kept.clear()  # as in a new process
    assert ran(Use()) == []
    Use().remove()
    assert ran(Use()) == ["Model", "Use"]
    MemoryTarget._kept.clear()
    assert ran(Model()) == ["Model"]


def test_a_memory_output_reaches_other_processes(ran):
    from targets import MemoryTarget

    class Model(Task):
        target_type = MemoryTarget

        def easy_run(self, inputs):
            return 5

    class Use(Task):
        n = luigi.IntParameter()

        def requires(self):
            return Model()

        def easy_run(self, inputs):
            return inputs + self.n

    ran(Use(n=1), Use(n=2), workers=2)
    assert (Use(n=1).load(), Use(n=2).load()) == (6, 7)


def test_a_wrapper_whose_members_live_in_memory_is_loaded_by_a_new_process(ran):
    from targets import MemoryTarget

    class Memory(Task):
        target_type = MemoryTarget

        def easy_run(self, inputs):
            return 1

    class Group(WrapperTask):
        def requires(self):
            return [Memory()]

    class Use(Task):
        def requires(self):
            return Group()

        def easy_run(self, inputs):
            return inputs

    ran(Use())
    MemoryTarget._kept.clear()  # as in a new process
    Use().remove()
    assert ran(Use()) == ["Memory", "Use"]


def test_trimming_a_task_that_lives_in_no_memory_does_nothing():
    from targets import MemoryTarget

    class Memory(Task):
        target_type = MemoryTarget

        def easy_run(self, inputs):
            return 1

    assert pipeline.trim([Memory()]) == []

"""What is still true is kept; exactly what is not is made again."""

import dataclasses

import luigi
import pytest
from luigi.execution_summary import LuigiRunResult

import pipeline
from pipeline import Task, WrapperTask, inherit_dict, inherit_list
from targets import JsonTarget, RecordError
from targets.trust import sealed


class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    target_type = JsonTarget

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list(Ingest)
class Train(Task):
    rate = luigi.FloatParameter(default=0.5)
    target_type = JsonTarget

    def easy_run(self, inputs):
        return sum(inputs[0]) * self.rate


@inherit_dict(data=Ingest, model=Train)
class Evaluate(Task):
    target_type = JsonTarget

    def easy_run(self, inputs):
        return {"model": inputs["model"], "seen": len(inputs["data"])}


def test_everything_is_made_once(ran):
    assert ran(Evaluate()) == ["Evaluate", "Ingest", "Train"]
    assert ran(Evaluate()) == []


def test_a_changed_parameter_makes_only_what_depends_on_it(ran):
    ran(Evaluate(rate=0.5))
    assert ran(Evaluate(rate=0.7)) == ["Evaluate", "Train"]
    assert ran(Evaluate(rate=0.5)) == []


def test_a_removed_output_that_comes_back_the_same_runs_nothing_below(ran):
    ran(Evaluate())
    Ingest().remove()
    assert ran(Evaluate()) == ["Ingest"]


def test_a_removed_leaf_is_named_in_the_plan(ran):
    ran(Evaluate())
    Ingest().remove()
    plan = pipeline.plan(Evaluate())
    assert str(plan.verdicts[Ingest()]).startswith("MISSING")
    assert str(plan.verdicts[Train()]) == "UPSTREAM: Ingest(rows=3) must run first"


def test_a_plan_writes_nothing(store):
    pipeline.plan(Evaluate())
    assert not store.exists()


def test_data_of_another_size_are_damaged(ran):
    ran(Evaluate())
    path = Train().target.path
    with open(path, "ab") as file:
        file.write(b" ")
    assert str(pipeline.plan(Train()).verdicts[Train()]).startswith("DAMAGED")
    assert ran(Evaluate()) == ["Train"]


def test_a_flipped_bit_is_found_when_the_data_are_read_and_repaired(ran):
    ran(Evaluate())
    path = Train().target.path
    with open(path, "r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))
    Evaluate().remove()
    assert ran(Evaluate()) == ["Evaluate", "Train"]
    assert Evaluate().load() == {"model": 1.5, "seen": 3}


def test_a_damaged_record_is_not_believed(ran, store):
    ran(Evaluate())
    record = Train().target.path.replace(".json", ".record.json")
    with open(record, "r+b") as file:
        file.seek(20)
        file.write(b"X")
    assert str(pipeline.plan(Train()).verdicts[Train()]).startswith("DAMAGED")
    assert ran(Evaluate()) == ["Train"]


def test_a_record_of_another_task_is_not_believed(ran):
    ran(Train(rate=1.0), Train(rate=2.0))
    one, two = Train(rate=1.0).target, Train(rate=2.0).target
    for ending in (".json", ".record.json"):
        source = one.path.replace(".json", ending)
        with open(source, "rb") as taken, open(two.path.replace(".json", ending), "wb") as swapped:
            swapped.write(taken.read())
    assert "belongs to another task" in str(pipeline.plan(Train(rate=2.0)).verdicts[Train(rate=2.0)])
    assert ran(Train(rate=2.0)) == ["Train"]


@pytest.mark.parametrize("ending", [".x/../../../precious", "./../../../precious", ".x/precious", ".x\\\\precious"])
def test_a_record_cannot_name_files_elsewhere(ending, ran, store):
    """Also where somebody has made the folder of which the name speaks."""
    ran(Train())
    target = Train().target
    record = target.find_record()[0]
    (store / (target.place.stem + ".x")).mkdir()
    precious = [store / "precious", store / (target.place.stem + ".x") / "precious"]
    for path in precious:
        path.write_text("1.0")
    data = dataclasses.replace(record, parts=(dataclasses.replace(record.parts[0], file=target.place.stem + ending),))
    (store / target.place.record_name).write_bytes(sealed(data)[1])

    assert "belongs to another task" in str(pipeline.plan(Train()).verdicts[Train()])
    with pytest.raises(RecordError):
        Train().load()
    ran(Train())
    Train().remove()
    assert all(path.exists() for path in precious)


def test_a_failure_skips_what_needs_it_and_keeps_the_rest():
    class Broken(Task):
        def easy_run(self, inputs):
            raise ValueError("no luck")

    class Needs(Task):
        def requires(self):
            return Broken()

        def easy_run(self, inputs):
            return 1

    run = pipeline.build([Needs(), Ingest()])
    assert (run.failed, run.skipped, run.ran) == ([Broken()], [Needs()], [Ingest()])
    assert isinstance(run.outcomes[Broken()].error, ValueError)
    assert not run.ok
    assert run.exit_code == 1


def test_a_failure_keeps_the_previous_output(ran, monkeypatch):
    ran(Train())

    def broken(self, inputs):
        raise ValueError("no luck")

    monkeypatch.setattr(Ingest, "easy_run", lambda self, inputs: [9])
    monkeypatch.setattr(Train, "easy_run", broken)
    Ingest().remove()
    run = pipeline.build(Train())
    assert run.failed == [Train()]
    assert Train().load() == 1.5


def test_stopping_at_the_first_failure_leaves_the_rest_alone():
    class Broken(Task):
        priority = 10

        def easy_run(self, inputs):
            raise ValueError("no luck")

    run = pipeline.build([Broken(), Ingest()], keep_going=False)
    assert run.failed == [Broken()]
    assert run.skipped == [Ingest()]


def test_a_wrapper_is_as_current_as_what_it_stands_for(ran):
    class Both(WrapperTask):
        def requires(self):
            return [Ingest(), Train()]

    class After(Task):
        def requires(self):
            return Both()

        def easy_run(self, inputs):
            return inputs

    assert ran(After()) == ["After", "Ingest", "Train"]
    assert After().load() == [[0, 1, 2], 1.5]
    assert Both().load() == [[0, 1, 2], 1.5]
    Train().remove()
    assert not Both().complete()
    assert ran(After()) == ["Train"]


def test_other_requirements_are_noticed(ran, monkeypatch):
    class Sum(Task):
        limit = 2

        def requires(self):
            return [Ingest(rows=rows) for rows in range(self.limit)]

        def easy_run(self, inputs):
            return len(inputs)

    ran(Sum())
    monkeypatch.setattr(Sum, "limit", 3)
    assert str(pipeline.plan(Sum()).verdicts[Sum()]) == "REQUIREMENTS: inputs[2] is new"
    assert ran(Sum()) == ["Ingest", "Sum"]
    assert Sum().load() == 3


def test_other_fixed_parameters_are_noticed(ran):
    def steps(rows):
        @inherit_list((Ingest, {"rows": rows}))
        class Report(Task):
            def easy_run(self, inputs):
                return len(inputs[0])

        return Report()

    assert ran(steps(4)) == ["Ingest", "Report"]
    assert ran(steps(5)) == ["Ingest", "Report"]
    assert steps(5).load() == 5


@pytest.mark.parametrize("workers", [1, 3])
def test_many_requirements_are_recorded_compactly_and_still_compared(workers, ran, store):
    class Many(Task):
        def requires(self):
            return [Ingest(rows=rows) for rows in range(80)]

        def easy_run(self, inputs):
            return sum(map(len, inputs))

    ran(Many(), workers=workers)
    assert ran(Many(), workers=workers) == []
    record = Ingest(rows=7).target.record
    Ingest(rows=7).target.dump([1, 2, 3], facts=lambda _, **stored: dataclasses.replace(record, **stored))
    assert str(pipeline.plan(Many()).verdicts[Many()]) == "INPUT: Ingest(rows=7) has another content"


def test_the_run_is_a_luigi_result_too(ran):
    run = pipeline.build(Ingest())
    assert isinstance(run, LuigiRunResult)
    assert run.status is luigi.LuigiStatusCode.SUCCESS
    assert run.scheduling_succeeded
    assert "1 ran" in run.summary_text


def test_a_record_says_what_made_the_output(ran):
    ran(Evaluate())
    record = Evaluate().output().record
    assert record.family == "Evaluate"
    assert record.params == {"rows": 3, "rate": 0.5}
    assert [row.path for row in record.inputs] == ["['data']", "['model']"]
    assert record.inputs[1].identity == Train().output().record.digest
    assert record.versions["luigi"]
    assert record.run
    assert record.host
    assert record.size > 0
    assert record.started > 0


def test_deep_chains_need_no_recursion(ran):
    class Link(Task):
        n = luigi.IntParameter()

        def requires(self):
            return Link(n=self.n - 1) if self.n else []

        def easy_run(self, inputs):
            return self.n

    for n in range(0, 1500, 300):  # a scheduler that is quadratic would take long, so the chain is made piece by piece
        ran(Link(n=n))
    assert Link(n=1200).complete()
    pipeline.plan(Link(n=50_000))


def test_a_wrapper_whose_members_were_trimmed_is_loaded_all_the_same(ran):
    class Group(WrapperTask):
        def requires(self):
            return [Ingest(), Train()]

    class Use(Task):
        def requires(self):
            return Group()

        def easy_run(self, inputs):
            return inputs

    ran(Use())
    pipeline.trim([Ingest(), Train()])
    Use().remove()
    assert ran(Use()) == ["Ingest", "Train", "Use"]


def test_trimmed_data_stay_absent_when_what_made_them_ran_again_with_the_same_result(ran):
    ran(Evaluate())
    pipeline.trim([Train()])
    Ingest().remove()
    assert ran(Train()) == ["Ingest"]

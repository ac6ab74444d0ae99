"""`inherit_list` and `inherit_dict`: what is required, and which parameters come with it."""

import luigi
import pytest

from pipeline import Task, TaskParameter, inherit_dict, inherit_list
from pipeline.errors import ReservedNameError, TaskDefinitionError, UnknownParameterError


class Ingest(Task):
    rows = luigi.IntParameter(default=3)
    source = luigi.Parameter(default="here")

    def easy_run(self, inputs):
        return self.rows


@inherit_list(Ingest)
class Clean(Task):
    strict = luigi.BoolParameter(default=False)

    def easy_run(self, inputs):
        return inputs[0]


class Other(Task):
    rows = luigi.IntParameter(default=99)
    extra = luigi.Parameter(default="e")

    def easy_run(self, inputs):
        return self.rows


def test_parameters_are_inherited_and_passed_down():
    assert Clean(rows=5, source="there").requires() == [Ingest(rows=5, source="there")]


def test_parameters_reach_grandchildren():
    @inherit_list(Clean)
    class Report(Task):
        pass

    assert Report(rows=8).requires()[0].requires() == [Ingest(rows=8)]


def test_fixed_parameters_are_not_inherited_and_reach_grandchildren():
    @inherit_list((Clean, {"rows": 7}))
    class Report(Task):
        pass

    assert "rows" not in dict(Report.get_params())
    assert Report().requires()[0].requires() == [Ingest(rows=7)]


def test_a_step_s_own_declaration_wins():
    @inherit_list(Ingest)
    class Report(Task):
        rows = luigi.IntParameter(default=1000)

    assert Report().requires() == [Ingest(rows=1000)]


def test_the_first_listed_requirement_decides_about_the_default():
    @inherit_list(Ingest, Other)
    class One(Task):
        pass

    @inherit_list(Other, Ingest)
    class Two(Task):
        pass

    assert (One().rows, Two().rows) == (3, 99)


def test_names_are_the_keys_of_the_inputs():
    @inherit_dict(data=Ingest, other=(Other, {"extra": "x"}))
    class Report(Task):
        pass

    assert Report().requires() == {"data": Ingest(), "other": Other(rows=3, extra="x")}


def test_both_decorators_give_positions_and_names(ran):
    @inherit_list(Ingest)
    @inherit_dict(other=Other)
    class Report(Task):
        def easy_run(self, inputs):
            return [inputs[0], inputs["other"]]

    ran(Report(rows=4))
    assert Report(rows=4).load() == [4, 4]


def test_repeated_decorators_add_up_in_reading_order():
    @inherit_list(Ingest)
    @inherit_list(Other)
    class Report(Task):
        pass

    assert [type(task) for task in Report().requires()] == [Ingest, Other]


def test_a_name_given_twice_is_refused():
    with pytest.raises(TaskDefinitionError, match="two things named 'data'"):

        @inherit_dict(data=Ingest)
        @inherit_dict(data=Other)
        class Report(Task):
            pass


def test_a_subclass_keeps_what_its_base_requires():
    class Special(Clean):
        pass

    assert Special(rows=2).requires() == [Ingest(rows=2)]


def test_decorating_a_subclass_replaces_and_leaves_the_base_alone():
    @inherit_list(Other)
    class Special(Clean):
        pass

    assert [type(task) for task in Special().requires()] == [Other]
    assert [type(task) for task in Clean().requires()] == [Ingest]
    assert "extra" not in dict(Clean.get_params())


def test_decorating_a_subclass_of_a_class_with_its_own_requires_works():
    class Base(Task):
        def requires(self):
            return Ingest()

    @inherit_list(Other)
    class Special(Base):
        pass

    assert [type(task) for task in Special().requires()] == [Other]


def test_requires_and_a_decorator_on_one_class_are_refused():
    with pytest.raises(TaskDefinitionError, match="has a requires\\(\\) of its own"):

        @inherit_list(Ingest)
        class Report(Task):
            def requires(self):
                return Other()


def test_a_parameter_is_not_shared_between_names_or_classes():
    assert Clean.rows is not Ingest.rows
    assert Clean(rows=1).rows == 1
    assert Ingest().rows == 3


def test_an_unknown_fixed_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownParameterError, match=r"Report fixes 'row' of Ingest.*did you mean 'rows'"):

        @inherit_list((Ingest, {"row": 3}))
        class Report(Task):
            pass


@pytest.mark.parametrize("wrong", [3, "Ingest", Ingest(), (Ingest, 3), int])
def test_what_is_no_task_class_is_refused(wrong):
    with pytest.raises(TaskDefinitionError, match="Report"):

        @inherit_list(wrong)
        class Report(Task):
            pass


def test_a_version_parameter_propagates():
    class Versioned(Task):
        version = luigi.Parameter(default="1")

    @inherit_list(Versioned)
    class Report(Task):
        pass

    assert Report(version="2").requires() == [Versioned(version="2")]


def test_an_inherited_name_that_every_task_has_is_refused():
    class Plain(luigi.Task):
        load = luigi.Parameter(default="1")

    with pytest.raises(ReservedNameError, match="cannot be named 'load'"):

        @inherit_list(Plain)
        class Report(Task):
            pass


def test_a_parameter_of_every_task_is_passed_down(monkeypatch):
    monkeypatch.setattr(Task, "version", luigi.Parameter(default="a"))

    @inherit_list(Ingest)
    class Report(Task):
        pass

    assert Report(version="b").requires()[0].version == "b"


def test_plain_luigi_tasks_can_be_inherited_from():
    class Plain(luigi.Task):
        day = luigi.Parameter(default="monday")

    @inherit_list(Plain)
    class Report(Task):
        pass

    assert Report(day="friday").requires() == [Plain(day="friday")]


def test_a_task_as_a_parameter_is_passed_down_and_required_once(ran):
    class Model(Task):
        depth = luigi.IntParameter()

        def easy_run(self, inputs):
            return self.depth

    class Fit(Task):
        model = TaskParameter()

        def easy_run(self, inputs):
            return inputs["model"] * 10

    @inherit_list(Fit)
    class Report(Task):
        def easy_run(self, inputs):
            return inputs

    assert ran(Report(model=Model(depth=2))) == ["Fit", "Model", "Report"]
    assert Report(model=Model(depth=2)).load() == [20]


def test_one_dict_of_parameters_builds_every_step(ran):
    params = {"rows": "6", "strict": "true", "nobody_knows": 1}
    assert ran(Clean(**params), Other(**params)) == ["Clean", "Ingest", "Other"]
    assert Other(**params).load() == 6

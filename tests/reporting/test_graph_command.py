"""`graph`: what it draws of real tasks, and where it writes it."""

import os
from xml.etree.ElementTree import fromstring

import luigi
import pytest

import pipeline
from pipeline import ExternalFile, SecretParameter, Task, TaskParameter, WrapperTask, inherit_list, planning
from pipeline.reporting import planned
from pipeline.reporting.graph import Need, draw
from targets import JsonTarget, TextTarget


class Intake(Task):
    rows = luigi.IntParameter(default=10)
    internal = luigi.Parameter(default="not for readers", significant=False, visibility=luigi.parameter.ParameterVisibility.HIDDEN)
    password = SecretParameter(default="hunter2-hunter2")
    target_type = JsonTarget

    def easy_run(self, inputs):
        return list(range(self.rows))


@inherit_list(Intake)
class Train(Task):
    outputs = {"model": JsonTarget, "notes": TextTarget}

    def easy_run(self, inputs):
        return {"model": sum(inputs[0]), "notes": "fine"}


class Score(Task):
    source = TaskParameter()

    def requires(self):
        return {"model": Train()["model"], "source": self.source}

    def easy_run(self, inputs):
        extra = yield Intake(rows=3)
        return inputs["model"] + len(extra)


class Everything(WrapperTask):
    path = luigi.Parameter()

    def requires(self):
        return [Score(source=Intake(rows=5)), ExternalFile(path=self.path), Plain(folder=os.path.dirname(self.path))]


class Plain(luigi.Task):
    folder = luigi.Parameter()

    def output(self):
        return luigi.LocalTarget(os.path.join(self.folder, "plain.txt"))

    def run(self):
        with self.output().open("w") as file:
            file.write("1")


@pytest.fixture
def everything(tmp_path):
    (tmp_path / "given.txt").write_text("x")
    return Everything(path=str(tmp_path / "given.txt"))


def drawn(task):
    return {(item.family, item.params.get("rows", "")): item for item in planned.items(planning.plan(task))}


def command(tasks, *arguments):
    return pipeline.main(lambda: tasks, ["graph", *arguments])


def test_each_kind_of_task_is_drawn_as_what_it_is(everything):
    kinds = {family: item.kind for (family, _), item in drawn(everything).items()}
    assert kinds == {"Intake": "step", "Train": "step", "Score": "step", "Everything": "wrapper", "ExternalFile": "external", "Plain": "luigi"}


def test_a_part_is_a_name_at_the_line_from_its_owner(everything):
    graph = draw(planned.items(planning.plan(everything)))
    titles = [node.title for node in graph.nodes]
    assert {(titles[edge.source], titles[edge.target]): edge.label for edge in graph.edges}["Train", "Score"] == "model"


def test_what_a_step_asked_for_while_running_is_drawn_once_it_has_run(everything):
    assert ("Intake", "3") not in drawn(everything)
    assert pipeline.build(everything).ok
    items = planned.items(planning.plan(everything))
    at = next(position for position, item in enumerate(items) if item.params.get("rows") == "3")
    score = next(item for item in items if item.family == "Score")
    assert Need(at, dynamic=True) in score.needs
    assert all(not need.dynamic for need in score.needs if need.at != at)


def test_parameters_types_and_outputs_are_shown_and_secrets_are_not(everything):
    found = drawn(everything)
    assert found["Intake", "5"].params == {"rows": "5"}
    assert found["Intake", "5"].types["rows"] == "int"
    assert found["Intake", "5"].output == ("JsonTarget",)
    assert found["Train", "10"].output == ("model: JsonTarget", "notes: TextTarget")
    assert found["Score", ""].params == {"source": "Intake(rows=5)"}


def test_verdicts_are_those_of_the_plan(everything):
    assert drawn(everything)["Train", "10"].label == "MISSING"
    assert pipeline.build(everything).ok
    assert {item.label for item in drawn(everything).values()} == {"CURRENT"}


@pytest.mark.parametrize("wanted", ["mermaid", "dot", "svg", "html"])
def test_every_format_names_every_step(everything, wanted, capfdbinary):
    assert command([everything], "--format", wanted) == 0
    text = capfdbinary.readouterr().out.decode()
    for family in ("Intake", "Train", "Score", "Everything", "ExternalFile", "Plain"):
        assert family in text
    assert "hunter2" not in text
    assert "not for readers" not in text
    assert text.startswith({"mermaid": "flowchart", "dot": "digraph", "svg": "<svg", "html": "<!doctype html>"}[wanted])


@pytest.mark.parametrize(("name", "beginning"), [("g.svg", "<svg"), ("g.html", "<!doctype"), ("g.dot", "digraph"), ("g.mmd", "flowchart")])
def test_the_name_of_the_output_says_the_format(name, beginning, tmp_path):
    assert command([Intake()], "--output", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_text().startswith(beginning)


def test_drawing_writes_nothing_into_the_store(store, capfd):
    assert command([Train()]) == 0
    assert [path for path in store.rglob("*") if path.is_file()] == []


def test_by_class_is_one_node_a_class(capfd):
    tasks = [Intake(rows=rows) for rows in range(4)]
    assert command(tasks, "--format", "svg", "--by", "class") == 0
    shown = "".join(fromstring(capfd.readouterr().out).itertext())
    assert "rows int4 values" in shown
    assert "\N{MULTIPLICATION SIGN}4" in shown


def test_an_output_that_cannot_be_written_is_named(tmp_path, capfd):
    assert command([Intake()], "--output", str(tmp_path / "no" / "folder.svg")) == 3
    assert str(tmp_path / "no" / "folder.svg") in capfd.readouterr().err
    assert command([Intake()], "--output", str(tmp_path)) == 3
    assert "directory" in capfd.readouterr().err.lower()


def test_a_picture_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "graph.svg"
    path.write_text("old" * 100_000)
    assert command([Intake()], "--output", str(path)) == 0
    fromstring(path.read_bytes())
    assert [name for name in os.listdir(tmp_path) if "graph.svg" in name] == ["graph.svg"]

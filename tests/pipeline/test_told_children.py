"""What a child is told of its step: messages, and parameters that nothing describes."""

import pathlib

import luigi
import pytest
from engines import no_process_is_left

from pipeline.scheduler import Scheduler
from pipeline.worker import Worker

__all__ = ["no_process_is_left"]


class Listens(luigi.Task):
    accepts_messages = True
    done = False

    def run(self):
        message = self.scheduler_messages.get(timeout=10)
        pathlib.Path("heard").write_text(str(message))

    def complete(self):
        return pathlib.Path("heard").exists()


@pytest.mark.parametrize("options", [{}, {"worker_processes": 2}, {"engine": "processes"}, {"timeout": 20}])
def test_messages_reach_a_step_wherever_it_runs(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scheduler = Scheduler(send_messages=True)
    with Worker(scheduler=scheduler, ping_interval=0.1, wait_interval=0.05, **options) as worker:
        worker.add(Listens())
        scheduler.send_scheduler_message(worker._id, Listens().task_id, "hello")
        assert worker.run()
    assert pathlib.Path("heard").read_text() == "hello"


def test_a_parameter_that_is_not_described_arrives_with_what_was_scheduled_late(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Secret(luigi.Task):
        word = luigi.Parameter(default="none", visibility=luigi.parameter.ParameterVisibility.PRIVATE)

        def output(self):
            return luigi.LocalTarget("word")

        def run(self):
            with self.output().open("w") as file:
                file.write(self.word)

    class First(luigi.Task):
        def output(self):
            return luigi.LocalTarget("first")

        def run(self):
            self.output().open("w").close()

    with Worker(worker_processes=2, wait_interval=0.05) as worker:
        worker.add(First())
        worker._add_worker()
        worker._run_task(worker._get_work().task_id)
        worker.add(Secret(word="told"))
        assert worker.run()
    assert pathlib.Path("word").read_text() == "told"

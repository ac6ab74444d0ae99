"""SIGUSR1: what runs ends well, and nothing more begins."""

import os
import signal
import threading

import luigi
import pytest

import pipeline
from pipeline import Task


class Winding(Task):
    """Tells the build to phase out, and ends well."""

    build = luigi.IntParameter(significant=False)

    def easy_run(self, inputs):
        os.kill(self.build, signal.SIGUSR1)
        return 1


class Later(Task):
    build = luigi.IntParameter(significant=False)

    def requires(self):
        return Winding(build=self.build)

    def easy_run(self, inputs):
        return 2


@pytest.fixture
def usr1():
    """What came as SIGUSR1 to a handler of somebody else's."""
    came = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: came.append(number))
    yield came
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigusr1_lets_what_runs_end_and_begins_nothing_more(workers, usr1, ran):
    handler = signal.getsignal(signal.SIGUSR1)
    first, later = Winding(build=os.getpid()), Later(build=os.getpid())
    run = pipeline.build(later, workers=workers)
    assert (run.ran, run.skipped, run.failed) == ([first], [later], [])
    assert usr1 == []
    assert signal.getsignal(signal.SIGUSR1) is handler
    assert ran(later) == ["Later"]


def test_sigusr1_is_left_to_others_where_luigi_is_told_so(usr1, ran):
    luigi.configuration.get_config().set("worker", "no_install_shutdown_handler", "true")
    assert ran(Later(build=os.getpid())) == ["Later", "Winding"]
    assert usr1 == [signal.SIGUSR1]


def test_a_build_in_another_thread_handles_no_signals(usr1):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(pipeline.build(Later(build=os.getpid()))))
    thread.start()
    thread.join()
    assert len(runs[0].ran) == 2
    assert usr1 == [signal.SIGUSR1]

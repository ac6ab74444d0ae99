"""`share_inputs` and `max_parallel`."""

import gc
import os
import time
import weakref

import luigi
import pytest

import pipeline
from pipeline import Task
from pipeline.errors import TaskDefinitionError

SEEN = []


class Big:
    """Something that can be watched."""

    def __init__(self, n):
        self.n = n


class SharedSource(Task):
    n = luigi.IntParameter()

    def easy_run(self, inputs):
        return Big(self.n)


class Reader(Task):
    n = luigi.IntParameter()
    source = luigi.IntParameter(default=0)
    share_inputs = True

    def requires(self):
        return [SharedSource(n=self.source)]

    def easy_run(self, inputs):
        gc.collect()
        SEEN.append((weakref.ref(inputs[0]), id(inputs[0]), [ref() is not None for ref, _, _ in SEEN]))
        return self.n


class OwnReader(Reader):
    share_inputs = False


class PidReader(Reader):
    def easy_run(self, inputs):
        return inputs[0].n, os.getpid()


@pytest.fixture(autouse=True)
def nothing_seen():
    SEEN.clear()


def test_steps_that_share_are_given_one_object():
    assert pipeline.build([Reader(n=n) for n in range(3)]).ok

    assert SEEN[1][2] == [True]
    assert len({number for _, number, _ in SEEN}) == 1


def test_steps_that_do_not_share_have_their_own():
    assert pipeline.build([OwnReader(n=n) for n in range(3)]).ok

    assert SEEN[2][2] == [False, False]


def test_it_is_let_go_when_the_last_that_wants_it_is_done():
    class Last(Task):
        def requires(self):
            return [Reader(n=1), Reader(n=2)]

        def easy_run(self, inputs):
            gc.collect()
            return [ref() is None for ref, _, _ in SEEN]

    assert pipeline.build(Last()).ok
    assert Last().load() == [True, True]


def test_it_is_let_go_where_a_reader_fails():
    class Failing(Reader):
        def easy_run(self, inputs):
            super().easy_run(inputs)
            raise ValueError("no")

    run = pipeline.build([Failing(n=1), Failing(n=2)])
    assert len(run.failed) == 2
    del run
    gc.collect()
    assert len({number for _, number, _ in SEEN}) == 1


def test_another_content_is_not_served_from_what_was_shared():
    assert pipeline.build([Reader(n=1)]).ok
    source = SharedSource(n=0)
    run = pipeline.build([Reader(n=1), Reader(n=2)], force=[source])
    assert source in run.ran
    assert run.ok


def test_children_share_as_well():
    tasks = [PidReader(n=n, source=n % 2) for n in range(8)]
    assert pipeline.build(tasks, workers=2).ok
    assert [task.load()[0] for task in tasks] == [0, 1] * 4


# max_parallel


class Noting(Task):
    """Notes when it runs."""

    n = luigi.IntParameter()
    folder = luigi.Parameter()

    def easy_run(self, inputs):
        begun = time.monotonic()
        time.sleep(0.05)
        return begun, time.monotonic()


class OneAtATime(Noting):
    max_parallel = 1


class TwoAtATime(Noting):
    max_parallel = 2


def most_at_once(tasks):
    spans = [task.load() for task in tasks]
    return max(sum(begun <= moment < ended for begun, ended in spans) for moment, _ in spans)


@pytest.mark.parametrize(("kind", "most"), [(OneAtATime, 1), (TwoAtATime, 2)])
def test_no_more_than_so_many_run_at_a_time(kind, most, tmp_path):
    tasks = [kind(n=n, folder=str(tmp_path)) for n in range(8)]
    assert pipeline.build(tasks, workers=4).ok
    assert most_at_once(tasks) <= most


def test_a_limit_holds_for_what_is_required_while_running(tmp_path):
    class Asking(Task):
        def easy_run(self, inputs):
            return (yield [TwoAtATime(n=n, folder=str(tmp_path)) for n in range(6)])

    assert pipeline.build(Asking(), workers=4).ok
    assert most_at_once([TwoAtATime(n=n, folder=str(tmp_path)) for n in range(6)]) <= 2


def test_a_limit_that_is_none_is_refused():
    with pytest.raises(TaskDefinitionError, match="max_parallel is 0"):
        type("Wrong", (Task,), {"max_parallel": 0})

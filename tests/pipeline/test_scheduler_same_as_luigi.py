"""Random sequences of scheduler calls, made on Luigi's scheduler and on ours: every return value has to be the same.

SCHEDULER_SEQUENCES=20000 runs more of them than the default; a failure prints the calls that led to it.
"""

import os
import pickle
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import luigi
import luigi.scheduler
import pytest
from luigi.parameter import ParameterVisibility

from pipeline.scheduler import Scheduler

pytestmark = pytest.mark.skipif(
    not luigi.__version__.startswith("3.8."), reason=f"the same answers are promised as of Luigi 3.8; this is {luigi.__version__}"
)

SEQUENCES = int(os.environ.get("SCHEDULER_SEQUENCES", "500"))
CHUNKS = 10
WORKERS = ["w1", "w2", "w3"]
POLICY = ["retry_count", "disable_hard_timeout", "disable_window"]
Call = tuple[str, dict[str, Any]]
#: How often a task was handed out in the shorter way.
TAKEN: Counter[str] = Counter()


class All:
    """A worker that knows every task."""

    def __contains__(self, task_id: object) -> bool:
        return True


ALL = All()


class Clock:
    """Stands still during a call, so that both schedulers see the same time however often they ask."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Player:
    """Draws the next call from what the schedulers answered so far."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        draw = self.random
        self.ids = [f"t{n}" for n in range(draw.choice([4, 8, 15, 30]))]
        self.workers = WORKERS[: draw.choice([1, 1, 2, 3])]
        self.ties = draw.random() < 0.3
        self.cyclic = draw.random() < 0.05
        self.features = {name for name in ("resources", "priority", "batch", "assistant", "disable", "dynamic", "remove") if draw.random() < 0.45}
        self.running: dict[str, dict[str, None]] = {worker: {} for worker in self.workers}
        self.batches: dict[str, str] = {}
        #: What was said of a task when it was added last.
        self.added: dict[str, dict[str, Any]] = {}
        self.queue: list[Call] = []
        if self.cyclic:
            self.features.discard("disable")  # what is above a disabled task depends, in a cycle, on the order of Luigi's sets
        if "batch" in self.features:
            self.queue += [self._batcher() for _ in range(4)]
        self.config = {
            "retry_delay": draw.choice([-1, 0, 20, 200]),
            "remove_delay": draw.choice([0, 50, 600]),
            "worker_disconnect_delay": draw.choice([30, 300]),
            "disable_persist": draw.choice([10, 100]),
            "retry_count": 999 if self.cyclic else draw.choice([1, 2, 999]),
            "disable_window": draw.choice([50, 1000]),
            "disable_hard_timeout": 999999 if self.cyclic else draw.choice([40, 999999]),
            "prune_on_get_work": draw.random() < 0.5,
            "stable_done_cooldown_secs": draw.choice([0, 10]),
            "resources": draw.choice([{"a": 1}, {"a": 2, "b": 3}]),
        }

    def next(self) -> Call:
        if self.queue:
            return self.queue.pop(0)
        draw = self.random
        names = ["add"] * 8 + ["get"] * 8 + ["finish"] * 8 + ["ping", "status", "running", "count", "prune"]
        names += ["batcher"] * 2 * ("batch" in self.features) + ["info"]
        names += ["disable_worker"] * (draw.random() < 0.05) + ["reload"] * (draw.random() < 0.2)
        names += ["forgive", "done", "enable", "list", "graph", "workers", "resources", "pause", "amount", "decrease"]
        return getattr(self, "_" + draw.choice(names))()  # type: ignore[no-any-return]

    def heard(self, call: Call, answer: Any) -> None:
        name, arguments = call
        if name not in ("get_work", "take"):
            return
        worker = arguments["worker"]
        if answer.get("batch_id") and "batch_task_ids" in answer:
            task_id = "batch_" + answer["batch_id"][:6]
            self.batches[task_id] = answer["batch_id"]
            self.running[worker][task_id] = None
            self.queue.append(("add_task", {"task_id": task_id, "worker": worker, "status": "RUNNING", "batch_id": answer["batch_id"],
                                            "family": answer["task_family"], "params": {"x": "?"}}))  # fmt: skip
        elif answer["task_id"] is not None:
            self.running[worker][answer["task_id"]] = None

    def _worker(self) -> str:
        return self.random.choice(self.workers)

    def _task(self) -> str:
        return self.random.choice(self.ids + list(self.batches))

    def _deps(self, task_id: str) -> list[str]:
        first = 0 if self.cyclic else self.ids.index(task_id) + 1 if task_id in self.ids else len(self.ids)
        below = self.ids[first:]
        deps = self.random.sample(below, min(len(below), self.random.choice([0, 0, 1, 2, 3])))
        deps = list(set(deps))  # as Luigi goes through them; we go by the list
        return deps if list(set(deps)) == deps else deps[:1]

    def _add(self) -> Call:
        draw, task_id = self.random, self.random.choice(self.ids)
        number = int(task_id[1:])
        status = draw.choices(["PENDING", "DONE", "FAILED", "RUNNING", "SUSPENDED", "UNKNOWN"], [16, 2, 1, 0.5, 0.5, 0.2])[0]
        if "disable" in self.features and draw.random() < 0.1:
            status = "DISABLED"
        arguments: dict[str, Any] = {"task_id": task_id, "worker": self._worker(), "status": status, "family": f"F{number % 2}"}
        arguments["params"] = {"x": str(number), "y": str(number % 3 // 2)} if number % 5 else {"y": "0"}
        arguments["deps"] = self._deps(task_id) if draw.random() < 0.8 else None
        if status == "UNKNOWN":
            arguments["deps"] = []  # whether Luigi looks through such a task depends on how often it comes by
        arguments["runnable"] = self.ties or draw.random() < 0.9
        if "resources" in self.features:
            arguments["resources"] = draw.choice([{}, {"a": 1}, {"a": 1}, {"a": 1, "b": 1}, {"b": 2}, {f"own{number % 4}": 1}])
        if "priority" in self.features:
            arguments["priority"] = draw.choice([0, 0, 1, 5, -3])
        if "batch" in self.features:
            arguments["batchable"] = draw.random() < 0.8
        if "assistant" in self.features:
            arguments["assistant"] = draw.random() < 0.1
        if draw.random() < 0.3 and not self.cyclic:
            arguments["retry_policy_dict"] = {name: draw.choice([None, 1, 2, 60]) for name in POLICY}
        if draw.random() < 0.5:
            # As a worker puts it.
            defaults = {
                "resources": {},
                "priority": 0,
                "batchable": False,
                "retry_policy_dict": {},
                "param_visibilities": {"x": ParameterVisibility.HIDDEN},
            }
            arguments = {**defaults, "module": "m", "owners": [], "accepts_messages": False, **arguments}
            arguments.pop("assistant", None)
        self.added[task_id] = arguments
        return "add_task", arguments

    def _get(self) -> Call:
        worker, draw = self._worker(), self.random
        arguments: dict[str, Any] = {"worker": worker, "host": "host", "assistant": "assistant" in self.features and draw.random() < 0.3}
        if draw.random() < 0.5:
            return "take", {"worker": worker, "host": "host", "current_tasks": list(self.running[worker])}
        if draw.random() < 0.5:
            arguments["current_tasks"] = [task_id for task_id in self.running[worker] if draw.random() < 0.95]
        return "get_work", arguments

    def _finish(self) -> Call:
        worker, draw = self._worker(), self.random
        if not self.running[worker]:
            return self._get()
        task_id = draw.choice(list(self.running[worker]))
        del self.running[worker][task_id]
        arguments: dict[str, Any] = {"task_id": task_id, "worker": worker, "status": draw.choice(["DONE", "DONE", "DONE", "FAILED"]), "expl": '"e"'}
        if task_id in self.ids:
            arguments["family"] = f"F{int(task_id[1:]) % 2}"
        if "assistant" in self.features:
            arguments["assistant"] = draw.random() < 0.3
        if "dynamic" in self.features and draw.random() < 0.3:
            arguments.update(status="PENDING", new_deps=self._deps(task_id))
        added = self.added.pop(task_id, {})
        if arguments["status"] == "DONE" and added.get("worker") == worker and not arguments.get("assistant") and draw.random() < 0.5:
            arguments.update({name: added[name] for name in ("resources", "retry_policy_dict") if name in added})
            return "finish", {**arguments, "runnable": None}
        return "add_task", arguments

    def _ping(self) -> Call:
        return "ping", {"worker": self._worker()}

    def _count(self) -> Call:
        return "count_pending", {"worker": self._worker()}

    def _prune(self) -> Call:
        return "prune", {}

    def _status(self) -> Call:
        return "set_task_status_message", {"task_id": self._task(), "status_message": "m"}

    def _running(self) -> Call:
        return "get_running_task_resources", {"task_id": self._task()}

    def _batcher(self) -> Call:
        limit = self.random.choice([2, 3, float("inf")])
        return "add_task_batcher", {
            "worker": self._worker(),
            "task_family": self.random.choice(["F0", "F1"]),
            "batched_args": ["x"],
            "max_batch_size": limit,
        }

    def _info(self) -> Call:
        return "add_worker", {"worker": self._worker(), "info": {"workers": self.random.choice([1, 2, 4])}}

    def _disable_worker(self) -> Call:
        return "disable_worker", {"worker": self._worker()}

    def _reload(self) -> Call:
        return "reload", {}

    def _forgive(self) -> Call:
        return "forgive_failures", {"task_id": self._task()}

    def _done(self) -> Call:
        return "mark_as_done", {"task_id": self._task()}

    def _enable(self) -> Call:
        return "re_enable_task", {"task_id": self._task()}

    def _list(self) -> Call:
        status = self.random.choice(["", "PENDING", "FAILED", "DISABLED", "RUNNING", "DONE"])
        upstream = "" if self.cyclic else self.random.choice(["", "UPSTREAM_DISABLED", "UPSTREAM_FAILED"])
        return "task_list", {"status": status, "upstream_status": upstream}

    def _graph(self) -> Call:
        return self.random.choice(["dep_graph", "inverse_dep_graph"]), {"task_id": self._task()}

    def _workers(self) -> Call:
        return "worker_list", {}

    def _resources(self) -> Call:
        return "resource_list", {}

    def _pause(self) -> Call:
        return self.random.choice(["pause", "unpause", "unpause", "unpause"]), {}

    def _amount(self) -> Call:
        return "update_resource", {"resource": self.random.choice("ab"), "amount": self.random.choice([0, 1, 2, 3])}

    def _decrease(self) -> Call:
        return "decrease_running_task_resources", {"task_id": self._task(), "decrease_resources": {"a": 1}}


def in_order_of_status(worker: Any, state: Any, *statuses: str) -> Iterator[Any]:
    """Luigi's `Worker.get_tasks`, but ordered where it goes through a set: the order of a set of objects is arbitrary."""
    if len(worker.tasks) >= sum(len(state._status_tasks[status]) for status in statuses):
        return filter(lambda task: worker.id in task.workers, state.get_active_tasks_by_status(*statuses))
    place = {id(task): n for n, task in enumerate(state.get_active_tasks_by_status(*statuses))}
    mine = (task for task in worker.tasks if task.status in statuses)
    return iter(sorted(mine, key=lambda task: (place.get(id(task), float("inf")), task.id)))


def settled(value: Any) -> Any:
    """Lists that come from sets in a certain order."""
    if isinstance(value, dict):
        return {key: sorted(item) if key == "deps" else settled(item) for key, item in value.items()}
    return [settled(item) for item in value] if isinstance(value, list) else value


def state_of(scheduler: Any) -> Any:
    """What no call returns."""
    names = """status priority time updated retry remove worker_running stakeholders deps batch_id resources runnable batchable params
        public_params hidden_params family retry_policy tracking_url first_failure_time""".split()
    return [
        (task.id, list(task.workers), list(task.failures), [getattr(task, name) for name in names]) for task in scheduler._state.get_active_tasks()
    ]


def call_on(scheduler: Any, call: Call) -> Any:
    name, arguments = call
    if name == "reload":
        # pickle what `dump` would write, and read it as `load` does
        copied = pickle.loads(pickle.dumps(scheduler._state.get_state()))
        with (
            mock.patch("os.path.exists", return_value=True),
            mock.patch("builtins.open", mock.mock_open()),
            mock.patch("pickle.load", return_value=copied),
        ):
            scheduler._state.load()
        return None
    if name == "finish":
        # Nothing is said but what was said before: there is a shorter way for that.
        if isinstance(scheduler, Scheduler) and scheduler.finish(arguments["task_id"], arguments["worker"], arguments["expl"]):
            return None
        name = "add_task"
    if name == "take":
        # There is a shorter way for that as well.
        taken = scheduler.take(arguments["worker"], "host", ALL, arguments["current_tasks"]) if isinstance(scheduler, Scheduler) else None
        if taken is not None:
            TAKEN[taken[0]] += 1
            return {"task_id": taken[0], "n_pending_tasks": taken[1]}
        answer = call_on(scheduler, ("get_work", arguments))
        return answer if isinstance(answer, type) or "batch_id" in answer else {name: answer[name] for name in ("task_id", "n_pending_tasks")}
    try:
        return settled(getattr(scheduler, name)(**arguments))
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        return type(error)


@contextmanager
def same_conditions(clock: Clock) -> Iterator[None]:
    with (
        mock.patch.object(time, "time", clock),
        mock.patch.object(luigi.scheduler.Worker, "get_tasks", in_order_of_status),
        mock.patch("luigi.notifications.send_error_email"),
    ):
        yield


def play(seed: int, seen: Callable[[str, Any], None] = lambda name, answer: None) -> None:
    player, clock = Player(seed), Clock()
    calls: list[str] = []
    with same_conditions(clock):
        theirs, ours = luigi.scheduler.Scheduler(**player_config(player)), Scheduler(**player_config(player))
        for _ in range(player.random.choice([30, 80, 200])):
            clock.now += 0 if player.ties and player.random.random() < 0.8 else player.random.choice([1, 1, 1, 1, 5, 35])
            call = player.next()
            calls.append(f"{clock.now:.0f} {call}")
            expected, actual = call_on(theirs, call), call_on(ours, call)
            seen(call[0], expected)
            if call[0] in ("get_work", "take") and (expected is KeyError or hands_out_removed(theirs, call[1]["worker"], expected)):
                return  # the one thing that Luigi does and we do not
            assert actual == expected, "\n".join([f"seed {seed}", str(player.config), *calls, f"luigi: {expected}", f"ours:  {actual}"])
            if isinstance(expected, type):
                return  # Luigi may have raised half-way through
            assert state_of(ours) == state_of(theirs), "\n".join(
                [f"seed {seed}", str(player.config), *calls, str(state_of(theirs)), str(state_of(ours))]
            )
            player.heard(call, expected)


def hands_out_removed(scheduler: Any, worker_id: str, reply: dict[str, Any]) -> bool:
    tasks = scheduler._state.get_worker(worker_id).tasks
    removed = {task.id for task in tasks if scheduler._state.get_task(task.id) is not task}
    return not removed.isdisjoint([reply["task_id"], *reply.get("batch_task_ids", [])])


def player_config(player: Player) -> dict[str, Any]:
    return {**player.config, "resources": dict(player.config["resources"])}


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_same_answers(chunk: int) -> None:
    for seed in range(chunk, SEQUENCES, CHUNKS):
        play(seed)
    assert TAKEN

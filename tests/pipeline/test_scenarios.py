"""What runs after an edit, and what does not: the table of benchmarks/scenarios, each row in a fresh interpreter.

The app is built once; each scenario gets a copy of it and of its store, so that what runs is due to the scenario alone.
"""

import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

sys.path.append(str(pathlib.Path(__file__).parent.parent.parent))

from benchmarks.scenarios import ours  # noqa: E402
from benchmarks.scenarios.app import GRAPH  # noqa: E402
from benchmarks.scenarios.table import SCENARIOS  # noqa: E402


@pytest.fixture(scope="session")
def answers(request, tmp_path_factory):
    """The answers by name. All are asked for at once, as each spends its time in another process."""
    built = tmp_path_factory.mktemp("built") / "app"
    ours.build_once(built)
    copies = tmp_path_factory.mktemp("copies")
    wanted = [item.callspec.params["scenario"] for item in request.session.items if "scenario" in getattr(item, "fixturenames", ())]
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {scenario.name: pool.submit(ours.perform, scenario, built, copies / f"{at}") for at, scenario in enumerate(wanted)}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_exactly_what_must_run_runs_and_nothing_is_stale(scenario, answers):
    answer = answers[scenario.name].result()
    assert answer.ran == scenario.must_run, {name: answer.why.get(name) for name in answer.ran ^ scenario.must_run}
    assert answer.outputs == answer.afresh
    assert answer.said == answer.ran & {step.name for step in GRAPH}


def test_scenarios_have_names_of_their_own():
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names) >= 60

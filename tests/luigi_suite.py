"""Luigi's own tests as a conformance suite of our scheduler and worker.

The source distribution of the Luigi that is installed is downloaded, and its tests run with our classes in the place of
Luigi's, one file at a time. What fails is run with stock Luigi too: only what fails with ours alone, and does so twice, counts.
Those tests import mock, psutil and hypothesis, and a few of them prometheus_client, datadog and sqlalchemy<2.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import xml.etree.ElementTree
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

TESTS = Path(__file__).resolve().parent

#: From the most to the least that they say about the worker in little time.
QUICK = """worker_test worker_multiprocess_test worker_task_process_test scheduler_message_test
    task_forwarded_attributes_test execution_summary_test event_callbacks_test""".split()
FILES = [
    *QUICK,
    *"""scheduler_test scheduler_api_test scheduler_visualisation_test scheduler_parameter_visibilities_test rpc_test
    worker_scheduler_com_test worker_external_task_test worker_keep_alive_test worker_parallel_scheduling_test worker_task_test
    interface_test retcodes_test dynamic_import_test customized_run_test custom_metrics_test task_running_resources_test
    task_status_message_test task_progress_percentage_test priority_test notifications_test""".split(),
]

#: What does not count, with the reason.
EXCEPTIONS = {
    "worker_test::DynamicDependenciesWithMultipleWorkersTest::test_dynamic_dependencies_other_module": "fails with stock Luigi 3.8 too, "
    "when the same test with one worker ran before it; looking at that again would take a run of the whole file",
    "worker_test::WorkerPurgeEventHandlerTest::test_process_killed_handler": "replaces Luigi's class of task processes by a mock, which "
    "our worker has no use for; tests/pipeline/test_engines.py tests the event",
}

SECONDS_FOR_A_FILE = 400


@dataclass
class Outcome:
    """What became of the tests of a file."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    words: str = ""


def unpack_source(folder: Path) -> Path:
    """Download Luigi's source distribution of the installed version and unpack it."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder), f"luigi=={version('luigi')}"]
    subprocess.run(command, check=True)
    with tarfile.open(next(folder.glob("luigi-*.tar.gz"))) as archive:
        # The first releases of Python 3.11 do not know filters.
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return next(path for path in folder.glob("luigi-*") if path.is_dir())


def run(source: Path, name: str, *, ours: bool, only: list[str] = []) -> Outcome:  # noqa: B006
    """Run one file of Luigi's tests, or some tests of it, in a process of its own."""
    report = source / "report.xml"
    report.unlink(missing_ok=True)
    chosen = ["::".join([f"test/{name}.py", *test.split("::")[1:]]) for test in only] or [f"test/{name}.py"]
    options = ["-q", "--tb=short", "-p", "no:cacheprovider", "-o", "addopts=", "-o", "markers=", f"--junitxml={report}"]
    command = [sys.executable, "-m", "pytest", *options, *(["-p", "luigi_plugin"] if ours else []), *chosen]
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS), "test"]),
        "LUIGI_CONFIG_PATH": "test/testconfig/luigi.cfg",
    }
    begun = time.monotonic()
    with (source / "output.txt").open("w+") as output:
        process = subprocess.Popen(command, cwd=source, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            process.wait(SECONDS_FOR_A_FILE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        outcome = Outcome(seconds=time.monotonic() - begun, words=output.read())
    if not report.exists():
        outcome.failed.append(f"{name}::did not come to its end")
        return outcome
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append("::".join([name, *case.get("classname", "").split(".")[2:], case.get("name", "")]))
        elif case.find("skipped") is None:
            outcome.passed += 1
    return outcome


def beyond_stock(source: Path, name: str, failed: list[str]) -> list[str]:
    """Those of the failed tests that stock Luigi passes: on their own, or else in the order of the file."""
    left = [test for test in failed if test not in EXCEPTIONS]
    if left and all(test.count("::") == 2 for test in left):
        left = [test for test in left if test not in run(source, name, ours=False, only=left).failed]
    if left:
        left = [test for test in left if test not in run(source, name, ours=False).failed]
    if left:
        # Some of Luigi's tests wait for so many tenths of a second: what counts fails twice.
        again = run(source, name, ours=True).failed
        for test in left:
            print(f"    {test}: failed with ours, {'and again' if test in again else 'and passed when run again'}")
        left = [test for test in left if test in again]
    return left


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"files of Luigi's tests, without .py (default: all of {', '.join(FILES)})")
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(QUICK)}")
    parser.add_argument("--source", type=Path, metavar="DIR", help="Luigi's source distribution, unpacked, instead of downloading it")
    arguments = parser.parse_args()
    passed, beyond = 0, {}
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.source.resolve() if arguments.source else unpack_source(Path(folder))
        print(f"{'file of Luigi ' + version('luigi'):40} {'passed':>6} {'failed':>6} {'beyond stock':>12} {'seconds':>7}", flush=True)
        for name in arguments.files or (QUICK if arguments.quick else FILES):
            outcome = run(source, name, ours=True)
            passed += outcome.passed
            for test in beyond_stock(source, name, outcome.failed):
                beyond[test] = outcome.words
            count = sum(test in beyond for test in outcome.failed)
            print(f"{name:40} {outcome.passed:6} {len(outcome.failed):6} {count:12} {outcome.seconds:7.1f}", flush=True)
            for test in outcome.failed:
                print(f"    {test}: {'FAILED' if test in beyond else EXCEPTIONS.get(test, 'fails with stock Luigi too')}")
    for words in dict.fromkeys(beyond.values()):
        print(words)
    print(f"{passed} passed, {len(beyond)} failed")
    return 1 if beyond else 0


if __name__ == "__main__":
    sys.exit(main())

"""What a step prints and logs while it runs: replaced streams, set-up logging, live lines, threads and processes."""

import contextlib
import ctypes
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading

import luigi
import pytest
from step_logs import ROOT, SAID, Silent, Speaks, linux, said, script

import pipeline
from pipeline import Task, capture, steplogs
from pipeline.tape import Tape

# More requirements while running


@pytest.mark.parametrize("workers", [1, 2])
def test_a_step_that_begins_again_goes_on_with_its_log(workers):
    class Asks(Task):
        def easy_run(self, inputs):
            print("before")
            first = yield Silent(n=1)
            print("after", first)
            second = yield Silent(n=2)
            print("at last", second)

    assert pipeline.build([Asks(), Silent(n=5)], workers=workers).ok
    log = steplogs.read(Asks())
    assert log.text.splitlines() == ["before", "before", "after 1", "before", "after 1", "at last 2"]
    assert log.state == "done"


# Streams that somebody has replaced


def test_who_has_replaced_the_stream_gets_every_word_and_the_log_does_too():
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        run = pipeline.build(Speaks())
        assert sys.stdout is heard
    assert heard.getvalue() == "printed 0\n"
    assert "printed 0\n" in run.outcomes[Speaks()].log()


def test_what_they_were_given_is_not_shown_again(tmp_path):
    program = """
import contextlib, io
class Says(Task):
    def easy_run(self, inputs):
        print("heard by another")
with contextlib.redirect_stdout(io.StringIO()):
    pipeline.build(Says())
"""
    assert script(tmp_path, program) == ("", "")


def test_a_stream_that_a_step_replaces_is_its_own_affair():
    class Redirects(Task):
        def easy_run(self, inputs):
            with contextlib.redirect_stdout(io.StringIO()) as own:
                print("to itself")
            print("to all")
            return own.getvalue()

    run = pipeline.build(Redirects())
    assert run.outcomes[Redirects()].log() == "to all\n"
    assert Redirects().load() == "to itself\n"


def test_a_handler_that_a_step_has_made_works_after_it(capsys):
    class Makes(Task):
        def easy_run(self, inputs):
            handler = logging.StreamHandler(sys.stdout)
            logging.getLogger("made").addHandler(handler)

    pipeline.build(Makes())
    logging.getLogger("made").warning("later")
    logging.getLogger("made").handlers.clear()
    assert "later" in capsys.readouterr().out


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("closed", [1, 2])
def test_a_program_that_was_started_without_a_stream_works(closed, workers, tmp_path):
    program = """
class Says(Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        (sys.stdout or sys.stderr).write("said\\n")
        return os.readlink("/proc/self/fd/%d") if os.path.exists("/proc/self/fd/%d") else ""
run = pipeline.build([Says(n=n) for n in range(3)], workers=WORKERS)
assert run.ok
with open("log", "w") as file:
    file.write(run.outcomes[Says(n=2)].log() + Says(n=2).load())
""".replace("%d", str(closed)).replace("WORKERS", str(workers))
    (tmp_path / "none.cfg").touch()
    (tmp_path / "program.py").write_text("import os, sys, luigi, pipeline\nfrom pipeline import Task\n" + program)
    known = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg", "PIPELINE_TARGET_DIR": "store"}
    subprocess.run(["sh", "-c", f"exec {sys.executable} program.py {closed}>&-"], cwd=tmp_path, env=known, check=True, timeout=60)
    log, _, led_to = (tmp_path / "log").read_text().partition("\n")
    assert log == "said"
    assert "memfd" not in led_to  # whatever file has the number now is left alone


def test_a_step_that_closes_all_descriptors_harms_no_file_that_is_opened_next(tmp_path):
    program = """
class Closes(Task):
    def easy_run(self, inputs):
        print("before")
        os.closerange(3, 256)
        for n in range(50):
            os.write(os.open(f"data{n}", os.O_CREAT | os.O_RDWR), b"precious")
        print("after")
pipeline.build(Closes())
"""
    script(tmp_path, program, code=None)  # what the run itself had open is gone, too
    assert {path.read_bytes() for path in tmp_path.glob("data*")} == {b"precious"}


# Logging


def test_a_record_that_no_console_shows_is_in_the_log(tmp_path):
    program = """
logging.basicConfig(filename="file.log", level=logging.INFO, format="%(levelname)s %(message)s")
class Logs(Task):
    def easy_run(self, inputs):
        logging.getLogger("app").info("fitted")
        logging.getLogger("app").debug("not asked for")
print(pipeline.build(Logs()).outcomes[Logs()].log(), end="")
"""
    out, err = script(tmp_path, program)
    assert (out, err) == ("INFO fitted\n", "")


def test_a_record_is_in_the_log_once(tmp_path):
    program = """
logging.basicConfig(level=logging.INFO, format="%(message)s")
logging.getLogger().addHandler(logging.FileHandler("file.log"))
logging.getLogger("luigi-interface").setLevel("ERROR")
class Logs(Task):
    def easy_run(self, inputs):
        logging.getLogger("app").info("fitted")
print(pipeline.build(Logs()).outcomes[Logs()].log(), end="")
"""
    out, err = script(tmp_path, program)
    assert out == "fitted\n"
    assert err.count("Logs() | fitted") == 1


def test_an_app_may_set_logging_up_in_a_step(tmp_path):
    program = """
class Sets(Task):
    def easy_run(self, inputs):
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.info("as it was set up")
print(pipeline.build(Sets()).outcomes[Sets()].log(), end="")
assert len(logging.root.handlers) == 1
"""
    out, _ = script(tmp_path, program)
    assert out == "as it was set up\n"


JSON_CONSOLE = """
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = json
[logger_root]
level = WARNING
handlers = console
[handler_console]
class = StreamHandler
formatter = json
args = (sys.stderr,)
[formatter_json]
class = pipeline.logs.JsonFormatter
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_console_has_json_lines_where_logging_says_so(workers, tmp_path):
    (tmp_path / "logging.cfg").write_text(JSON_CONSOLE)
    (tmp_path / "luigi.cfg").write_text("[core]\nlogging_conf_file = logging.cfg\n")
    program = """
class Says(Task):
    n = luigi.IntParameter(default=1)
    def easy_run(self, inputs):
        print("printed")
        logging.getLogger("app").warning("logged")
if __name__ == "__main__":
    sys.exit(pipeline.main(lambda: [Says()], ["run", "--workers", sys.argv[1]]))
"""
    _, err = script(tmp_path, program, workers, LUIGI_CONFIG_PATH="luigi.cfg")
    lines = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [(line["message"], line["task"]) for line in lines] == [("printed", "Says(n=1)"), ("logged", "Says(n=1)")]


def test_json_records_name_the_task_while_a_step_runs(tmp_path):
    program = """
from pipeline.logs import JsonLinesHandler
logging.getLogger("app").addHandler(JsonLinesHandler("lines.jsonl"))
class Logs(Task):
    def easy_run(self, inputs):
        logging.getLogger("app").warning("in a step")
pipeline.build(Logs())
logging.getLogger("app").warning("after it")
"""
    script(tmp_path, program)
    inside, after = map(json.loads, (tmp_path / "lines.jsonl").read_text().splitlines())
    assert inside["task"] == "Logs()"
    assert "task" not in after


# Live


LIVE = """
import pathlib
class Waits(Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        print("waiting", self.n)
        print("a question? ", end="", flush=True)
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        print("done")
pipeline.build([Waits(n=n) for n in range(int(sys.argv[1]))], workers=int(sys.argv[1]))
print("the end")
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_step_prints_is_shown_at_once_with_its_name(workers, tmp_path):
    (tmp_path / "none.cfg").touch()
    (tmp_path / "program.py").write_text("import os, sys, time, luigi, pipeline\nfrom pipeline import Task\n" + LIVE)
    known = {**os.environ, "PYTHONPATH": str(ROOT), "LUIGI_CONFIG_PATH": "none.cfg", "PIPELINE_TARGET_DIR": "store"}
    process = subprocess.Popen(
        [sys.executable, "program.py", str(workers)], cwd=tmp_path, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        stop = threading.Timer(60, process.kill)
        stop.start()
        seen = {process.stderr.readline() for _ in range(2 * workers)}  # while the steps wait for us
        assert seen == {f"Waits(n={n}) | {words}\n" for n in range(workers) for words in (f"waiting {n}", "a question? ")}
        (tmp_path / "go").touch()
        out, err = process.communicate()
        stop.cancel()
    finally:
        process.kill()
    assert process.returncode == 0
    assert sorted(err.splitlines()) == [f"Waits(n={n}) | done" for n in range(workers)]
    assert out == "the end\n"


def test_a_long_name_is_shortened_on_the_console(tmp_path):
    program = """
class Says(Task):
    text = luigi.Parameter()
    def easy_run(self, inputs): print("x")
pipeline.build(Says(text="long " * 40))
print(Says(text="long " * 40).key[:8])
"""
    out, err = script(tmp_path, program)
    assert err == f"Says({out.strip()}) | x\n"


def test_a_reader_that_has_gone_stops_no_step(tmp_path):
    program = """
class Says(Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        print("nobody listens", self.n)
read, write = os.pipe()
os.dup2(write, 2)
os.close(read), os.close(write)
run = pipeline.build([Says(n=n) for n in range(3)])
assert run.ok
print(run.outcomes[Says(n=2)].log(), end="")
"""
    assert script(tmp_path, program)[0] == "nobody listens 2\n"


# Threads, processes, steps in steps


def test_threads_of_a_step_are_heard():
    class Threads(Task):
        def easy_run(self, inputs):
            started = [threading.Thread(target=lambda n=n: print(f"thread {n}\n", end="")) for n in range(4)]
            for thread in started:
                thread.start()
            for thread in started:
                thread.join()

    assert sorted(pipeline.build(Threads()).outcomes[Threads()].log().splitlines()) == [f"thread {n}" for n in range(4)]


def test_what_a_step_forks_is_heard_and_ends_nothing_of_its_parents():
    class Forks(Task):
        def easy_run(self, inputs):
            print("before")
            section = capture._catcher.sections[-1]
            pid = os.fork()
            if not pid:
                os.write(1, b"in the child\n")
                os._exit(section.end())  # as when an exception runs through all that is above the step
            print("ended" if os.waitpid(pid, 0)[1] else "left alone")

    assert pipeline.build(Forks()).outcomes[Forks()].log().splitlines() == ["before", "in the child", "left alone"]


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_a_build_in_a_step(outer, inner):
    class Outer(Task):
        def easy_run(self, inputs):
            print("begin")
            run = pipeline.build([Speaks(n=n) for n in range(2)], workers=inner)
            print("end", flush=True)
            return [run.outcomes[Speaks(n=n)].log() for n in range(2)]

    run = pipeline.build([Outer(), Silent()], workers=outer)
    assert run.ok
    assert [f"printed {n}" in log and f"printed {1 - n}" not in log for n, log in enumerate(Outer().load())] == [True, True]
    log = run.outcomes[Outer()].log()
    assert log.startswith("begin\n")
    assert log.endswith("end\n")
    assert "by a library" in log


def test_under_plain_luigi_too():
    luigi.build([Speaks()], local_scheduler=True, log_level="ERROR")
    assert said(steplogs.read(Speaks()).text) == SAID
    luigi.build([Speaks(n=1), Speaks(n=2)], local_scheduler=True, workers=2, log_level="ERROR")
    assert "printed 2" in steplogs.read(Speaks(n=2)).text
    assert "printed 1" not in steplogs.read(Speaks(n=2)).text


def test_all_is_as_it_was_afterwards(tmp_path):
    program = """
def state():
    return [os.fstat(n).st_ino for n in (0, 1, 2)], sys.stdout.line_buffering, sys.stderr.line_buffering, sys.stdout
def files():
    return len(os.listdir("/proc/self/fd"))
class Says(Task):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        print("x" * 100)
        if self.n % 3 == 0: raise ValueError
        if self.n % 3 == 1: raise SystemExit(3)
before = state()
pipeline.build([Says(n=n) for n in range(3)])
assert state() == before, (before, state())
open_files = files()
pipeline.build([Says(n=n) for n in range(3, 60)])
assert (state(), files()) == (before, open_files)
"""
    script(tmp_path, program)


@linux
def test_what_a_killed_process_had_printed_is_in_its_log():
    class Killed(Task):
        def easy_run(self, inputs):
            print("last words")
            ctypes.CDLL(None).puts(b"of a library")
            ctypes.CDLL(None).fflush(None)
            os.kill(os.getpid(), signal.SIGKILL)

    run = pipeline.build([Killed(), Silent()], workers=2)
    assert run.outcomes[Killed()].log().startswith("last words\nof a library\n--- Task ")
    assert steplogs.read(Killed()).state == "died"
    assert "of a library" in run.summary_text


def test_the_log_of_a_dead_process_gives_way_to_whoever_makes_the_output_now(tmp_path):
    pipeline.build(Speaks())
    before = steplogs.read(Speaks())
    (tmp_path / "go.py").write_text(
        "import sys, time\nfrom targets.opening import open_store\n"
        "with open_store(sys.argv[1]).lock(sys.argv[2]):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, str(tmp_path / "go.py"), Speaks().store.url, Speaks().key]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}) as holder:
        assert holder.stdout.readline() == "held\n"
        steplogs.keep_of_dead(Speaks(), "a-run", b"too late", 0, "died")
        found = steplogs.read(Speaks())
        holder.stdin.close()
    assert found == before
    steplogs.keep_of_dead(Speaks(), "a-run", b"now", 0, "died")
    assert steplogs.read(Speaks()).text == "now\n--- died\n"


@linux
def test_memory_of_what_is_not_kept_is_given_back():
    tape = Tape(capture.give)
    for _ in range(64):
        os.write(tape.descriptor, b"x" * 99 + b"\n" + b"y" * 899_999 + b"\n")
        tape.show(None)
    assert os.fstat(tape.descriptor).st_size == 64 * 900_100
    assert os.fstat(tape.descriptor).st_blocks * 512 < 12 << 20
    text, cut = tape.text(0, tape.size())
    assert cut + len(text) == tape.size()
    tape.close()

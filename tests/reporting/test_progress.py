"""What a person sees of a run: in a terminal, in a pipe, when a step fails, when it is interrupted, when there is nothing to do."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from terminal import Terminal

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

APP = """
import logging, os, pathlib, sys, time, luigi, pipeline
from targets import JsonTarget

log = logging.getLogger("app")

def until(name):
    pathlib.Path(name + "-waits").touch()
    until = time.time() + 60
    while not pathlib.Path(name).exists() and time.time() < until:
        time.sleep(0.01)

class Step(pipeline.Task):
    TARGET_DIR = "store"
    target_type = JsonTarget

class Ingest(Step):
    rows = luigi.IntParameter(default=5)
    a_parameter_with_a_long_name = luigi.Parameter(default="and a value that is as long as values sometimes are")
    def easy_run(self, inputs):
        if "slow" in sys.argv:
            until("go")
        print("rows are read")
        log.warning("a line that was logged")
        return self.rows

class Breaks(Step):
    l2 = luigi.FloatParameter(default=0.5)
    priority = 100
    def easy_run(self, inputs):
        print("l2 is", self.l2)
        return parse("{" + str(self.l2))

def parse(text):
    import json
    return json.loads(text)

@pipeline.inherit_list(Breaks)
class NeedsIt(Step):
    def easy_run(self, inputs):
        return 1

@pipeline.inherit_list(Ingest)
class Train(Step):
    def easy_run(self, inputs):
        return 2

class Deaf(Step):
    def easy_run(self, inputs):
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass

class Leaf(Step):
    n = luigi.IntParameter()
    def easy_run(self, inputs):
        return self.n

class Many(Step):
    def requires(self):
        return [Leaf(n=n) for n in range(int(os.environ["LEAVES"]))]
    def easy_run(self, inputs):
        return len(inputs)

def get_tasks():
    if "broken" in sys.argv:
        return [NeedsIt(), Train()]
    if "deaf" in sys.argv:
        return [Deaf()]
    return [Many()] if "many" in sys.argv else [Train()]

if __name__ == "__main__":
    if "undrawable" in sys.argv:
        from pipeline.reporting import live
        def fails(self, width, height):
            pathlib.Path("go").touch()  # steps have waited for it
            raise ZeroDivisionError
        live.LiveDisplay._frame = fails
    code = pipeline.main(get_tasks, ["run", *[word for word in sys.argv[1:] if word.startswith("--") or word.isdigit()]])
    if "modules" in sys.argv:
        print("loaded:", *sorted(name for name in sys.modules if name in ("rich", "rich.live", "pipeline.reporting.live")))
    sys.exit(code)
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def environment(**more):
    known = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "TERM")}
    return {**known, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "PIPELINE_GRACE": "1", **more}


def command(*words):
    return [sys.executable, "app.py", *words]


@pytest.fixture
def terminal(app):
    """Begins the app in a terminal."""
    begun = []

    def begin(*words, columns=80, lines=24, **more):
        begun.append(Terminal(command(*words), columns=columns, lines=lines, cwd=app, env=environment(**more)))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()


def piped(app, *words, **more):
    return subprocess.run(command(*words), cwd=app, env=environment(**more), capture_output=True, text=True, timeout=120)


# A pipe, cron, CI


def test_a_pipe_gets_plain_lines(app):
    done = piped(app)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "2 to run, 0 kept" in done.stderr
    assert "ran Train(rows=5" in done.stderr
    assert "2 ran, 0 kept in " in done.stdout
    assert "MISSING: it was never made" in done.stdout


def test_ci_gets_plain_lines_although_it_has_a_terminal(terminal):
    seen = terminal(CI="true")
    assert seen.end() == 0
    assert "\x1b" not in seen.raw
    assert "2 to run, 0 kept" in seen.text


def test_no_color_is_heeded(terminal):
    seen = terminal("broken", NO_COLOR="1")
    assert seen.end() == 1
    assert "\x1b[3" not in seen.raw.replace("\x1b[?", "")


def test_many_steps_do_not_make_many_lines(app):
    done = piped(app, "many", LEAVES="400")
    assert done.returncode == 0, done.stderr
    assert "401 to run, 0 kept" in done.stderr
    assert len(done.stderr.splitlines()) < 30
    assert "Leaf x 400" in done.stdout
    assert len(done.stdout.splitlines()) < 24


def test_the_summary_says_what_was_saved(app):
    piped(app)
    again = piped(app)
    assert again.stdout.startswith("nothing to do: 0 ran, 2 kept (saved ")
    assert again.stderr == ""


def test_quiet_says_only_what_failed(app):
    done = piped(app, "broken", "--quiet")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "rows are read" not in done.stderr
    assert "failed: Breaks" in done.stderr
    assert "ran Train" not in done.stderr
    assert "to run, " not in done.stderr


def test_verbose_says_why_each_step_begins(app):
    done = piped(app, "many", "--verbose", LEAVES="30")
    assert done.stderr.count("begins Leaf(n=") == 30
    assert "begins Many(): MISSING: it was never made, or was removed" in done.stderr
    assert done.stderr.count("ran Leaf(n=") == 30


# A terminal


def test_a_terminal_shows_families_and_what_runs_with_its_use_of_the_machine(terminal, app):
    seen = terminal("slow")
    seen.wait_for("MB")
    (app / "go").touch()
    assert seen.end() == 0
    assert any(line.split() == ["step", "done", "kept", "running", "failed", "of"] for line in seen.text.splitlines())
    assert any(line.split() == ["Ingest", "-", "-", "1", "-", "1"] for line in seen.text.splitlines())
    assert seen.text.rstrip().splitlines()[-3:][0].strip().startswith("MISSING")
    assert seen.cursor_is_shown


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (60, 12), (30, 6)])
def test_the_display_fits_into_the_terminal(terminal, app, columns, lines):
    seen = terminal("slow", "broken", columns=columns, lines=lines)
    seen.wait_for("failed: Breaks")
    seen.wait_for("Ingest")
    (app / "go").touch()
    assert seen.end() == 1
    display = [line for line in seen.text.splitlines() if line.startswith(("━", "step", "Ingest ", "Train ", "Breaks ", "running", "Ingest("))]
    assert display
    assert max(map(len, display)) <= columns


@pytest.mark.parametrize("columns", [1, 10, 17])
def test_a_terminal_may_be_as_narrow_as_it_likes(terminal, columns):
    for words, code in (([], 0), (["--force=all"], 0), (["broken"], 1)):
        begun = terminal(*words, columns=columns)
        assert begun.end() == code, begun.text
        assert "Traceback" not in begun.text


def test_what_a_step_prints_and_logs_stands_above_the_display(terminal, app):
    seen = terminal("slow")
    seen.wait_for("MB")
    (app / "go").touch()
    assert seen.end() == 0
    lines = [line.strip() for line in seen.text.splitlines()]
    assert sum(bool(re.fullmatch(r"(Ingest\(.*\| )?rows are read", line)) for line in lines) == 1, seen.text
    assert sum(bool(re.fullmatch(r"([\d:]+ WARNING|Ingest\(.*\| ).*a line that was logged", line)) for line in lines) == 1, seen.text


def test_with_several_workers_the_display_is_taken_away_too(terminal):
    seen = terminal("--workers", "2", "many", LEAVES="40")
    assert seen.end() == 0
    assert "41 ran, 0 kept" in seen.text
    assert seen.cursor_is_shown


def test_where_nothing_is_to_be_done_nothing_of_it_is_loaded(terminal, app):
    assert piped(app).returncode == 0
    seen = terminal("modules")
    assert seen.end() == 0
    assert "nothing to do: 0 ran, 2 kept" in seen.text
    assert "loaded:\n" in seen.text
    assert "\x1b[?25l" not in seen.raw


def test_where_the_display_cannot_be_drawn_the_lines_come_without_it(terminal):
    seen = terminal("broken", "slow", "undrawable")
    assert seen.end() == 1
    assert "the display is lost" in seen.text
    assert "failed: Breaks" in seen.text
    assert "2 ran, 0 kept, 1 failed, 1 skipped in " in seen.text
    assert seen.cursor_is_shown


# A failure


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_failure_is_shown_while_others_still_run(terminal, app, workers):
    seen = terminal("--workers", workers, "broken", "slow")
    seen.wait_for("skipped because of it: NeedsIt(l2=0.5)")
    seen.wait_for("Ingest")
    assert seen.process.poll() is None
    assert not list((app / "store").glob("Ingest/*.record.json"))
    (app / "go").touch()
    assert seen.end() == 1
    lines = seen.text.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("failed: Breaks"))
    told = [line.strip() for line in lines[begin + 1 : begin + 8]]
    assert told[0] == "l2=0.5"
    assert told[1].startswith("app.py:")
    assert told[1].endswith("in easy_run")
    assert told[3].endswith("in parse")
    assert told[4] == "return json.loads(text)"
    assert told[5].endswith("of json)")
    assert told[6].startswith("json.decoder.JSONDecodeError: ")
    assert "Traceback (most recent call last)" not in seen.text


def test_a_pipe_is_told_of_a_failure_at_once(app):
    process = subprocess.Popen(command("broken", "slow"), cwd=app, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        for line in process.stderr:
            if line.startswith("  skipped because of it: NeedsIt(l2=0.5)"):
                break
        assert process.poll() is None
        assert not list((app / "store").glob("Ingest/*.record.json"))
        (app / "go").touch()
        process.stderr.read()
        assert process.wait(60) == 1
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_failure_says_what_was_printed_last_and_where_the_log_is(app, workers):
    done = piped(app, "broken", "--workers", workers)
    lines = done.stderr.splitlines()
    place = next(at for at, line in enumerate(lines) if line.startswith("  its log: store/Breaks/"))
    assert lines[place - 1] == "  | l2 is 0.5"
    assert "JSONDecodeError" in (app / lines[place].removeprefix("  its log: ")).read_text()


def test_the_summary_names_what_failed_and_what_was_skipped(app):
    done = piped(app, "broken")
    assert "2 ran, 0 kept, 1 failed, 1 skipped in " in done.stdout
    assert "  failed  Breaks(l2=0.5)\n    JSONDecodeError: " in done.stdout
    assert "  skipped  NeedsIt(l2=0.5)" in done.stdout


# Ctrl-C


@pytest.mark.parametrize("workers", ["1", "2"])
def test_after_an_interrupt_the_cursor_is_back_and_the_summary_says_so(terminal, app, workers):
    seen = terminal("--workers", workers, "slow")
    seen.wait_for("MB")
    seen.interrupt()
    assert seen.end() == 130
    assert "interrupted after " in seen.text
    assert "was running  Ingest(rows=5" in seen.text
    assert seen.cursor_is_shown


def test_a_step_that_heeds_nothing_cannot_keep_the_cursor(terminal):
    seen = terminal("deaf")
    seen.wait_for("Deaf()")
    seen.interrupt()
    assert seen.end() == 130
    assert seen.cursor_is_shown

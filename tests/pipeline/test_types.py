"""Types: `Task[pd.DataFrame]` says what `load()` gives, to people and to mypy."""

import subprocess
import sys
import textwrap

import pytest

from pipeline import Task


def test_a_task_can_name_the_type_of_its_output(ran):
    class Typed(Task[dict[str, int]]):
        def easy_run(self, inputs):
            return {"a": 1}

    ran(Typed())
    assert Typed().load() == {"a": 1}


def test_mypy_knows_what_load_gives(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "typed.py").write_text(
        textwrap.dedent(
            """
            from pipeline import Task

            class Typed(Task[dict[str, int]]):
                def easy_run(self, inputs: object) -> dict[str, int]:
                    return {"a": 1}

            reveal_type(Typed().load())
            """
        )
    )
    done = subprocess.run([sys.executable, "-m", "mypy", "typed.py"], cwd=tmp_path, capture_output=True, text=True)
    assert 'Revealed type is "dict[str, int]"' in done.stdout.replace("builtins.", ""), done.stdout

"""The command line: `main` for an app's run.py, `tool` for `luigi-warp` and `python -m pipeline`.

Exit codes: 0 all is current, 1 steps failed, 2 wrong usage, 3 nothing could be planned, 74 standard output cannot be written, 75 another
run is at it (`--no-wait`), 130 interrupted, 143 terminated. What a person did wrong is one line on standard error; a traceback is shown only
for what nobody foresaw. No secret is in either.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from pipeline.cli.app import App

OK, FAILED, USAGE, UNPLANNED, UNWRITTEN, BUSY = 0, 1, 2, 3, 74, 75


def main(get_tasks: Callable[[], Any] | Any, arguments: Sequence[str] | None = None) -> int:
    """Run a command on the tasks that `get_tasks` lists, or on these tasks; returns the exit code."""
    from pipeline.cli.app import App
    from pipeline.cli.group import group

    return call(group, arguments, _called_as(), lambda: App(lambda _: get_tasks() if callable(get_tasks) else get_tasks))


def call(group: click.Group, arguments: Sequence[str] | None, called_as: str, app: Callable[[], App | None]) -> int:
    """Run a command of a group; what goes wrong becomes an exit code."""
    import click

    from pipeline import interrupts, logs, settings
    from pipeline.errors import BusyError, ConditionError, UnknownOutputError, UnknownRunError, UnknownTaskError
    from pipeline.reporting import console
    from targets.errors import PipelineError
    from targets.messages import said

    _open_missing_streams()
    try:
        logs.configure()
        chosen = list(sys.argv[1:] if arguments is None else arguments)
        with interrupts.heeded(settings.read().grace + 1):
            return int(group.main(args=chosen, prog_name=called_as, standalone_mode=False, obj=app()) or 0)
    except click.exceptions.Exit as finished:
        return finished.exit_code
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        _say(shown.getvalue())
        return USAGE
    except (click.Abort, KeyboardInterrupt) as error:
        # click makes an Abort of what it takes for ctrl-C.
        terminated = isinstance(error.__context__ if isinstance(error, click.Abort) else error, interrupts.Terminated)
        console.emit("terminated" if terminated else "interrupted")
        return interrupts.TERMINATED if terminated else interrupts.INTERRUPTED
    except (UnknownOutputError, UnknownRunError, UnknownTaskError, ConditionError) as error:
        _say(f"Error: {said(error)}\n")
        return USAGE
    except PipelineError as error:
        _say(f"{type(error).__name__}: {said(error)}\n")
        return BUSY if isinstance(error, BusyError) else UNPLANNED
    except OSError as error:
        from pipeline.cli import showing

        if not showing.was_showing(error):
            _show_without_secrets()
            raise
        console.unwritten(error)
        return UNWRITTEN
    except Exception:
        _show_without_secrets()
        raise


def _open_missing_streams() -> None:
    """Where a program was started without one, nobody reads it; else the next file that is opened gets its number, and what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 -- until the program ends
            setattr(sys, name, stream)
            if stream.fileno() < 3:
                # For child processes.
                os.set_inheritable(stream.fileno(), True)


def _show_without_secrets() -> None:
    """What nobody foresaw is shown by the interpreter, as it ends."""
    if sys.excepthook is sys.__excepthook__:  # else somebody else shows it, in another way
        sys.excepthook = _show_unforeseen


def _say(text: str) -> None:
    """On standard error, whole lines."""
    import click

    from pipeline.characters import plain
    from pipeline.secrets import redact

    click.echo(plain(redact(text)), err=True, nl=False)


def _show_unforeseen(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    _say("".join(traceback.format_exception(kind, error, where)))


def _called_as() -> str:
    """What a person types to get here."""
    # Of a module that `python -m` runs, Python knows more than the file: `app.__main__` is app/__main__.py.
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return f"python -m {spec.name.removesuffix('.__main__')}"
    name = os.path.basename(sys.argv[0])
    return f"python {name}" if name.endswith(".py") else name

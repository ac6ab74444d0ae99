"""The group of all commands. Without one, `run` is meant.

A command is a file of its own with a function of the same name, and a line here; it is imported when it is used.
"""

from __future__ import annotations

import difflib
import importlib

import click

#: In the order in which they are listed, each in few words.
COMMANDS = {
    "run": "make everything current (what is meant without a command)",
    "plan": "say what would run, and why",
    "graph": "draw what needs what, coloured by verdict",
    "ls": "list what is stored",
    "show": "show what an output is, and what made it",
    "log": "print what a step printed when it last ran",
    "history": "list runs, or show one",
    "diff": "say how two runs differ",
    "report": "write one page about a run",
    "doctor": "look the store over, and put right what can be",
    "verify": "read every byte of outputs, and check digests and signatures",
    "accept": "declare that a change of code did not change the meaning",
    "audit": "find steps that give other bytes when they run again",
    "rm": "remove outputs with their records",
    "trim": "delete data, and keep the records",
    "resign": "sign all records with today's key",
    "new": "write an app of your own, in the shape of the example",
}
DEFAULT = "run"
_AS_IT_IS = "\b\n"
HELP = ("-h", "--help")


class Commands(click.Group):
    """See the module. Its own options come before the command."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"pipeline.cli.{cmd_name}"), cmd_name)
        if command.epilog and not command.epilog.startswith(_AS_IT_IS):
            command.epilog = _AS_IT_IS + command.epilog  # an example that was wrapped could not be copied
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # a shell asks what could come here
            at = self._end_of_own(args)
            if at > len(args):
                return super().parse_args(ctx, args)  # which says whose value is missing
            first = args[at] if at < len(args) else ""
            if not first or (first.startswith("-") and first not in HELP and not self._is_own(first)):
                args = [*args[:at], DEFAULT, *args[at:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            close = difflib.get_close_matches(error.option_name, self._own(), n=1)
            if not close:
                raise
            ctx.fail(f"the command has no option {error.option_name!r}: {close[0]} comes before the command")

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            ctx.fail(f"there is no command {args[0]!r}" + (f": did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)

    def _own(self) -> dict[str, bool]:
        """The options of the group itself, and whether each takes a value."""
        return {name: not option.is_flag for option in self.params if isinstance(option, click.Option) for name in option.opts}

    def _is_own(self, word: str) -> bool:
        return word.split("=")[0] in self._own()

    def _end_of_own(self, args: list[str]) -> int:
        at = 0
        while at < len(args) and self._is_own(args[at]):
            takes_next = self._own()[args[at].split("=")[0]] and "=" not in args[at]
            at += 2 if takes_next else 1
        return at


@click.group(cls=Commands, context_settings={"help_option_names": list(HELP)})
def group() -> None:
    """Make the app's terminal steps current: keep what is still true, make again what is not."""

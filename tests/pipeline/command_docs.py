"""Writes the reference of all commands into docs/command-line.md: `python tests/pipeline/command_docs.py`."""

import pathlib
import re

import click

from pipeline.cli.group import COMMANDS, group

PAGE = pathlib.Path(__file__).parent.parent.parent / "docs" / "command-line.md"
BEGIN, END = "<!-- written by tests/pipeline/command_docs.py -->\n", "<!-- until here -->\n"


def reference():
    return "\n".join(_command(name, group.get_command(None, name)) for name in COMMANDS)


def _command(name, command):
    lines = [f"### {name}", "", re.sub(r"\s+", " ", command.help.strip()), ""]
    arguments = " ".join(_argument(one) for one in command.params if isinstance(one, click.Argument))
    options = [one for one in command.params if isinstance(one, click.Option)]
    lines += ["```text", f"python run.py {name}{' [OPTIONS]' if options else ''}{' ' + arguments if arguments else ''}", "```", ""]
    if options:
        lines += ["| | |", "|---|---|", *(f"| `{_names(one)}` | {re.sub(chr(92) + 's+', ' ', one.help)} |" for one in options), ""]
    example = command.epilog.replace("\b\n", "").removeprefix("Example: ")
    return "\n".join([*lines, f"Example: `{example}`", ""])


def _argument(argument):
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _names(option):
    names = ", ".join(option.opts) + (" / " + ", ".join(option.secondary_opts) if option.secondary_opts else "")
    if option.is_flag:
        return names
    kind = option.metavar or ("\\|".join(option.type.choices) if isinstance(option.type, click.Choice) else "N")
    return f"{names} {kind}"


def page(text):
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + reference() + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))

"""The group of all commands. Without one, `run` is meant."""

from __future__ import annotations

import click

from pipeline.cli.accept import accept
from pipeline.cli.audit import audit
from pipeline.cli.graph import graph
from pipeline.cli.plan import plan
from pipeline.cli.report import report
from pipeline.cli.resign import resign
from pipeline.cli.run import run
from pipeline.cli.trim import trim


class _RunByDefault(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunByDefault, context_settings={"help_option_names": ["-h", "--help"]})
def group() -> None:
    """Make the app's terminal steps current: keep what is still true, make again what is not."""


for command in (run, plan, graph, report, accept, audit, trim, resign):
    group.add_command(command)

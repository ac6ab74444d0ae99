"""`graph`: a picture of what needs what, coloured by verdict."""

from __future__ import annotations

import click

from pipeline.cli import options

_FORMATS = ("mermaid", "dot", "svg", "html")
_ENDINGS = {".md": "mermaid", ".mmd": "mermaid", ".mermaid": "mermaid", ".gv": "dot", ".dot": "dot", ".svg": "svg", ".html": "html", ".htm": "html"}


@click.command(epilog="Example: python run.py graph --output graph.svg")
@click.option("--format", "wanted", type=click.Choice(_FORMATS), help="What to write.  [default: by the name of the output, else mermaid]")
@click.option("--output", default="-", metavar="FILE", help="Where to write it.  [default: standard output]")
@click.option("--by", type=click.Choice(["class", "instance"]), help="One node a class or one a task.  [default: a class if tasks are many]")
@options.of_tasks
@options.verbosity
@click.pass_context
def graph(context: click.Context, wanted: str | None, output: str, by: str | None) -> int:
    """Draw the graph: each step with its parameters, outputs and verdict. Runs nothing; needs no Graphviz."""
    import os

    from pipeline import planning
    from pipeline.reporting import dot, mermaid, page, planned, svg, text, writing
    from pipeline.reporting.graph import draw

    ending = os.path.splitext(output)[1].lower()
    if not wanted and ending and ending not in _ENDINGS:
        raise click.BadParameter(f"{ending} is none of {', '.join(_ENDINGS)}: name another file, or say --format", param_hint="--output")
    wanted = wanted or _ENDINGS.get(ending, "mermaid")
    tasks = context.obj()
    found = draw(planned.items(planning.plan(tasks)), by=by)
    if wanted == "mermaid":
        drawn = mermaid.write(found)
    elif wanted == "dot":
        drawn = dot.write(found)
    elif wanted == "svg":
        drawn = svg.draw(found) + "\n"
    else:
        families = ", ".join(dict.fromkeys(task.get_task_family() for task in tasks))
        title = f"What {text.shortened(families, 80)} needs"
        count = text.plural(sum(node.size for node in found.nodes), "task")
        drawn = page.page(title, page.heading(title, count), page.scrolling(svg.draw(found, ground=False)))
    writing.write(drawn, output)
    return 0

"""`python -m benchmarks`: what our tasks cost, beside other tools and the least that is possible, measured in the same run.

Exit codes: 0; 1 if `--quick` found a ratio beyond its margin, or something that could not be measured; 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
import time

from benchmarks.speed import goals, machine, plot, report, suite
from benchmarks.speed.bench import Bench
from benchmarks.speed.row import Row, merged


def main() -> int:
    options = _options()
    begun = time.monotonic()
    facts = {**machine.facts(), "load at start": machine.load()}
    with tempfile.TemporaryDirectory(prefix="luigi-warp-benchmark-") as temporary:
        work = options.work or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work.resolve(), budget=options.budget, only=options.only)
        try:
            (suite.quick if options.quick else suite.full)(bench, huge=options.huge)
        finally:
            bench.close()
    facts |= {"load at end": machine.load(), "minutes": round((time.monotonic() - begun) / 60, 1)}
    rows = bench.rows
    if options.add:
        earlier = json.loads(options.add.read_text())
        rows = merged([Row(**{name: value for name, value in row.items() if name != "name"}) for row in earlier["rows"]], rows)
        # The earlier run's beginning, this one's end.
        facts |= {name: earlier["machine"][name] for name in ("load at start",)}
        facts["minutes"] = round(facts["minutes"] + earlier["machine"]["minutes"], 1)
    found = (goals.of_quick if options.quick else goals.of_full)(rows)
    if options.only and not options.add:
        found = [goal for goal in found if goal.measured is not None]
    if options.json:
        options.json.write_text(report.as_json(rows, found, facts))
    if options.markdown:
        page = options.markdown.read_text() if options.markdown.exists() else ""
        options.markdown.write_text(report.into_page(page, report.as_markdown(rows, found, facts)))
    if options.plot:
        options.plot.write_text(plot.svg(rows))
    for goal in found:
        measured = "" if goal.measured is None else f"{goal.measured:.3g} {goal.unit}"
        print(f"{goal.state:<13} {goal.name}: {measured} (wanted {'<=' if goal.most else '>='} {goal.limit:g} {goal.unit})")
    wrong = [row for row in rows if row.state == "failed"]
    for row in wrong:
        print(f"failed        {row.name}: {row.note}")
    return 1 if options.quick and (wrong or any(goal.state != "met" for goal in found)) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small, under three minutes; fails if a ratio is beyond its margin")
    parser.add_argument(
        "--only",
        default="",
        metavar="NAME,...",
        help="fan-in, chain, diamond, wide, peers, larger, processes, data, startup, complete, profile, huge",
    )
    parser.add_argument("--huge", action="store_true", help="also plan 1,000,000 tasks on a simulated store (with --quick 10,000)")
    parser.add_argument(
        "--work", type=pathlib.Path, metavar="DIR", help="keep the tools' environments here for the next run (default: a temporary one)"
    )
    parser.add_argument("--budget", type=float, default=1800, metavar="SECONDS", help="what does not fit in is skipped, and says so (default: 1800)")
    parser.add_argument(
        "--add", type=pathlib.Path, metavar="FILE", help="report also what an earlier run wrote with --json, where this one has nothing"
    )
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE", help="write tables, between the marks of a page that has them")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="write an SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""The command line of the peers comparison."""

import argparse
import datetime
import importlib.util
import json
import sys
from pathlib import Path

from benchmarks import problem_sets

from . import contest, plot, report, rivals
from .load import Others
from .pool import Worker


def parser():
    known = ", ".join(rival.name for rival in rivals.ALL if rival.name not in rivals.OURS)
    p = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description="Time fastconv and every installed rival, in turns, a process each.",
    )
    p.add_argument("--set", required=True, choices=problem_sets.names(), dest="set_name")
    p.add_argument("--threads", type=int, default=1, help="threads of every contender (1)")
    add = p.add_argument
    add("--format", choices=contest.LAYOUTS, default="nchw", help="layout of fastconv's data")
    add("--only", metavar="SUBSTR", default="", help="problems whose name contains this")
    add("--rivals", metavar="A,B", help=f"rivals to start (default: all) of: {known}")
    add("--seconds", type=float, default=0.3, help="timed per contender and problem (0.3)")
    add("--python", default=sys.executable, help="interpreter of the rivals' processes")
    add("--json", type=Path, metavar="F", help="save everything")
    add("--markdown", type=Path, metavar="F", help="save the table as Markdown")
    add("--plot", type=Path, metavar="F", help="save a picture (needs matplotlib)")
    return p


def main(arguments=None):
    p = parser()
    options = p.parse_args(arguments)
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        p.error("--plot needs matplotlib: pip install matplotlib")
    cases = [c for c in problem_sets.cases(options.set_name) if options.only in c.name]
    if not cases:
        p.error(f"the set {options.set_name} has no problem with {options.only!r} in its name")
    chosen = _chosen(p, options.rivals)
    result = measure(options, cases, chosen)
    print(report.text(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(report.markdown(result))
    if options.plot:
        plot.draw(result, options.plot)


def measure(options, cases, chosen):
    """Run the contest; the result as plain data."""
    from fastconv import ceiling

    progress("measuring the ceilings of this machine")
    limits = ceiling.measured(options.threads)
    workers, missing, versions = [], {}, {}
    others = Others()
    try:
        for rival in chosen:
            progress(f"starting {rival.name}")
            python = sys.executable if rival.name in rivals.OURS else options.python
            worker = Worker(rival, options.threads, python)
            worker.start()
            if worker.missing is not None:
                missing[rival.name] = worker.missing
            else:
                workers.append(worker)
                versions[rival.name] = worker.version
        rows = contest.run(cases, workers, options.format, options.seconds, limits, progress)
        problems = [report.entry(row) | {"problem": _spelled(row.case, options)} for row in rows]
    finally:
        for worker in workers:
            worker.stop()
        progress("")
    return {
        "set": options.set_name,
        "format": options.format,
        "threads": options.threads,
        "seconds": options.seconds,
        "date": datetime.date.today().isoformat(),
        "machine": limits.machine | {"ceiling": limits.figures()},
        "versions": versions,
        "missing": missing,
        "others": others.processors(),
        "problems": problems,
    }


def _spelled(case, options):
    return case.spelling(contest.LAYOUTS[options.format])


def _chosen(p, text):
    ours = [rival for rival in rivals.ALL if rival.name in rivals.OURS]
    others = [rival for rival in rivals.ALL if rival.name not in rivals.OURS]
    if text is not None:
        wanted = [name for name in text.split(",") if name]
        known = [rival.name for rival in others]
        for name in wanted:
            if name not in known:
                p.error(f"no rival {name!r}; there are {', '.join(known)}")
        others = [rival for rival in others if rival.name in wanted]
    return ours + others


def progress(line):
    """One line on standard error, over the last one on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
    elif line and not line.startswith(" "):
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

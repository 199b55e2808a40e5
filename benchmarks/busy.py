"""What calls take on a machine that does something else: ``python -m benchmarks.busy``.

A few calls, on one thread and on all, beside 0, 1 and as many foreign processes as there are
processors, each computing all the time. Medians and 90th percentiles of single calls, in
microseconds. Every contender has processes of its own, which are asked in turn.
``--into docs/performance.md`` writes the table there, between the markers ``<!-- table:busy -->``
and ``<!-- /table -->``.
"""

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from fastconv._core import team, threads
from fastconv._core.processor import processor
from fastconv._kernels import isa

from .peers import contest, report, rivals
from .peers.__main__ import progress
from .peers.pool import Worker
from .problem_sets import Case

RIVALS = ("fastconv.plan", "fastconv", "torch", "onnxruntime", "opencv")
# Calls that one contender is asked for at a time, unless that takes longer than so many seconds.
CALLS = 200
SECONDS = 4.0
# Foreign processes compute for so long before anything is timed.
SETTLING = 0.3


def _conv(name, channels, filters, size, kernel):
    pads = ((kernel // 2, kernel // 2),) * 2
    return Case(
        name, "conv", 1, channels, filters, 1, (size, size), (kernel, kernel), (1, 1), (1, 1), pads,
        (size, size), False, "normal", 1,
    )  # fmt: skip


CASES = (
    _conv("5x5 on an image of 256x256", 1, 1, 256, 5),
    _conv("3x3, 64 to 64 channels, 56x56", 64, 64, 56, 3),
    _conv("1x1, 64 to 256 channels, 56x56", 64, 256, 56, 1),
    _conv("3x3, 512 to 512 channels, 7x7", 512, 512, 7, 3),
    Case("maximum of 3x3, stride 2, 64 channels, 112x112", "max_pool", 1, 64, 64, 64, (112, 112), (3, 3),
         (2, 2), (1, 1), ((1, 1), (1, 1)), (56, 56), False, "normal", 1),
)  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.busy", description=__doc__)
    parser.add_argument("--only", default="", help="problems whose name contains this")
    parser.add_argument("--rivals", default=",".join(RIVALS), help=f"of {', '.join(RIVALS)}")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every contender (3)")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the rivals' processes")
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    options = parser.parse_args(arguments)
    cases = [case for case in CASES if options.only in case.name]
    if not cases:
        parser.error(f"there is no problem with {options.only!r} in its name")
    unknown = set(options.rivals.split(",")) - set(RIVALS)
    if unknown:
        parser.error(f"no rival {', '.join(unknown)}; there are {', '.join(RIVALS)}")
    report.put({"busy": markdown(*measured(cases, options))}, options.into, parser)


def measured(cases, options):
    """((case, contender) -> (threads, foreign) -> seconds of every call), what is missing."""
    counts, found, missing = sorted({1, threads.available()}), {}, {}
    workers = [
        (name, count, Worker(rivals.by_name(name), count, options.python))
        for name in options.rivals.split(",")
        for count in counts
    ]
    try:
        for name, _, worker in workers:
            progress(f"starting {name}")
            worker.start()
            if worker.missing is not None:
                missing[name] = worker.missing
        for case in cases:
            with tempfile.TemporaryDirectory(prefix="fastconv-busy-") as folder:
                contest._write(case, "channels_first", Path(folder))
                ready = _prepared(case, workers, missing, folder)
                for number in sorted({0, 1, threads.available()}):
                    with foreign(number):
                        for turn in range(options.rounds):
                            progress(f"{case.name}: {number} foreign, round {turn + 1}")
                            for name, count, worker in ready:
                                answer = worker.ask(do="calls", count=CALLS, seconds=SECONDS)
                                times = found.setdefault((case.name, name), {})
                                times.setdefault((count, number), []).extend(answer["seconds"])
                                worker.rest()
    finally:
        for _, _, worker in workers:
            worker.stop()
        progress("")
    return found, missing


def _prepared(case, workers, missing, folder):
    """The workers that can do `case`."""
    ready = []
    for name, count, worker in workers:
        if name in missing:
            continue
        request = {"case": case._asdict(), "layout": "channels_first", "folder": folder}
        if worker.ask(do="prepare", **request).get("refusal") is None:
            ready.append((name, count, worker))
    return ready


@contextmanager
def foreign(number):
    """So many other processes that compute all the time."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        time.sleep(SETTLING if others else 0)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def markdown(found, missing):
    """The table, and what belongs to it."""
    columns = sorted({column for times in found.values() for column in times}, key=lambda c: c[::-1])
    heads = [f"{number} foreign, {count} thread{'s' * (count > 1)}" for count, number in columns]
    region = 1e6 * min(team.region_seconds(threads.available()) for _ in range(10))
    lines = [
        (
            f"Microseconds per call, median / 90th percentile. {processor()}, {threads.available()} "
            f"processors, level {isa.active()}, {datetime.date.today().isoformat()}; a parallel region "
            f"of fastconv takes {region:.1f} us longer than its tasks."
        ),
        "",
        f"| problem | contender | {' | '.join(heads)} |",
        f"|---|---|{'---:|' * len(heads)}",
    ]
    for (case, name), times in found.items():
        cells = (_cell(times.get(column)) for column in columns)
        lines.append(f"| {case} | {name} | {' | '.join(cells)} |")
    lines.append("")
    lines += [f"* Missing: {name}: {reason}." for name, reason in missing.items()]
    return "\n".join(lines) + "\n"


def _cell(seconds):
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    median, late = ordered[len(ordered) // 2], ordered[len(ordered) * 9 // 10]
    return f"{1e6 * median:.0f} / {1e6 * late:.0f}"


if __name__ == "__main__":
    main()

"""What others do faster: ``python -m benchmarks.cliffs --seed S --minutes M``.

Draws realistic problems of every kind, whose sizes are no powers of two, and times each beside every
installed rival, in turns. Prints the geometric mean, how many are below 0.9 and 0.67 of the best rival,
the same for problems that have something in common, and the worst by their spellings, which
``python -m fastconv bench`` takes. Functions are held against functions, plans against everything.
"""

import argparse
import json
import sys
import time
from math import prod
from pathlib import Path
from random import Random

import numpy as np

from fastconv._core.problem import Problem

from . import timing
from .peers import contest, report, rivals
from .peers.__main__ import progress
from .peers.pool import Worker
from .problem_sets import CONVOLUTIONS, Case

LAYOUTS = tuple(contest.LAYOUTS)
# One call of a problem may take so much arithmetic, its operands so many bytes, and the matrix of their
# windows, which some rivals make, so many.
MOST_FLOPS, MOST_BYTES, MOST_UNROLLED = 4e9, 1 << 28, 1 << 31
BELOW = (0.9, 0.67)


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cliffs", description="Look for problems that others do faster."
    )
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of the problems drawn (0)")
    add("--minutes", type=float, default=15.0, help="how long to go on (15)")
    add("--threads", type=int, default=2, help="threads of every contender (2)")
    add("--seconds", type=float, default=0.1, help="timed per contender and problem (0.1)")
    add("--ops", default=",".join(WEIGHTS), help="operations to draw (default: all)")
    add(
        "--problems",
        type=Path,
        metavar="F",
        help="time these instead, convolutions, one spelling per line",
    )
    add("--rivals", metavar="A,B", help="rivals to start (default: all)")
    add("--python", default=sys.executable, help="interpreter of the rivals' processes")
    add("--worst", type=int, default=25, help="how many of the worst to list (25)")
    add("--json", type=Path, metavar="F", help="save every problem with its times")
    options = parser.parse_args(arguments)
    unknown = set(options.ops.split(",")) - set(WEIGHTS)
    if unknown:
        parser.error(f"no operation {', '.join(sorted(unknown))}; there are {', '.join(WEIGHTS)}")
    workers = start(options)
    entries = []
    try:
        end = time.monotonic() + 60 * options.minutes
        given = (
            spelled(options.problems)
            if options.problems
            else problems(options.seed, options.ops.split(","))
        )
        for case, layout in given:
            if time.monotonic() > end:
                break
            progress(f"{len(entries) + 1} {case.op} {case.spelling(contest.LAYOUTS[layout])}")
            entries.append(measured(case, layout, workers, options.seconds))
    finally:
        for worker in workers:
            worker.stop()
        progress("")
    if options.json:
        options.json.write_text(json.dumps(entries, indent=1) + "\n")
    print("\n".join(lines(entries, options.worst)))


def start(options):
    """Workers for ourselves and the rivals that are installed."""
    wanted = None if options.rivals is None else options.rivals.split(",")
    workers = []
    for rival in rivals.ALL:
        if wanted is None or rival.name in rivals.OURS or rival.name in wanted:
            python = sys.executable if rival.name in rivals.OURS else options.python
            worker = Worker(rival, options.threads, python)
            worker.start()
            if worker.missing is None:
                workers.append(worker)
    return workers


def measured(case, layout, workers, seconds):
    """One problem as plain data."""
    unlimited = _NoCeiling()
    (row,) = contest.run([case], workers, layout, seconds, unlimited, lambda line: None)
    spelling = case.spelling(contest.LAYOUTS[layout])
    return report.entry(row) | {"problem": spelling, "common": common(case, layout)}


class _NoCeiling:
    """In the place of a ceiling: only ratios count here."""

    def least_seconds(self, flops, moved):
        return 0.0, "compute"


# ---- drawing ---------------------------------------------------------------------------------------

# How often an operation is drawn.
WEIGHTS = {
    "conv": 14, "conv_grad_input": 2, "conv_grad_weight": 2, "conv_transpose": 2,
    "max_pool": 1.5, "avg_pool": 1.5, "max_pool_grad": 0.5, "avg_pool_grad": 0.5,
}  # fmt: skip
BATCHES = (1, 1, 1, 2, 4, 8, 16, 32)
CHANNELS = (
    1,
    2,
    3,
    4,
    8,
    12,
    16,
    24,
    32,
    40,
    48,
    64,
    80,
    96,
    112,
    128,
    160,
    192,
    256,
    320,
    384,
    512,
    768,
)
# Sizes of an axis by the number of axes.
SIZES = {
    1: (50, 100, 300, 1000, 2500, 8000, 22_050, 100_000, 379_200, 1_000_000),
    2: (5, 7, 10, 14, 19, 28, 40, 56, 75, 100, 112, 150, 224, 300, 480, 1080, 1920),
    3: (4, 6, 8, 10, 14, 16, 20, 24, 32, 48, 64, 100, 128),
}
KERNELS = {
    1: (1, 2, 3, 3, 5, 7, 9, 15, 25, 31, 64, 101, 251, 1025),
    2: (1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 7, 7, 9, 11, 15, 21, 31),
    3: (1, 2, 3, 3, 3, 5, 5, 7, 9),
}


def problems(seed, ops=tuple(WEIGHTS)):
    """Cases with layouts, without end; the same ones for the same seed."""
    random = Random(seed)
    while True:
        op = random.choices(ops, [WEIGHTS[op] for op in ops])[0]
        case = drawn(random, op)
        layout = random.choice(LAYOUTS)
        if case is not None and _affordable(case):
            yield case, layout


def spelled(file):
    """The convolutions of a file, as cases with layouts."""
    for line in filter(None, map(str.strip, file.read_text().splitlines())):
        p = Problem.parse(line)
        case = Case(
            name=line, op=p.kind, batch=p.batch, in_channels=p.in_channels, out_channels=p.out_channels,
            groups=p.groups, input=p.input, kernel=p.kernel, stride=p.stride, dilation=p.dilation,
            padding=tuple(zip(p.pad_begin, p.pad_end)), output=p.output, bias=p.bias, weight="normal",
            count=1, dtype=p.dtype,
        )  # fmt: skip
        yield case, next(short for short, layout in contest.LAYOUTS.items() if layout == p.layout)


def drawn(random, op):
    """A case of the operation `op`, or None where the sizes that were drawn have no output."""
    ndim = random.choices((1, 2, 3), (2, 6, 2))[0]
    side = random.choice(SIZES[ndim])
    # Half of the images are squares; no size is round.
    input = tuple(
        side if random.random() < 0.7 else max(1, round(side * random.uniform(0.6, 1.6)))
        for _ in range(ndim)
    )
    if random.random() < 0.7:
        input = (input[0],) * ndim
    size = random.choice(KERNELS[ndim])
    kernel = tuple(size if random.random() < 0.93 else random.choice(KERNELS[ndim]) for _ in range(ndim))
    stride = (random.choices((1, 2, 3, 4), (75, 20, 3, 2))[0],) * ndim
    dilation = (random.choices((1, 2, 3, 4), (85, 10, 2, 3))[0],) * ndim
    in_channels, out_channels, groups = _channels(random)
    if op not in CONVOLUTIONS:
        kernel = (random.choice((2, 2, 3, 3, 3, 5, 7, 13)),) * ndim
        stride = (random.choice((1, 2, 2, kernel[0])),) * ndim
        dilation = (1,) * ndim
        out_channels = groups = in_channels
    extents = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel))
    how = random.choice(("same", "same", "same", "none"))
    # Frameworks pad pools by no more than half a window.
    padding = tuple((e // 2,) * 2 if how == "same" else (0, 0) for e in extents)
    output = tuple(
        (n + 2 * before - e) // s + 1 for n, (before, _), e, s in zip(input, padding, extents, stride)
    )
    if min(output) < 1:
        return None
    return Case(
        name=op, op=op, batch=random.choice(BATCHES), in_channels=in_channels, out_channels=out_channels,
        groups=groups, input=input, kernel=kernel, stride=stride, dilation=dilation, padding=padding,
        output=output, bias=op == "conv" and random.random() < 0.5, weight="normal", count=1,
        dtype=random.choices(("float32", "float64"), (4, 1))[0],
    )  # fmt: skip


def _channels(random):
    """(channels, filters, groups): dense, depthwise, grouped, or one plane."""
    kind = random.choices(("dense", "depthwise", "grouped", "few", "plane"), (60, 15, 5, 10, 10))[0]
    channels = random.choice(CHANNELS)
    if kind == "dense":
        return channels, random.choice(CHANNELS), 1
    if kind == "few":
        return channels, random.randint(1, 4), 1
    if kind == "plane":
        return 1, random.choice((1, 1, 1, 4, 16, 64, 512)), 1
    if kind == "depthwise":
        return channels, channels * random.choice((1, 1, 1, 2)), channels
    groups = random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    return channels, groups * random.choice((1, 4, 8, 16, 32)), groups


def _affordable(case):
    unrolled = case.in_channels * prod(case.output) * case.taps * np.dtype(case.dtype).itemsize
    return case.flops <= MOST_FLOPS and case.bytes <= MOST_BYTES and unrolled <= MOST_UNROLLED


# ---- what they have in common ----------------------------------------------------------------------


def common(case, layout):
    """The groups that a problem belongs to."""
    fan_in = case.in_channels // case.groups
    reach = [d * (k - 1) + 1 for d, k in zip(case.dilation, case.kernel)]
    is_conv = case.op in CONVOLUTIONS
    belongs = {
        case.op: True,
        f"{case.ndim}-D": True,
        layout: True,
        case.dtype: True,
        "batch of 8 and more": case.batch >= 8,
        "1x1": is_conv and case.taps == 1,
        "depthwise": is_conv and case.groups > 1 and fan_in == 1,
        "grouped": is_conv and case.groups > 1 and fan_in > 1,
        "one channel": is_conv and case.in_channels == 1,
        "at most 4 filters": is_conv and case.out_channels // case.groups <= 4 and case.groups == 1,
        "strided": max(case.stride) > 1,
        "dilated": max(case.dilation) > 1,
        "kernel as large as the image": any(e >= n for e, n in zip(reach, case.input)),
        "49 taps and more": is_conv and case.taps >= 49,
        "under 100 us of arithmetic": case.flops < 1e7,
    }
    return [name for name, belonging in belongs.items() if belonging]


# ---- reporting -------------------------------------------------------------------------------------


def lines(entries, worst):
    """The report."""
    for column, title in (
        ("ratio_function", "functions beside the best function"),
        ("ratio_plan", "plans beside the best of all"),
    ):
        compared = [e for e in entries if e[column]]
        yield f"{title}, {len(compared)} of {len(entries)} problems that a rival can do"
        yield from _table(compared, column)
        yield ""
    wrong = [
        e
        for e in entries
        if any(e["contenders"][ours]["wrong"] for ours in rivals.OURS if ours in e["contenders"])
    ]
    yield from (f"WRONG RESULT: {e['op']} {e['problem']}" for e in wrong)
    yield "the worst functions"
    compared = sorted((e for e in entries if e["ratio_function"]), key=lambda e: e["ratio_function"])
    for e in compared[:worst]:
        ours, theirs = (report.microseconds_of(e, name) for name in (rivals.OURS[0], e["best_function"]))
        times = f"{ours:10.1f} us, {e['best_function']} {theirs:.1f}"
        yield f"{e['ratio_function']:5.2f} {times:40} {e['op']:16} {e['problem']}"


def _table(entries, column):
    groups = {"all": entries}
    for e in entries:
        for name in e["common"]:
            groups.setdefault(name, []).append(e)
    heads = "".join(f"{f'< {limit}':>8}" for limit in BELOW)
    yield f"{'':30}{'count':>8}{'mean':>8}{heads}{'worst':>8}"
    for name, members in groups.items():
        ratios = np.array([e[column] for e in members])
        if len(ratios):
            below = "".join(f"{(ratios < limit).sum():8}" for limit in BELOW)
            mean = timing.geometric_mean(ratios)
            yield f"{name:30}{len(ratios):8}{mean:8.2f}{below}{ratios.min():8.2f}"


if __name__ == "__main__":
    main()

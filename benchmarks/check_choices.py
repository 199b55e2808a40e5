"""How well rooms are chosen: ``python -m benchmarks.check_choices``.

Every room that is not hopeless is timed in turns on the convolutions of ``benchmarks/problems``, in
both layouts, on one and two threads, with weights packed before and in the call; then the choice is
held against the fastest: that of the model alone, or with ``--tune SECONDS`` what is chosen after
tuning for so long. Where a kernel may be an outer product, there is the choice between passes and the
best room once more, of such a kernel.
"""

from . import serial_blas  # noqa: F401, isort: skip

import argparse
import os
import sys
import tempfile
import time

import numpy as np

from fastconv._core.problem import Problem
from fastconv._operations import _passes
from fastconv._planner import planner, wisdom
from fastconv.config import current

from . import problem_sets

FILES = ("conv_networks.json", "conv_edge.json", "images.json", "fir.json", "small.json", "first.json")
LAYOUTS = ("channels_first", "channels_last")
# Rooms predicted to take this many times longer than the fastest are not timed.
HOPELESS = 8
ROUNDS = 4
# Choices that lose more than this are timed again.
DOUBTFUL = 1.05
# Bytes of operands that are still too many with one row of outputs left.
LARGEST = 1 << 28


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", default=",".join(FILES), help="problem files, comma-separated")
    parser.add_argument("--flops", type=float, default=3e8, help="cut problems to this (default 3e8)")
    parser.add_argument("--every", type=int, default=1, help="take only every nth problem")
    parser.add_argument("--tune", type=float, metavar="SECONDS", help="tune each choice first")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst to list")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FASTCONV_WISDOM"] = os.path.join(folder, "wisdom.json")
        wisdom.clear()
        choices = []
        for case in problems(options.files.split(","), options.flops)[:: options.every]:
            print(f"\r{case.name[:60]:60}", end="", file=sys.stderr, flush=True)
            for layout in LAYOUTS:
                choices += choices_of(case, layout, options.tune)
        # Two threads may share a processor for seconds: what seems lost is timed in another minute, too.
        doubtful = [choice for choice in choices if choice.lost > DOUBTFUL]
        for number, choice in enumerate(doubtful):
            print(f"\ragain {number + 1} of {len(doubtful):50}", end="", file=sys.stderr, flush=True)
            choice.time(*choice.case.operands(choice.layout), tuple(choice.best))
    print(file=sys.stderr)
    lost = np.array([choice.lost for choice in choices])
    print(f"{len(lost)} choices; within 5 % of the fastest room {np.mean(lost <= 1.05):.1%}, ", end="")
    print(f"within 15 % {np.mean(lost <= 1.15):.1%}, worst {lost.max():.2f} times its time")
    for choice in sorted(choices, key=lambda choice: -choice.lost)[: options.worst]:
        print(f"{choice.lost:5.2f}  {choice}")


class Choice:
    """What was chosen for one way to call, and the fastest call that was seen of every room."""

    def __init__(self, case, layout, settings, prepacked, chosen):
        self.case, self.layout, self.settings, self.prepacked = case, layout, settings, prepacked
        self.chosen = chosen
        self.best = {}

    @property
    def fastest(self):
        return min(self.best, key=self.best.get)

    @property
    def lost(self):
        """Time of the choice / time of the fastest room."""
        return self.best[self.chosen] / self.best[self.fastest]

    def time(self, x, weight, bias, rooms):
        problem = Problem.parse(self.case.spelling(self.layout))
        y = np.empty(problem.output_shape, np.float32)
        calls = [
            (name, call_of(name, problem, self.settings, weight, (x, bias), (y,), self.prepacked))
            for name in rooms
        ]  # fmt: skip
        seen = times(calls)
        self.best |= {name: min(self.best.get(name, np.inf), seen[name]) for name in seen}

    def __str__(self):
        how = "packed before" if self.prepacked else "packed in the call"
        return (
            f"{self.case.name}, {self.layout}, {self.settings.threads} threads, {how}: "
            f"{self.chosen} {self.best[self.chosen] * 1e6:.4g} us, "
            f"{self.fastest} {self.best[self.fastest] * 1e6:.4g} us"
        )


def problems(files, flops):
    """The distinct convolutions of some files, one image of each, cut to `flops`."""
    found = {}
    for file in files:
        for record in problem_sets.records(file):
            for case in problem_sets.from_record(record):
                if case.op == "conv" and case.batch and min(case.output) > 0:
                    case = case.cut(1, flops)
                    if min(case.input) > 0 and case.bytes <= LARGEST:
                        found.setdefault(case.spelling(), case)
    return list(found.values())


def choices_of(case, layout, tune):
    """The choices for each way to call, timed."""
    problem = Problem.parse(case.spelling(layout))
    operands = case.operands(layout)
    for threads in (1, 2):
        # Without wisdom the model decides alone.
        settings = current()._replace(threads=threads, deterministic=tune is None)
        for prepacked in (True, False):
            if tune is not None:
                planner.tune(problem, settings, prepacked=prepacked, seconds=tune)
            chosen = planner.choose(problem, settings, prepacked=prepacked).room.name
            able = [
                c for c in planner.candidates(problem, settings, prepacked=prepacked)
                if c.refusal is None
            ]  # fmt: skip
            limit = HOPELESS * min(c.seconds for c in able)
            rooms = [c.room.name for c in able if c.seconds <= limit]
            yield timed(Choice(case, layout, settings, prepacked, chosen), operands, rooms)
            if may_be_passes(problem, settings) and tune is None:
                offered = _passes.offer(problem, settings) is not None
                # The two that matter: passes, and what is chosen instead.
                passes = Choice(case, layout, settings, prepacked, _passes.NAME if offered else chosen)
                yield timed(passes, operands, [_passes.NAME, chosen])


def timed(choice, operands, rooms):
    """`choice`, after its rooms have been timed."""
    choice.time(*operands, rooms)
    if choice.lost > DOUBTFUL:
        # A stall of either may have said so: both once more.
        choice.time(*operands, {choice.chosen, choice.fastest})
    return choice


def may_be_passes(problem, settings):
    """Whether there are passes along the axes for kernels of such sizes."""
    try:
        return _passes.offer(problem, settings._replace(algorithm=_passes.NAME)) is not None
    except ValueError:
        return False


def call_of(name, problem, settings, weight, inputs, outputs, prepacked):
    """A call of a room without arguments, or of passes."""
    if name == _passes.NAME:
        rng = np.random.default_rng(0)
        factors = tuple(
            rng.random((len(weight), taps), dtype=np.float32) for taps in weight.shape[2:]
        )  # fmt: skip
        passes = _passes.Passes(problem, settings._replace(algorithm=None))
        packed = passes.prepare(factors) if prepacked else None
        return lambda: passes.run(factors, packed, inputs, outputs)
    forced = planner.choose(problem, settings._replace(algorithm=name), prepacked=prepacked)
    packed = forced.prepare(weight) if prepacked else None
    return lambda: forced.run(weight, packed, inputs, outputs)


def times(calls):
    """Name -> its fastest call, of (name, call); they are timed in turns."""
    best = {name: np.inf for name, _ in calls}
    for _ in range(ROUNDS):
        for name, call in calls:
            start, count = time.perf_counter(), 0
            while count < 2 or time.perf_counter() - start < 1e-3:
                before = time.perf_counter()
                call()
                best[name] = min(best[name], time.perf_counter() - before)
                count += 1
    return best


if __name__ == "__main__":
    main()

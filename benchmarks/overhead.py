"""What a call costs beside its arithmetic: ``python -m benchmarks.overhead``.

Tiny problems, one thread, everyone in turns. The overhead is what a call of fastconv takes longer
than the room that computes it, called straight: with packing its weights for the function, whose
arguments were seen before; without for the plan. Beside it what others take for a whole call, and
what Python takes for an empty one. ``--into docs/performance.md`` writes the table there, between
the markers ``<!-- table:overhead -->`` and ``<!-- /table -->``.
"""

import argparse
import datetime
import time
from pathlib import Path
from statistics import median

import numpy as np

import fastconv
from fastconv._core.processor import processor
from fastconv._kernels import isa
from fastconv._pose import pose
from fastconv.config import current

from . import oracle, timing
from .peers import report
from .peers.load import Others
from .peers.rivals import by_name
from .peers.rivals.face import Prepared
from .peers.rivals.onnx_runtime import OnnxRuntime
from .problem_sets import Case

# Microseconds of overhead, and what it is counted from.
PROMISES = {"fastconv": 3.0, "plan": 1.5}
ROOMS = {"fastconv": "packing + room", "plan": "room"}
ROUNDS = 9


class OnnxRuntimeRun(OnnxRuntime):
    """The session as most call it: arrays in, arrays out."""

    name = "onnxruntime, `run`"

    def prepare(self, case, layout, x, weight, bias):
        session = self.session(case, weight, bias)
        return Prepared(lambda: session.run(None, {"x": x}), lambda y: y[0])


RIVALS = (by_name("torch"), OnnxRuntimeRun(), by_name("onnxruntime"), by_name("numpy"))


def _case(name, channels, filters, input, kernel, bias=False):
    ones = (1,) * len(input)
    output = tuple(i - k + 1 for i, k in zip(input, kernel))
    return Case(
        name, "conv", 1, channels, filters, 1, input, kernel, ones, ones, ((0, 0),) * len(input),
        output, bias, "normal", 1,
    )  # fmt: skip


PROBLEMS = (
    _case("1x1x1", 1, 1, (1,), (1,)),
    _case("FIR, 3 taps, 16 samples", 1, 1, (16,), (3,)),
    _case("FIR, 16 taps, 128 samples", 1, 1, (128,), (16,)),
    _case("3x3 on 8x8, 1 channel", 1, 1, (8, 8), (3, 3)),
    _case("3x3 on 8x8, 8 to 8 channels", 8, 8, (8, 8), (3, 3), bias=True),
    _case("3x3x3 on 4x4x4, 1 channel", 1, 1, (4, 4, 4), (3, 3, 3)),
    _case("LeNet, first layer", 1, 6, (32, 32), (5, 5), bias=True),
    _case("LeNet, second layer", 6, 16, (14, 14), (5, 5), bias=True),
)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--only", default="", help="problems whose name contains this")
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="timed per column and problem (default 0.3)"
    )
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    options = parser.parse_args(arguments)
    cases = [case for case in PROBLEMS if options.only in case.name]
    if not cases:
        parser.error(f"there is no problem with {options.only!r} in its name")
    others = Others()
    with fastconv.config(threads=1):
        rivals, versions, missing = started()
        rows = [measured(case, rivals, options.seconds) for case in cases]
    table = markdown(rows, versions, missing, others.processors())
    report.put({"overhead": table}, options.into, parser)


def started():
    """(rivals that are installed, their versions, name -> why the others are missing)."""
    rivals, versions, missing = [], [], {}
    for rival in RIVALS:
        reason = rival.available()
        if reason is None:
            versions.append(rival.start(threads=1))
            rivals.append(rival)
        else:
            missing[rival.name] = reason
    return rivals, versions, missing


def measured(case, rivals, seconds):
    """(name of the problem, heading -> microseconds)."""
    contenders = calls(case, rivals)
    bursts = {heading: [] for heading in contenders}
    headings = list(contenders)
    for r in range(ROUNDS):
        start = r % len(headings)
        for heading in headings[start:] + headings[:start]:
            bursts[heading].append(timing.burst(contenders[heading].call, seconds / ROUNDS))
    taken = {heading: 1e6 * timing.combine(found).quartile for heading, found in bursts.items()}
    for name in PROMISES:
        # Of one round each: what slows down the machine slows down both.
        rooms = bursts[ROOMS[name]]
        taken[_overhead(name)] = 1e6 * max(
            median(call.quartile - room.quartile for call, room in zip(bursts[way], rooms))
            for way in (name, f"{name}, `out=`")
        )
    return case.name, taken


def _overhead(name):
    """The heading of the overhead with a new array or with `out`, whichever is more."""
    return f"{name} overhead"


def calls(case, rivals):
    """Heading -> Prepared, its answer checked."""
    operands = case.operands()
    truth = oracle.answer(case, *operands)
    found = _ours(case, *operands)
    for rival in rivals:
        found[rival.name] = rival.prepare(case, "channels_first", *operands)
    for heading, prepared in found.items():
        error = oracle.relative_error(prepared.result(prepared.call()), truth)
        if not error <= oracle.TOLERANCE:
            raise AssertionError(f"{case.name}: wrong answer of {heading}, error {error:.1e}")
    # The true answer came from BLAS, whose threads must not be there while we measure.
    timing.rest(time.process_time)
    return {"empty call": Prepared(lambda: None, None)} | found


def _ours(case, x, weight, bias):
    function = getattr(fastconv, f"conv{case.ndim}d")
    plan = fastconv.plan(function, x, weight, bias)
    out = np.full(case.output_shape("channels_first"), np.nan, np.float32)
    found = {
        "fastconv": lambda: function(x, weight, bias),
        "fastconv, `out=`": lambda: function(x, weight, bias, out=out),
        "plan": lambda: plan(x),
        "plan, `out=`": lambda: plan(x, out=out),
    }
    found = {heading: Prepared(call, lambda y: y) for heading, call in found.items()}
    for name, room in ROOMS.items():
        found[room] = _room(function, x, weight, bias, prepacked=name == "plan")
    return found


def _room(function, x, weight, bias, *, prepacked):
    """The room that the planner chooses, called straight."""
    posed = pose(function, (x, weight, bias), {}, current(), prepacked=prepacked)
    _, room, state, threads, *_ = posed.asked[0].executable
    out = np.full(posed.call.output_shape, np.nan, np.float32)
    run, prepare, inputs, outputs = room.run, room.prepare, (x, bias), (out,)
    packed = prepare(state, weight, threads)
    if prepacked:
        return Prepared(lambda: run(state, packed, inputs, outputs, threads), lambda _: out)

    def call():
        run(state, prepare(state, weight, threads), inputs, outputs, threads)

    return Prepared(call, lambda _: out)


def markdown(rows, versions, missing, others):
    """The table, and what belongs to it."""
    headings = list(rows[0][1])
    for name, room in ROOMS.items():
        # Each call, what it is held against, and the difference.
        for heading in (_overhead(name), room):
            headings.remove(heading)
            headings.insert(headings.index(f"{name}, `out=`") + 1, heading)
    lines = [
        (
            f"Microseconds per call, one thread, lower quartiles over {ROUNDS} rounds. {processor()}, level "
            f"{isa.active()}, {datetime.date.today().isoformat()}; other processes used "
            f"{100 * others:.0f} % of a processor."
        ),
        "",
        f"| problem | {' | '.join(headings)} |",
        f"|---|{'---:|' * len(headings)}",
    ]
    for name, taken in rows:
        lines.append(f"| {name} | {' | '.join(f'{taken[h]:.2f}' for h in headings)} |")
    lines.append("")
    for name, limit in PROMISES.items():
        most = max(taken[_overhead(name)] for _, taken in rows)
        kept = "kept" if most <= limit else "BROKEN"
        lines.append(f"* {_overhead(name)}: at most {most:.2f}; promised: {limit}, {kept}.")
    lines += [f"* Missing: {name}: {reason}." for name, reason in missing.items()]
    lines.append(
        f"* Versions: {'; '.join(dict.fromkeys([f'fastconv {fastconv.__version__}', *versions]))}."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

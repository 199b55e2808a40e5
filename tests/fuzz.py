"""Random calls of every operation, compared with an oracle; what fails is told in a line that repeats it.

    python -m tests.fuzz --seed 1 --minutes 60      # an hour of cases 1:0, 1:1, ...
    python -m tests.fuzz --case 1:4711              # one of them again

Arrays are views of all kinds, results go into memory whose margins are guarded, and rooms, levels of
instructions, numbers of threads, and plans change from case to case. Should a case end the process, its
number is the last that was printed.
"""

import argparse
import faulthandler
import itertools
import os
import sys
import time
import traceback
import warnings
from collections import Counter

os.environ.setdefault("FASTCONV_WISDOM", "off")

import numpy as np

import fastconv
from fastconv._algorithms import registry
from fastconv._kernels import isa
from fastconv._operations.registry import family_of

try:
    import fuzz_cases as cases
    from eager import every_thread
except ImportError:
    from . import fuzz_cases as cases
    from .eager import every_thread

GUARD = 0xA5
# What a forced algorithm is refused with.
REFUSALS = ("no algorithm for", "does not do", "is for kernels that are outer products")
TOLERANCES = {"float32": 1e-5, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2, "complex64": 1e-5}
TIERS = {None: 0, "highest": 0, "high": 4e-5, "medium": 2e-2}


class Difference(Exception):
    """What was computed is not what should be."""


def in_format(x, last):
    return np.moveaxis(x, 1, -1) if last else x


def view(draw, x):
    """The same values, lying in memory in one of many ways."""
    how = draw.one(
        "as it is", "fortran", "gaps", "reversed", "read-only", "broadcast", "foreign", "unaligned"
    )
    if how == "fortran":
        x = np.asfortranarray(x)
    elif how == "gaps":
        steps = [draw.int(1, 3) for _ in x.shape]
        memory = np.full([n * s + 2 for n, s in zip(x.shape, steps)], 77, np.int8).astype(x.dtype)
        inner = memory[tuple(slice(1, 1 + n * s, s) for n, s in zip(x.shape, steps))]
        inner[...] = x
        x = inner
    elif how == "reversed":
        axes = tuple(i for i in range(x.ndim) if draw.chance(0.5))
        x = np.flip(np.ascontiguousarray(np.flip(x, axes)), axes)
    elif how == "broadcast" and x.size:
        for i in range(x.ndim):
            first = x[(slice(None),) * i + (slice(0, 1),)]
            if x.shape[i] > 1 and (x == first).all():
                x = np.broadcast_to(first, x.shape)
                break
    elif how == "foreign" and x.dtype.name != "bfloat16":
        x = x.astype(x.dtype.newbyteorder())
    elif how == "unaligned" and x.size:
        memory = np.empty(x.nbytes + 1, np.uint8)
        inner = memory[1:].view(x.dtype).reshape(x.shape)
        inner[...] = x
        x = inner
    if how == "read-only":
        x = x.copy()
        x.flags.writeable = False
    return x


class Guarded:
    """Memory for a result, with margins and gaps that must stay as they are."""

    def __init__(self, draw, shape, dtype):
        order = draw.rng.permutation(len(shape)) if draw.chance(0.3) else np.arange(len(shape))
        steps = [draw.int(1, 3) if draw.chance(0.3) else 1 for _ in shape]
        sizes = [n * s + 3 for n, s in zip(shape, steps)]
        self.bytes = np.full(int(np.prod(sizes)) * dtype.itemsize + 64, GUARD, np.uint8)
        offset = dtype.itemsize * draw.int(0, 64 // dtype.itemsize)
        memory = self.bytes[offset : len(self.bytes) - 64 + offset].view(dtype)
        whole = memory.reshape([sizes[i] for i in order]).transpose(np.argsort(order))
        self.view = whole[tuple(slice(1, 1 + n * s, s) for n, s in zip(shape, steps))]
        if draw.chance(0.1):
            self.view = np.flip(self.view)

    def check(self):
        result = self.view.copy()
        self.view[...] = np.frombuffer(bytes([GUARD]) * self.view.itemsize, self.view.dtype)[0]
        if not (self.bytes == GUARD).all():
            raise Difference(f"{(self.bytes != GUARD).sum()} bytes beside the result were written")
        return result


def compare(trial, i, result, dtype, exact, tier):
    """That result `i`, channels first, is what is expected."""
    expected = trial.expected[i]
    if result.shape != expected.shape or result.dtype != dtype:
        raise Difference(f"result {i} is {result.dtype} {result.shape}, not {dtype} {expected.shape}")
    if exact or dtype.kind in "iu":
        with np.errstate(all="ignore"):
            expected = expected.astype(dtype)
        same = (result == expected) | ((result != result) & (expected != expected))
        if not same.all():
            at = tuple(int(n) for n in np.argwhere(~same)[0])
            raise Difference(
                f"{(~same).sum()} of {same.size} elements of result {i} differ; at {at} "
                f"{result[at]}, not {expected[at]}"
            )
        return
    result = cases.wide(result)
    finite = np.isfinite(expected)
    if not (
        (result == expected) | ~np.isfinite(result) & np.isnan(expected) & np.isnan(result) | finite
    ).all():
        raise Difference(f"result {i} is not finite in other places or ways")
    if not np.isfinite(result[finite]).all():
        raise Difference(f"result {i} is not finite where it should be")
    bound = trial.bounds[i][finite] if trial.bounds else np.abs(expected[finite])
    tolerance = max(TOLERANCES.get(dtype.name, 1e-12), tier)
    limit = tolerance * bound.max(initial=0) + 4096 * float(
        np.finfo(dtype_of_parts(dtype)).smallest_subnormal
    )
    off = np.abs(result[finite] - expected[finite]).max(initial=0)
    if not off <= limit:
        raise Difference(f"result {i} is off by {off:.3g}, where {limit:.3g} is allowed")


def dtype_of_parts(dtype):
    return (
        np.dtype(np.float32) if dtype.name in ("bfloat16", "float16") else np.zeros(0, dtype).real.dtype
    )


def overflows(trial, dtype):
    """Whether integers that do not fit are to be expected; None if they may be."""
    if dtype.kind not in "iu":
        return False
    limits = np.iinfo(dtype)
    if any(
        y.size and (y.max() > limits.max or y.min() < limits.min)
        for y in trial.expected
        if y.dtype.kind in "fO"
    ):
        return True
    return None if trial.bounds else False


def attempt(seed, index, told=None):
    """Make case `seed`:`index`, run it and compare; its words go to the list `told`."""
    draw = cases.Draw(seed, index)
    make = draw.rng.choice(
        list(cases.OPERATIONS),
        p=np.array(list(cases.OPERATIONS.values())) / sum(cases.OPERATIONS.values()),
    )
    ndim = draw.one(1, 2, 2, 3)
    told = [] if told is None else told
    told.append(f"{make.__name__} {ndim}d")
    with np.errstate(all="ignore"):
        trial = make(draw, ndim)
    last = trial.formats and draw.chance(0.5)
    bare = trial.unbatched and draw.chance(0.3) and all(len(x) == 1 for x in trial.arrays.values())
    arrays = {}
    for name, x in trial.arrays.items():
        x = in_format(x, last)
        arrays[name] = view(draw, x[0] if bare else x)
    arrays |= {name: view(draw, x) for name, x in trial.others.items()}
    options = dict(trial.options)
    if last:
        options["data_format"] = "channels_last"
    if bare and "input_size" in options:
        options["input_size"] = options["input_size"][1:]
    if "input_size" in options and last:
        size = options["input_size"]
        options["input_size"] = (
            *size[: len(size) - ndim - 1],
            *size[len(size) - ndim :],
            size[len(size) - ndim - 1],
        )
    dtype = (trial.dtypes or [next(iter(trial.arrays.values())).dtype])[0]
    level, threads = draw.one(*isa.available()), draw.int(1, 5)
    algorithm = (
        draw.one(None, *(room.name for room in rooms(make)), "direct") if draw.chance(0.7) else None
    )
    tier = draw.one("high", "medium") if algorithm is None and draw.chance(0.15) else "highest"
    told += [str(dtype), level, f"{threads} threads", str(algorithm), tier, f"{options}"]
    told += [f"{name}={x.dtype.str}{x.shape}" for name, x in arrays.items()]
    guard = None
    if trial.out and draw.chance(0.5):
        shape = in_format(trial.expected[0], last).shape
        guard = Guarded(draw, shape[1:] if bare else shape, dtype)
    plans = draw.chance(0.3)
    before = {name: x.copy() for name, x in arrays.items()}
    with isa.use(level), fastconv.config(threads=threads, algorithm=algorithm, precision=tier):
        ran = run(trial, arrays, options, guard, dtype, last, bare, algorithm, tier, plans)
    for name, x in arrays.items():
        if x.tobytes() != before[name].tobytes():
            raise Difference(f"{name} was written to")
    return make.__name__, ran


def rooms(make):
    kinds = {"conv": "conv", "conv_transpose": "conv", "conv_gradients": "conv"}
    kind = kinds.get(make.__name__)
    return registry.rooms_for(kind) if kind else ()


def run(trial, arrays, options, guard, dtype, last, bare, algorithm, tier, plans):
    """Call, by a plan too, and compare; how many calls were made, 0 where the algorithm was refused."""
    out = {} if guard is None else {trial.out: guard.view}
    must = overflows(trial, dtype)
    try:
        results = trial.function(**arrays, **options, **out)
    except ValueError as refusal:
        if algorithm and any(words in str(refusal) for words in REFUSALS):
            return 0
        raise
    except OverflowError:
        if must is False:
            raise
        return 1
    if must:
        raise Difference("integers that do not fit were no error")
    exact = trial.bounds is None or (trial.whole and sums_directly(algorithm))
    check(trial, results, guard, dtype, last, bare, exact, TIERS[tier])
    name = (
        trial.function.__name__
        if trial.function.__module__ != "fastconv.grad"
        else f"grad.{trial.function.__name__}"
    )
    if not plans or not family_of(name) or trial.out == "output":
        return 1
    plan = fastconv.plan(trial.function, **arrays, **options)
    data = [arrays[key] for key in plan._data]
    check(trial, plan(*data, **out), guard, dtype, last, bare, exact, TIERS[tier])
    return 2


def sums_directly(algorithm):
    """Whether sums of small integers are exact by this algorithm."""
    named = [room for room in registry.rooms_for("conv") if registry.matches(room, algorithm)]
    return bool(algorithm) and algorithm != "separable" and all(room.local for room in named)


def check(trial, results, guard, dtype, last, bare, exact, tier):
    results = list(results) if isinstance(results, tuple) else [results]
    if len(results) != len(trial.expected):
        raise Difference(f"{len(results)} results, not {len(trial.expected)}")
    if guard is not None:
        if results[0] is not guard.view:
            raise Difference("out= is not what was returned")
        results[0] = guard.check()
    for i, result in enumerate(results):
        if trial.in_layout[i]:
            result = result[None] if bare else result
            result = np.moveaxis(result, -1, 1) if last else result
        compare(trial, i, result, (trial.dtypes or [dtype] * len(results))[i], exact, tier)


def failure(seed, index):
    """None, or the line that repeats a case that fails; and (operation, calls made)."""
    told = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return None, attempt(seed, index, told)
    except Exception as error:
        words = " ".join(" ".join(told).split())
        what = " ".join(f"{type(error).__name__}: {error}".split())
        if "-v" in sys.argv:
            traceback.print_exc()
        return f"python -m tests.fuzz --case {seed}:{index}  # {what} -- {words}", (told[0], 0)


def main():
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--case", help="SEED:INDEX, a single case")
    parser.add_argument("-v", action="store_true", help="tracebacks")
    options = parser.parse_args()
    faulthandler.enable()
    with every_thread():
        if options.case:
            line, _ = failure(*map(int, options.case.split(":")))
            print(line or "as it should be")
            return bool(line)
        calls, failed = Counter(), 0
        end = time.monotonic() + 60 * options.minutes
        for index in itertools.count():
            if time.monotonic() > end:
                break
            print(f"\r{options.seed}:{index} ", end="", file=sys.stderr, flush=True)
            line, (name, made) = failure(options.seed, index)
            calls[name] += made
            if line:
                failed += 1
                print(f"\n{line}", flush=True)
        print(f"\n{index} cases, {calls.total()} calls, {failed} failures: {dict(calls)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())

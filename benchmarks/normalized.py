"""Normalised convolution beside astropy: ``python -m benchmarks.normalized`` (needs astropy).

The same data, in turn; the best time of each. ``--into docs/scipy.md`` writes the table between its markers.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np

import fastconv
from benchmarks.peers.report import put
from benchmarks.scipy_names import best

# (shape, kernel); a tenth of the elements is missing.
CASES = (
    ((100_000,), (101,)), ((1024, 1024), (17, 17)), ((512, 512), (15, 15)), ((256, 256), (49, 49)),
    ((64, 64, 64), (5, 5, 5)),
)  # fmt: skip


def times(shape, kernel, seconds):
    """(astropy's seconds, ours) of one case."""
    from astropy.convolution import convolve

    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape), rng.random(kernel)
    x[rng.random(shape) < 0.1] = np.nan
    ours = getattr(fastconv, f"normalized_conv{len(shape)}d")
    calls = (
        lambda: convolve(x, w, boundary="fill"),
        lambda: ours(x[None], w[None, None], padding="same", flip=True),
    )
    found = [9e9, 9e9]
    for _ in range(2):
        found = [min(known, best(call, seconds / 2)) for known, call in zip(found, calls)]
    return found


def table(threads, seconds):
    """Markdown: a row per case."""
    lines = ["| array | kernel | astropy | ours | ratio |", "|---|---|---:|---:|---:|"]
    with fastconv.config(threads=threads):
        for shape, kernel in CASES:
            theirs, ours = times(shape, kernel, seconds)
            sizes = ("x".join(map(str, s)) for s in (shape, kernel))
            lines.append(
                f"| {' | '.join(sizes)} | {1e3 * theirs:.3g} ms | {1e3 * ours:.3g} ms | {theirs / ours:.3g} |"
            )
    return "\n".join(lines) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.normalized", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="threads of fastconv (2)")
    parser.add_argument("--seconds", type=float, default=0.5, help="timed per library and case (0.5)")
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # of astropy, about NaN
    put({"normalized": table(options.threads, options.seconds)}, options.into, parser)


if __name__ == "__main__":
    main()

"""fastconv.ndimage and fastconv.signal beside SciPy: ``python -m benchmarks.scipy_names``.

Every function on the same data, in turn; the best time of each. ``--into docs/scipy.md`` writes the tables
between their markers.
"""

import argparse
import sys
from math import exp, log
from pathlib import Path
from time import perf_counter

import numpy as np
import scipy.ndimage
import scipy.signal

import fastconv
import fastconv.ndimage
import fastconv.signal
from benchmarks.peers.report import put

IMAGES = ((1024, 1024), (128, 128, 128))
DTYPES = ("float32", "float64", "uint8")


def filters(shape, dtype):
    """(label, name, arguments, keywords) of filters for arrays of a shape and dtype."""
    rng = np.random.default_rng(0)
    x = (255 * rng.random(shape)).astype(dtype)
    kernel, taps = rng.standard_normal((5,) * len(shape)), rng.standard_normal(9)
    y, z = np.ogrid[-7:8, -7:8]
    cases = [
        ("gaussian_filter, sigma 2", (2,)), ("gaussian_filter1d, sigma 3, last axis", (3,)),
        ("gaussian_filter1d, sigma 3, first axis", (3, 0)), ("gaussian_laplace, sigma 2", (2,)),
        ("gaussian_gradient_magnitude, sigma 2", (2,)), ("uniform_filter, 5", (5,)),
        ("uniform_filter1d, 9", (9,)), ("sobel", ()), ("prewitt", ()), ("laplace", ()),
        ("maximum_filter, 5", (5,)), ("minimum_filter, 15", (15,)), ("maximum_filter1d, 31", (31,)),
        ("grey_dilation, 7", (7,)), ("correlate, 5 each way", (kernel,)), ("convolve, 5 each way", (kernel,)),
        ("correlate1d, 9", (taps,)),
    ]  # fmt: skip
    calls = [(label, label.split(",")[0], (x, *args), {}) for label, args in cases]
    if len(shape) == 2:
        calls.append(
            ("maximum_filter, disk of 15", "maximum_filter", (x,), {"footprint": y * y + z * z <= 49})
        )
    return calls


def signals(dtype):
    """The same of functions of `scipy.signal`."""
    rng = np.random.default_rng(0)

    def data(*shape):
        return rng.standard_normal(shape).astype(dtype)

    cases = [
        ("convolve", (data(10), data(3)), {}), ("convolve", (data(1000), data(31)), {}),
        ("convolve", (data(100_000), data(101)), {}), ("convolve", (data(1_000_000), data(501)), {}),
        ("convolve", (data(100_000), data(44_101)), {}), ("convolve", (data(256, 256), data(15, 15)), {}),
        ("convolve", (data(64, 64, 64), data(5, 5, 5)), {}), ("correlate", (data(10), data(3)), {}),
        ("correlate", (data(100_000), data(101)), {}), ("correlate", (data(512, 512), data(9, 9)), {"mode": "same"}),
        ("fftconvolve", (data(10), data(5)), {}), ("fftconvolve", (data(100_000), data(1000)), {}),
        ("fftconvolve", (data(512, 512), data(31, 31)), {"mode": "same"}),
        ("fftconvolve", (data(64, 10_000), data(1, 200)), {"axes": 1}),
        ("oaconvolve", (data(1_000_000), data(500)), {}), ("oaconvolve", (data(10), data(5)), {}),
        ("convolve2d", (data(5, 5), data(3, 3)), {}),
        ("convolve2d", (data(256, 256), data(5, 5)), {"mode": "same", "boundary": "symm"}),
        ("correlate2d", (data(512, 512), data(11, 11)), {"mode": "valid"}),
        ("lfilter", (data(5), 1, data(10)), {}), ("lfilter", (data(65), 1, data(1_000_000)), {}),
        ("lfilter", (data(65), 1, data(20_000, 64)), {"axis": 0}), ("upfirdn", (data(5), data(10)), {"up": 2}),
        ("upfirdn", (data(101), data(100_000)), {"down": 4}), ("upfirdn", (data(201), data(16, 20_000)), {"up": 3, "down": 2}),
        ("resample_poly", (data(10), 2, 1), {}), ("resample_poly", (data(100_000), 160, 147), {}),
        ("resample_poly", (data(20_000, 16), 2, 3), {}), ("decimate", (data(1_000_000), 10), {"ftype": "fir"}),
    ]  # fmt: skip
    calls = []
    for name, args, kwargs in cases:
        sizes = ", ".join("x".join(map(str, np.shape(a))) if np.ndim(a) else str(a) for a in args)
        more = "".join(f", {key}={value}" for key, value in kwargs.items())
        calls.append((f"{name}: {sizes}{more}", name, args, kwargs))
    return calls


def recipes():
    """Calls of `docs/scipy.md` with the arrays of that page: those of ndimage, and those of signal."""
    rng = np.random.default_rng(0)
    recording, taps = rng.standard_normal((48_000, 2)), np.ones(65) / 65
    rows, own = rng.standard_normal((64, 10_000)), rng.standard_normal((64, 200))
    stack, picture = (rng.random(shape, dtype=np.float32) for shape in ((50, 256, 256), (480, 640, 3)))
    return [
        ("`correlate1d(recording, b, axis=0)`", "correlate1d", (recording, taps), {"axis": 0, "mode": "constant"}),
        ("`gaussian_filter(stack, 2, axes=(1, 2))`", "gaussian_filter", (stack, 2), {"axes": (1, 2)}),
        ("`gaussian_filter(picture, 2, axes=(0, 1))`", "gaussian_filter", (picture, 2), {"axes": (0, 1)}),
    ], [
        ("`lfilter(b, 1, recording, axis=0)`", "lfilter", (taps, 1, recording), {"axis": 0}),
        ("`oaconvolve(rows, filters, axes=1)`", "oaconvolve", (rows, own), {"axes": 1}),
    ]  # fmt: skip


def best(call, seconds):
    """The shortest of the times of calls that go on for `seconds`; two calls at least."""
    call()
    shortest, end = 9e9, perf_counter() + seconds
    for number in range(1 << 20):
        start = perf_counter()
        call()
        stop = perf_counter()
        shortest = min(shortest, stop - start)
        if number and stop > end:
            break
    return shortest


def compare(theirs, ours, calls, seconds):
    """(label, SciPy's seconds, ours) of every call, in two rounds."""
    rows = []
    for label, name, args, kwargs in calls:
        print(f"\r\x1b[K{label}", end="", file=sys.stderr, flush=True)
        times = [9e9, 9e9]
        for _ in range(2):
            for i, module in enumerate((theirs, ours)):
                function = getattr(module, name)
                times[i] = min(times[i], best(lambda: function(*args, **kwargs), seconds / 2))
        rows.append((label, *times))
    print("\r\x1b[K", end="", file=sys.stderr)
    return rows


def table(columns):
    """Markdown: a row per call, and for each of the columns {name: rows} SciPy's time over ours."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for label in dict.fromkeys(row[0] for rows in columns.values() for row in rows):
        found = ({row[0]: row for row in rows}.get(label) for rows in columns.values())
        cells = ("" if row is None else f"{1e3 * row[2]:.3g} ms, {row[1] / row[2]:.3g}" for row in found)
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    means = (exp(sum(log(row[1] / row[2]) for row in rows) / len(rows)) for rows in columns.values())
    lines.append("| **geometric mean** | " + " | ".join(f"**{mean:.3g}**" for mean in means) + " |")
    return "\n".join(lines) + "\n"


def headline(columns):
    """The mean over all columns, and the least."""
    ratios = [row[1] / row[2] for rows in columns.values() for row in rows]
    mean = exp(sum(map(log, ratios)) / len(ratios))
    return f"geometric mean {mean:.3g}, least {min(ratios):.3g}, of {len(ratios)}"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scipy_names", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="threads of fastconv (2)")
    parser.add_argument(
        "--seconds", type=float, default=0.3, help="timed per function and library (0.3)"
    )
    parser.add_argument("--into", type=Path, help="a document with markers; else the screen")
    options = parser.parse_args(arguments)
    tables = {}
    with fastconv.config(threads=options.threads):
        for shape in IMAGES:
            columns = {
                dtype: compare(scipy.ndimage, fastconv.ndimage, filters(shape, dtype), options.seconds)
                for dtype in DTYPES
            }  # fmt: skip
            size = "x".join(map(str, shape))
            print(f"ndimage, {size}: {headline(columns)}", file=sys.stderr)
            tables[f"ndimage-{size}"] = table(columns)
        columns = {
            dtype: compare(scipy.signal, fastconv.signal, signals(dtype), options.seconds)
            for dtype in DTYPES[:2]
        }  # fmt: skip
        print(f"signal: {headline(columns)}", file=sys.stderr)
        tables["signal"] = table(columns)
        of_images, of_signals = recipes()
        rows = compare(scipy.ndimage, fastconv.ndimage, of_images, options.seconds)
        rows += compare(scipy.signal, fastconv.signal, of_signals, options.seconds)
        tables["recipes"] = table({"time": rows})
    put(tables, options.into, parser)


if __name__ == "__main__":
    main()

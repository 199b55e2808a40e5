"""Errors of every precision against float64: ``python -m benchmarks.precision``.

Prints a table of relative L2 errors: im2col with a float32 matrix product, PyTorch if it is
installed, direct sums, and Winograd's convolution and split products in each tier. Split products
need a tile unit; without one, run with ``FASTCONV_ISA=amx-emulated``: the errors are those of the
real one.
"""

import argparse

import numpy as np

import fastconv
from fastconv._kernels import isa

SHAPES = {  # (input, weight, stride)
    "first layer": ((1, 3, 56, 56), (64, 3, 7, 7), 2),
    "64 channels, 1x1": ((1, 64, 28, 28), (64, 64, 1, 1), 1),
    "64 channels, 3x3": ((1, 64, 28, 28), (64, 64, 3, 3), 1),
    "128 channels, 3x3": ((1, 128, 28, 28), (128, 128, 3, 3), 1),
    "256 channels, 3x3": ((1, 256, 14, 14), (256, 256, 3, 3), 1),
    "512 channels, 3x3": ((1, 512, 7, 7), (128, 512, 3, 3), 1),
    "2048 channels, 1x1": ((1, 2048, 7, 7), (64, 2048, 1, 1), 1),
    "2048 channels, 5x5": ((1, 2048, 5, 5), (32, 2048, 5, 5), 1),
}
DATA = {
    "normal": lambda rng, a: a,
    "positive": lambda rng, a: abs(a),
    "1e±20": lambda rng, a: a * 10.0 ** rng.uniform(-20, 20, a.shape),
}
SPLIT = "split_bfloat16"


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="shapes whose name contains this")
    options = parser.parse_args(arguments)
    columns = contenders()
    print(f"| data | shape | terms | {' | '.join(columns)} |")
    print(f"|---|---|---{'|---' * len(columns)}|")
    for kind in DATA:
        for name, (size, weight, stride) in SHAPES.items():
            if options.only in name:
                errors = (
                    "" if e is None else f"{e:.1e}"
                    for e in row(kind, size, weight, stride, columns.values())
                )  # fmt: skip
                terms = int(np.prod(weight[1:]))
                print(f"| {kind} | {name} | {terms} | {' | '.join(errors)} |", flush=True)


def contenders():
    """Heading -> function of (x, w, padding, stride)."""
    columns = {"im2col + sgemm": ours("im2col")}
    try:
        import torch
    except ImportError:
        pass
    else:
        columns[f"torch {torch.__version__}"] = lambda x, w, padding, stride: (
            torch.nn.functional.conv2d(
                *map(torch.from_numpy, (x, w)), None, stride, padding
            ).numpy()
        )
    columns["direct"] = ours("direct")
    for tier in ("highest", "high"):
        columns[f"winograd, {tier}"] = ours("winograd" if tier == "highest" else "winograd_4x4", tier)
    if isa.has_tile_unit():
        for tier in ("highest", "high", "medium"):
            columns[f"split, {tier}"] = ours(SPLIT, tier)
    return columns


def ours(algorithm, precision="highest"):
    return lambda x, w, padding, stride: fastconv.conv2d(
        x, w, padding=padding, stride=stride, algorithm=algorithm, precision=precision
    )


def row(kind, size, weight, stride, functions):
    """Relative L2 errors, None of what refuses; inputs are of the kind, weights normal or positive."""
    rng = np.random.default_rng(0)
    x = DATA[kind](rng, rng.standard_normal(size)).astype(np.float32)
    w = rng.standard_normal(weight)
    w = (abs(w) if kind == "positive" else w).astype(np.float32)
    padding = weight[2] // 2
    truth = fastconv.conv2d(x.astype("f8"), w.astype("f8"), padding=padding, stride=stride)
    for function in functions:
        try:
            y = function(x, w, padding, stride)
        except ValueError:
            yield None
        else:
            yield np.linalg.norm(y - truth) / np.linalg.norm(truth)


if __name__ == "__main__":
    main()

"""A map of choices: ``python -m benchmarks.map_choices docs/filters.png``.

For filters of one picture, over the size of the kernel and that of the picture: which algorithm is the
fastest as measured, and which the model takes.
"""

from . import serial_blas  # noqa: F401, isort: skip

import argparse
import sys

import numpy as np

import fastconv
from fastconv._algorithms import registry

from . import timing

KERNELS = (3, 5, 7, 9, 11, 15, 21, 31, 45, 63)
PICTURES = (32, 64, 128, 256, 512, 1024, 2048)
SECONDS = 0.03  # for one algorithm
# Algorithms predicted to take this many times longer than the fastest are not timed.
HOPELESS = 4


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", help="the picture to write; its suffix decides the format")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    maps = {}
    with fastconv.config(threads=options.threads):
        for name in ("a kernel of full rank", "a Gaussian"):
            maps[name] = [[_cell(name, kernel, size) for size in PICTURES] for kernel in KERNELS]
    print(file=sys.stderr)
    _draw(maps, options.path, options.threads)


def _cell(name, kernel, size):
    """(the fastest algorithm, that of the model, how much longer that takes)."""
    print(f"\r{name}, {kernel} x {kernel} on {size} x {size}    ", end="", file=sys.stderr, flush=True)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 1, size, size)).astype(np.float32)
    w = rng.standard_normal((kernel, kernel)).astype(np.float32)
    if name == "a Gaussian":
        w = fastconv.filters.gaussian(kernel / 6, radius=kernel // 2)
    args, keywords = (x, w[None, None]), {"padding": "same", "padding_mode": "reflect"}
    chosen = fastconv.explain(fastconv.conv2d, *args, **keywords).algorithm
    general = fastconv.explain(fastconv.conv2d, x, w[None, None].shape, **keywords).candidates
    able = {row.algorithm: row.predicted for row in general if row.predicted is not None}
    limit = HOPELESS * min(able.values())
    timed = [name for name, seconds in able.items() if seconds <= limit and name != "reference"]
    if name == "a Gaussian":
        timed.append("separable")
    seconds = {}
    for algorithm in dict.fromkeys([*timed, chosen]):
        plan = fastconv.plan(fastconv.conv2d, *args, algorithm=algorithm, **keywords)
        out = plan(x)
        seconds[algorithm] = timing.burst(lambda: plan(x, out=out), SECONDS).minimum
    best = min(seconds, key=seconds.get)
    return best, chosen, seconds[chosen] / seconds[best]


def _draw(maps, path, threads):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import patches, pyplot

    order = [room.name for room in registry.ROOMS]
    found = {name for rows in maps.values() for row in rows for cell in row for name in cell[:2]}
    names = sorted(found, key=order.index)
    colours = dict(zip(names, pyplot.colormaps["Set2"].colors))
    figure, grid = pyplot.subplots(len(maps), 2, figsize=(11, 4.2 * len(maps)), squeeze=False)
    for axes, (title, rows) in zip(grid, maps.items()):
        for axis, which, label in zip(axes, (0, 1), ("measured", "chosen by the model")):
            for i, row in enumerate(rows):
                for j, cell in enumerate(row):
                    axis.add_patch(patches.Rectangle((j, i), 1, 1, color=colours[cell[which]]))
                    if which and cell[2] > 1.05:
                        axis.text(j + 0.5, i + 0.5, f"{cell[2]:.2f}", ha="center", va="center", fontsize=8)
            axis.set_xlim(0, len(PICTURES))
            axis.set_ylim(0, len(KERNELS))
            axis.set_xticks(np.arange(len(PICTURES)) + 0.5, PICTURES)
            axis.set_yticks(np.arange(len(KERNELS)) + 0.5, KERNELS)
            axis.set_title(f"{title}: {label}", fontsize=10)
            axis.set_xlabel("side of the picture")
            axis.set_ylabel("side of the kernel")
    handles = [patches.Patch(color=colours[name], label=name) for name in names]
    figure.legend(handles=handles, ncols=len(names), frameon=False, loc="lower center")
    from fastconv._core.processor import processor

    figure.suptitle(
        f"The fastest algorithm, float32, {threads} threads, {processor()}. Numbers: how many times "
        "longer the model's choice takes", fontsize=10,
    )  # fmt: skip
    figure.tight_layout(rect=(0, 0.04, 1, 0.98))
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()

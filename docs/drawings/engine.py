"""Drawings of how the algorithms work."""

import numpy as np
from matplotlib import pyplot as plt

import fastconv

from .style import (
    BLUE,
    GREEN,
    INK,
    LIGHT_BLUE,
    LIGHT_GREEN,
    LIGHT_ORANGE,
    LIGHT_PURPLE,
    LINE,
    ORANGE,
    PALE,
    PURPLE,
    RED,
    arrow,
    blank,
    cell,
    frame,
    label,
)


def call():
    figure, axis = plt.subplots(figsize=(9, 2.9))
    blank(axis, 61, 18)
    steps = (
        (0, "conv2d(x, w, b)", LIGHT_BLUE, "arguments"),
        (13, "parsed call", LIGHT_ORANGE, "checked once,\nthen looked up"),
        (26, "planner", LIGHT_GREEN, "asks every room:\nable? how long?"),
        (39, "room", LIGHT_PURPLE, "packs weights,\ncuts boxes"),
        (52, "tiles", PALE, "sums in registers,\nbias and ReLU"),
    )
    for x, name, color, text in steps:
        cell(axis, x, 3, name, color, width=9, height=4, size=9)
        label(axis, x + 4.5, 10, text, size=8)
        if x:
            arrow(axis, (x - 3.8, 5), (x - 0.2, 5))
    arrow(axis, (17.5, 2.8), (43.5, 2.8), LINE, bend=-0.16)
    label(axis, 30.5, 0.2, "seen before", size=8, color=LINE)
    axis.set_ylim(12.5, -1)
    return figure


def tile():
    figure, axis = plt.subplots(figsize=(8, 3.5))
    blank(axis, 33, 14)
    for r in range(7):
        cell(axis, 0, 3 + r, f"x{r}", LIGHT_BLUE, size=8, width=1.6)
        for v, color in enumerate((LIGHT_ORANGE, LIGHT_GREEN)):
            cell(axis, 3 + 8.4 * v, 3 + r, "", color, width=8)
            for lane in range(1, 8):
                axis.plot((3 + 8.4 * v + lane,) * 2, (3 + r, 4 + r), color=LINE, lw=0.3)
    for v, color in enumerate((LIGHT_ORANGE, LIGHT_GREEN)):
        for lane in range(8):
            cell(axis, 3 + 8.4 * v + lane, 0.8, f"w{8 * v + lane}", color, size=6)
    label(
        axis,
        11.2,
        0.1,
        "weights of one tap and channel: neighbouring filters in the lanes of two vectors",
        size=8,
    )
    label(axis, 0.8, 2.4, "pixels", size=8)
    label(
        axis,
        11.2,
        10.8,
        "accumulators: pixels x filters, in registers over all taps and channels",
        size=8,
    )
    arrow(axis, (19.9, 6.5), (22, 6.5))
    label(axis, 27.6, 5.2, "each step: load two vectors,", size=9)
    label(axis, 27.6, 6.5, "broadcast each pixel,", size=9)
    label(axis, 27.6, 7.8, "one multiply-add per cell", size=9)
    axis.set_ylim(12, -0.8)
    return figure


def boxes():
    figure, axis = plt.subplots(figsize=(8.5, 3.4))
    blank(axis, 34, 13.6)
    colors = (LIGHT_BLUE, LIGHT_ORANGE)
    for i in range(6):
        row, column = divmod(i, 2)
        cell(
            axis, 1 + 5 * column, 1 + 3.4 * row, f"box {i}", colors[i >= 3], width=5, height=3.4, size=9
        )
    frame(axis, 0.4, 0.4, 6.2, 4.6, RED, lw=1.5, ls="--")
    label(axis, 6, 12.4, "outputs of one image; dashed: inputs of box 0", size=8)
    for i in range(4):
        cell(
            axis,
            15,
            1.5 + 2 * i,
            f"filters {16 * i} to {16 * i + 15}",
            LIGHT_GREEN,
            width=7,
            height=2,
            size=8,
        )
    label(axis, 18.5, 12.4, "shares of the filters", size=8)
    for i in range(6):
        for share in range(4):
            cell(axis, 25 + 1.4 * i, 1.5 + 2 * share, "", colors[i >= 3], width=1.4, height=2)
    label(axis, 29.2, 12.4, "tasks: one share of one box,\ncolours: two threads", size=8)
    label(axis, 12.9, 5.5, "x", size=13)
    label(axis, 23.5, 5.5, "=", size=13)
    return figure


def winograd():
    figure, axis = plt.subplots(figsize=(9, 3))
    blank(axis, 36, 11)

    def square(x, y, n, color, text, below):
        for i in range(n):
            for j in range(n):
                cell(axis, x + j, y + i, "", color)
        label(axis, x + n / 2, y - 0.7, text, size=9)
        label(axis, x + n / 2, y + n + 0.8, below, size=8)

    square(0, 1.5, 4, LIGHT_BLUE, "inputs", "4x4")
    square(0.5, 8, 3, LIGHT_GREEN, "", "")
    label(axis, 2, 11.6, "kernel, 3x3", size=8)
    square(9, 1.5, 4, LIGHT_BLUE, "points", "sums and differences")
    square(9, 7.5, 4, LIGHT_GREEN, "", "")
    label(axis, 11, 12.2, "points, once per kernel", size=8)
    arrow(axis, (4.4, 3.5), (8.6, 3.5))
    arrow(axis, (4.4, 9.5), (8.6, 9.5))
    square(20, 4.3, 4, LIGHT_ORANGE, "products", "16, summed over channels")
    arrow(axis, (13.4, 3.7), (19.6, 5.8))
    arrow(axis, (13.4, 9.3), (19.6, 7))
    square(31, 5.3, 2, LIGHT_PURPLE, "outputs", "2x2")
    arrow(axis, (24.4, 6.3), (30.6, 6.3))
    axis.set_ylim(13, 0)
    return figure


def split():
    figure, axis = plt.subplots(figsize=(9, 3))
    blank(axis, 48, 15)

    def bits(x, y, fields):
        for width, text, color in fields:
            cell(axis, x, y, text, color, width=width, height=1.8, size=8)
            x += width

    bits(
        0,
        1,
        ((1, "", LIGHT_GREEN), (8, "exponent", LIGHT_BLUE), (23, "23 bits of fraction", LIGHT_ORANGE)),
    )
    label(axis, 33, 1.9, "float32: 24 significant bits", ha="left", size=9)
    for i in range(3):
        y, x = 4.6 + 2.8 * i, 8 * i
        part = ((1, "", LIGHT_GREEN), (8, "exponent", LIGHT_BLUE), (7, "7 bits", LIGHT_ORANGE))
        bits(x, y, part)
        label(axis, x + 16.6, y + 0.9, f"x{i + 1}", ha="left", size=9)
    label(
        axis, 35.5, 7.6, "three bfloat16,\n8 significant bits each:\nx = x1 + x2 + x3", ha="left", size=9
    )
    axis.set_ylim(13, 0.4)
    return figure


def overlap_save():
    figure, axis = plt.subplots(figsize=(9, 2.9))
    blank(axis, 49, 12.6)
    cell(axis, 0, 0.6, "signal", PALE, width=49, height=1.4)
    taps, block = 4, 16
    for i in range(4):
        x, y = i * (block - taps + 1), 2.8 + 1.9 * i
        if x + block > 49:
            x = 49 - block
        cell(axis, x, y, "", LIGHT_BLUE, width=block, height=1.4)
        cell(axis, x, y, "", "#d9d9d9", width=taps - 1, height=1.4)
        label(axis, x + (taps - 1 + block) / 2, y + 0.7, f"outputs of block {i}", size=8)
    label(
        axis,
        24.5,
        11.6,
        "each block is transformed, multiplied by the kernel's spectrum, transformed back;",
        size=8,
    )
    label(
        axis,
        24.5,
        12.6,
        "grey: the kernel's length less one, where a block wraps around, left out",
        size=8,
    )
    return figure


def prices():
    """Times that the cost model predicts; nothing is measured."""
    sizes = (3, 5, 7, 9, 11, 15, 21, 25, 31, 41)
    colors = {
        "direct_windows": GREEN, "direct_planes": BLUE, "im2col": PURPLE, "fft_blocks": ORANGE,
        "fft_library": RED, "direct_pixels": LINE,
    }  # fmt: skip
    predicted, taken = {name: [] for name in colors}, []
    with fastconv.config(threads=1, deterministic=True):
        for size in sizes:
            told = fastconv.explain(fastconv.conv2d, (1, 512, 512), (1, 1, size, size), padding="same")
            rows = {row.algorithm: row.predicted for row in told.candidates}
            for name in colors:
                predicted[name].append(1e3 * (rows.get(name) or np.nan))
            taken.append((size, 1e3 * rows[told.algorithm]))
    figure, axis = plt.subplots(figsize=(7, 4))
    for name, times in predicted.items():
        axis.loglog(sizes, times, color=colors[name], label=name, marker="o", ms=3)
    axis.plot(*zip(*taken), "o", ms=10, mfc="none", mec=INK, label="chosen", ls="none")
    axis.set(xlabel="kernel, size x size", ylabel="predicted ms", xticks=sizes, xticklabels=sizes)
    axis.minorticks_off()
    axis.legend(frameon=False, fontsize=9)
    axis.set_title(f"one channel, 512x512, one thread, level {told.level}", fontsize=10)
    return figure


DRAWINGS = (call, tile, boxes, winograd, split, overlap_save, prices)

"""Drawings of the tutorial. Numbers are computed as on its pages."""

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

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
    arrow,
    blank,
    cell,
    frame,
    grid,
    label,
)


def edge():
    image = np.zeros((6, 6), int)
    image[:, :3] = 10
    kernel = fastconv.filters.vertical_edge(dtype=int)
    result = fastconv.conv2d(image[None], kernel[None, None])[0]
    figure, axis = plt.subplots(figsize=(8, 3.3))
    blank(axis, 18, 7.2)
    grid(axis, image, 0, 0.2, color=lambda r, c: "white" if image[r, c] else "#b8b8b8")
    frame(axis, 1, 0.2, 3, 3, ORANGE)
    label(axis, 7, 3.2, "*", size=16)
    grid(axis, kernel, 8, 1.7, color=lambda r, c: ("white", PALE, "#b8b8b8")[c])
    frame(axis, 8, 1.7, 3, 3, ORANGE)
    label(axis, 12, 3.2, "=", size=16)
    grid(axis, result, 13, 1.2, color=lambda r, c: LIGHT_ORANGE if result[r, c] else "white")
    frame(axis, 14, 1.2, 1, 1, ORANGE)
    for x, text in ((3, "image, 6x6"), (9.5, "kernel, 3x3"), (15, "result, 4x4")):
        label(axis, x, 6.9, text)
    return figure


def padding():
    figure, axes = plt.subplots(1, 3, figsize=(8.5, 3.4))
    for axis, (name, pad) in zip(axes, (("valid", 0), ("same", 1), ("full", 2))):
        blank(axis, 10, 12.2)
        start = 2 - pad
        for y in range(start, 8 + pad):
            for x in range(start, 8 + pad):
                inside = 2 <= x < 8 and 2 <= y < 8
                cell(
                    axis, x, y, "", LIGHT_BLUE if inside else "white", ls="-" if inside else ":", lw=0.7
                )
        frame(axis, start, start, 3, 3, ORANGE)
        frame(axis, 8 + pad - 3, 8 + pad - 3, 3, 3, ORANGE, ls="--")
        out = 6 + 2 * pad - 2
        label(axis, 5, 11, f'"{name}"', size=11)
        label(axis, 5, 12, f"6 + {2 * pad} - 3 + 1 = {out}", size=9)
    return figure


def stride():
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.3))
    for axis, step in zip(axes, (1, 2, 3)):
        count = (7 - 3) // step + 1
        blank(axis, 7, 6.6)
        for x in range(7):
            seen = x < (count - 1) * step + 3
            cell(axis, x, 0, x, LIGHT_BLUE if seen else PALE)
        for i in range(count):
            y = 1.35 + 0.75 * i
            axis.add_patch(Rectangle((i * step, y), 3, 0.5, facecolor=LIGHT_ORANGE, edgecolor=ORANGE))
        label(axis, 3.5, 5.6, f"stride {step}: {count} outputs")
        if not seen:
            label(axis, 6.5, 1.5, "unseen", size=8, color=LINE)
    return figure


def dilation():
    figure, axes = plt.subplots(1, 3, figsize=(8, 2.9))
    for axis, step in zip(axes, (1, 2, 3)):
        blank(axis, 7, 8)
        grid(axis, np.zeros((7, 7), int), numbers=False, color=PALE)
        for y in range(3):
            for x in range(3):
                cell(axis, x * step, y * step, "", ORANGE)
        reach = 2 * step + 1
        frame(axis, 0, 0, reach, reach, INK, lw=1.5, ls="--")
        label(axis, 3.5, 7.7, f"dilation {step}: 3x3 taps over {reach}x{reach}", size=9)
    return figure


def channels():
    figure, axis = plt.subplots(figsize=(8, 3.4))
    blank(axis, 24, 10.4)

    def stack(x, y, size, colors, shift=0.6):
        for i in reversed(range(len(colors))):
            for row in range(size):
                for column in range(size):
                    cell(axis, x + column + shift * i, y + row - shift * i, "", colors[i], lw=0.6)

    rgb = ("#f4c4c4", "#c9e4c5", "#c5d3ef")
    stack(0, 2, 6, rgb)
    frame(axis, 0, 2, 3, 3, ORANGE)
    label(axis, 3.6, 9.9, "image\n3 x 6 x 6")
    for y, color in ((1.6, ORANGE), (6, GREEN)):
        stack(10, y, 3, rgb, 0.4)
        frame(axis, 10, y, 3, 3, color)
    label(axis, 8.8, 4.8, "*", size=15)
    label(axis, 11.9, 9.9, "two filters\n3 x 3 x 3 each")
    label(axis, 15.6, 4.8, "=", size=15)
    stack(17.5, 3.4, 4, (LIGHT_ORANGE, LIGHT_GREEN), 0.8)
    label(axis, 20, 9.9, "result\n2 x 4 x 4")
    return figure


def pooling():
    x = np.array([[1, 3, 2, 1], [2, 9, 1, 1], [1, 3, 2, 3], [5, 6, 1, 2]])
    y, where = fastconv.max_pool2d(x[None], 2, return_indices=True)
    colors = (LIGHT_BLUE, LIGHT_ORANGE, LIGHT_GREEN, LIGHT_PURPLE)
    figure, axis = plt.subplots(figsize=(7, 2.6))
    blank(axis, 14, 5)
    grid(axis, x, 0, 0, color=lambda r, c: colors[r // 2 * 2 + c // 2], size=11)
    for index in where.ravel():
        frame(axis, index % 4, index // 4, 1, 1, INK, lw=1.8)
    arrow(axis, (4.4, 2), (5.6, 2))
    grid(axis, y[0], 6, 1, color=lambda r, c: colors[r * 2 + c], size=11)
    arrow(axis, (8.4, 2), (9.6, 2))
    grid(axis, where[0], 10, 1, color=lambda r, c: colors[r * 2 + c], size=11)
    for at, text in ((2, "elements"), (7, "maxima"), (11, "their positions")):
        label(axis, at, 4.7, text)
    return figure


def im2col():
    x = np.arange(1, 13).reshape(1, 3, 4)
    columns = fastconv.im2col(x, (2, 2))
    w = np.array([[1, 2, 3, 4]])
    figure, axis = plt.subplots(figsize=(9, 2.9))
    blank(axis, 25, 5.8)
    grid(axis, x[0], 0, 0.5)
    frame(axis, 0, 0.5, 2, 2, ORANGE)
    frame(axis, 2, 1.5, 2, 2, BLUE)
    arrow(axis, (4.3, 2), (5.4, 2))
    grid(axis, w, 5.7, 1.5, color=LIGHT_GREEN)
    label(axis, 10.2, 2, "@", size=12)
    grid(axis, columns, 10.8, 0)
    frame(axis, 10.8, 0, 1, 4, ORANGE)
    frame(axis, 15.8, 0, 1, 4, BLUE)
    label(axis, 17.5, 2, "=", size=14)
    result = w @ columns
    grid(axis, result, 18.3, 1.5, size=8)
    frame(axis, 18.3, 1.5, 1, 1, ORANGE)
    frame(axis, 23.3, 1.5, 1, 1, BLUE)
    for at, text in (
        (2, "image"),
        (7.7, "kernel as a row"),
        (13.8, "windows as columns"),
        (21.3, "result"),
    ):
        label(axis, at, 5.2, text)
    return figure


def toeplitz():
    kernel = fastconv.filters.vertical_edge(dtype=int)[None, None]
    matrix = fastconv.as_matrix(kernel, (1, 6, 6))
    pattern = matrix.copy()
    pattern.data = np.ones_like(pattern.data)
    dense, met = matrix.toarray(), pattern.toarray()
    figure, axis = plt.subplots(figsize=(8, 3.9))
    blank(axis, 36, 17.5)
    for row in range(16):
        for column in range(36):
            if met[row, column]:
                color = {1: ORANGE, 0: "#d9d9d9", -1: BLUE}[int(dense[row, column])]
                cell(axis, column, row, "", color, lw=0.3)
    for row in range(0, 17, 4):
        axis.plot((0, 36), (row, row), color=LINE, lw=0.6)
    for column in range(0, 37, 6):
        axis.plot((column, column), (0, 16), color=LINE, lw=0.6)
    label(
        axis, 18, 17.2, "36 columns, one per input; orange 1, grey 0, blue -1, white: not stored", size=9
    )
    return figure


def transposed():
    two = np.array([[[1, 2], [3, 4]]])
    y = fastconv.conv_transpose2d(two, np.ones((1, 1, 3, 3), int), stride=2)[0]
    figure, axis = plt.subplots(figsize=(7, 2.9))
    blank(axis, 16, 6.4)
    colors = (LIGHT_BLUE, LIGHT_ORANGE, LIGHT_GREEN, LIGHT_PURPLE)
    edges = (BLUE, ORANGE, GREEN, "#8f5a85")
    grid(axis, two[0], 0, 1.6, color=lambda r, c: colors[2 * r + c], size=11)
    label(axis, 3, 2.6, "*", size=15)
    grid(axis, np.ones((3, 3), int), 4, 1.1)
    label(axis, 8.4, 2.6, "=", size=15)
    grid(
        axis,
        y,
        10,
        0.1,
        color=lambda r, c: "#d8d8d8" if r == 2 or c == 2 else colors[r // 3 * 2 + c // 3],
    )
    for i, color in enumerate(edges):
        inset = 0.07 * (i % 2 + i // 2)
        frame(
            axis,
            10 + 2 * (i % 2) + inset,
            0.1 + 2 * (i // 2) + inset,
            3 - 2 * inset,
            3 - 2 * inset,
            color,
            lw=1.8,
        )
    for at, text in ((1, "input"), (5.5, "kernel"), (12.5, "result: grey where kernels overlap")):
        label(axis, at, 6, text)
    return figure


def receptive():
    figure, axis = plt.subplots(figsize=(7.5, 2.6))
    blank(axis, 23, 7.6)
    for x, size, seen, name in (
        (0, 7, 5, "input"),
        (10, 5, 3, "after one 3x3 layer"),
        (18, 3, 1, "after two"),
    ):
        y = (7 - size) / 2
        grid(
            axis, np.zeros((size, size), int), x, y, numbers=False,
            color=lambda r, c: LIGHT_ORANGE if r < seen and c < seen else PALE,
        )  # fmt: skip
        frame(axis, x, y, seen, seen, ORANGE)
        label(axis, x + size / 2, 7.5, name, size=9)
    arrow(axis, (7.3, 3.5), (9.7, 3.5))
    arrow(axis, (15.3, 3.5), (17.7, 3.5))
    return figure


def lenet():
    figure, axis = plt.subplots(figsize=(9, 2.7))
    blank(axis, 64, 19)
    layers = (
        (0, 11, 3, LIGHT_BLUE, "image\n32x32x3"),
        (15, 9, 5, LIGHT_ORANGE, "conv 5x5\n28x28x8"),
        (28, 5, 5, LIGHT_GREEN, "max pool\n14x14x8"),
        (37, 4, 7, LIGHT_ORANGE, "conv 5x5\n10x10x16"),
        (46, 2.4, 7, LIGHT_GREEN, "max pool\n5x5x16"),
    )
    for x, size, depth, color, text in layers:
        for i in reversed(range(depth)):
            shift = 0.35 * i
            cell(axis, x + shift, 8 - size / 2 - shift + 0.6, "", color, width=size, height=size, lw=0.6)
        label(axis, x + size / 2 + 0.6, 17.4, text, size=8)
    for x, height, text in ((53.5, 13, "dense\n120"), (57.7, 9, "dense\n84"), (61.9, 3, "dense\n10")):
        cell(axis, x, 8 - height / 2, "", LIGHT_PURPLE, width=1, height=height)
        label(axis, x + 0.5, 17.4, text, size=8)
    for start, end in (
        (12.2, 14.6),
        (26, 27.6),
        (34.6, 36.6),
        (43.3, 45.6),
        (50.9, 53),
        (55, 57.2),
        (59.2, 61.4),
    ):
        arrow(axis, (start, 8), (end, 8), lw=0.9)
    return figure


DRAWINGS = (
    edge, padding, stride, dilation, channels, pooling, im2col, toeplitz, transposed, receptive, lenet
)  # fmt: skip

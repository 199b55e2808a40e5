"""Plots of the tables that stand in the pages of measurements. Nothing is measured here."""

import re
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from .style import BLUE, GREEN, INK, ORANGE, PURPLE, RED

PAGES = Path(__file__).parents[1]
NAMES = {
    "resnet50": "ResNet-50", "vgg19": "VGG-19", "alexnet": "AlexNet", "googlenet": "GoogLeNet",
    "segnet": "SegNet", "dilated": "dilated", "first": "first layers", "wavenet": "WaveNet, 1-D",
    "mobilenet_dw": "depthwise", "images": "image filters", "fir": "FIR filters", "pool": "pooling",
    "small": "small problems",
}  # fmt: skip
LAYOUTS = {"nchw": "channels first", "nhwc": "channels last"}
RATIO = "best of all / plan"


def tables(page):
    """{name: text} of the tables between markers."""
    text = (PAGES / page).read_text()
    return dict(re.findall(r"<!-- table:(\S+) -->\n(.*?)<!-- /table -->", text, re.S))


def rows(text):
    """The rows of a table, as dictionaries of texts; columns of one name keep the first."""
    lines = [line.strip()[1:-1].split("|") for line in text.splitlines() if line.startswith("|")]
    lines = [[part.strip() for part in line] for line in lines]
    head, _, *body = lines
    return [dict(reversed(list(zip(head, line)))) for line in body]


def number(text):
    """The number that a cell begins with; NaN where there is none."""
    found = re.match(r"[\d.]+(e[+-]?\d+)?", text)
    return float(found[0]) if found else np.nan


def summary(text):
    """(geometric mean, minimum) of plans beside the best of all, if the table says them."""
    found = re.search(r"^\* Best of all / plan: geometric mean ([\d.]+), minimum ([\d.]+)", text, re.M)
    return found and (float(found[1]), float(found[2]))


def sets():
    """Every set of forward problems on two threads: the mean over its problems, and the lowest."""
    found = []
    for name, text in tables("performance.md").items():
        parts = name.split("-")
        if len(parts) == 3 and parts[0] in NAMES and parts[1] == "2" and summary(text):
            found.append((parts[0], parts[2], *summary(text)))
    order = [name for name in NAMES if any(row[0] == name for row in found)]
    figure, axis = plt.subplots(figsize=(7.5, 0.42 * len(order) + 1.2))
    for layout, color, shift in (("nhwc", BLUE, 0.14), ("nchw", ORANGE, -0.14)):
        those = [row for row in found if row[1] == layout]
        y = [len(order) - order.index(row[0]) + shift for row in those]
        axis.hlines(y, [row[3] for row in those], [row[2] for row in those], color=color, lw=1.2)
        axis.plot([row[2] for row in those], y, "o", color=color, label=f"{LAYOUTS[layout]}, mean")
        axis.plot(
            [row[3] for row in those], y, "|", color=color, ms=9, label=f"{LAYOUTS[layout]}, lowest"
        )
    axis.axvline(1, color=INK, lw=1)
    axis.set(xscale="log", xlabel="time of the best of all others / time of fastconv's plan")
    axis.set_xticks(
        (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3), ("0.2", "0.3", "0.5", "0.7", "1", "1.5", "2", "3")
    )
    axis.minorticks_off()
    axis.set_yticks(range(len(order), 0, -1), [NAMES[name] for name in order])
    axis.grid(axis="x", lw=0.3)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def layers():
    """Layers of ResNet-50: the plan beside the best of all others."""
    every = tables("performance.md")
    figure, axis = plt.subplots(figsize=(8.5, 3.4))
    for layout, color in (("nhwc", BLUE), ("nchw", ORANGE)):
        body = rows(every[f"resnet50-2-{layout}"])
        names = [row["problem"].split(":")[-1] for row in body]
        ratios = [number(row[RATIO]) for row in body]
        axis.plot(range(len(body)), ratios, "o", color=color, label=LAYOUTS[layout])
    axis.axhline(1, color=INK, lw=1)
    axis.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axis.set(ylabel="best of all others / plan", ylim=(0.5, None))
    axis.grid(axis="y", lw=0.3)
    axis.legend(frameon=False, fontsize=9)
    return figure


def _times(axis, body, columns, labels):
    x, width = np.arange(len(body)), 0.8 / len(columns)
    for i, (column, (name, color)) in enumerate(columns.items()):
        times = [number(row.get(column, "")) / 1e3 for row in body]
        axis.bar(x + (i - (len(columns) - 1) / 2) * width, times, width, label=name, color=color)
    axis.set_xticks(x, labels, rotation=45, ha="right", fontsize=8)
    axis.set(yscale="log", ylabel="ms")
    axis.grid(axis="y", lw=0.3)
    axis.set_axisbelow(True)
    axis.legend(frameon=False, fontsize=8, ncols=len(columns), loc="lower left", bbox_to_anchor=(0, 1))


def images():
    """Image filters of 1024x1024 pixels: times."""
    body = [
        row
        for row in rows(tables("performance.md")["images-2-nchw"])
        if re.fullmatch(r"[a-z]+\d*/1024", row["problem"])
    ]
    figure, axis = plt.subplots(figsize=(8.5, 3.4))
    columns = {
        "fastconv": ("fastconv", BLUE), "opencv": ("OpenCV", ORANGE),
        "scipy.ndimage": ("scipy.ndimage", GREEN), "torch-packed": ("PyTorch, packed", RED),
    }  # fmt: skip
    _times(axis, body, columns, [row["problem"].split("/")[0] for row in body])
    return figure


def fir():
    """FIR filters on 100,000 samples: time over taps."""
    body = [
        row
        for row in rows(tables("performance.md")["fir-2-nchw"])
        if re.fullmatch(r"fir\d+/100000", row["problem"])
    ]
    taps = [int(re.search(r"\d+", row["problem"])[0]) for row in body]
    figure, axis = plt.subplots(figsize=(7, 3.6))
    for column, name, color in (
        ("fastconv", "fastconv", BLUE), ("opencv", "OpenCV", ORANGE), ("scipy.signal", "scipy.signal", GREEN),
        ("numpy", "NumPy", PURPLE), ("onnxruntime", "ONNX Runtime", RED),
    ):  # fmt: skip
        axis.loglog(
            taps, [number(row[column]) / 1e3 for row in body], "o-", ms=4, color=color, label=name
        )
    axis.set(xlabel="taps", ylabel="ms", xticks=taps, xticklabels=taps)
    axis.minorticks_off()
    axis.grid(lw=0.3)
    axis.legend(frameon=False, fontsize=8)
    return figure


def scipy_names():
    """Images of 1024x1024: how many times as long SciPy takes."""
    body = [row for row in rows(tables("scipy.md")["ndimage-1024x1024"]) if "mean" not in row[""]]
    names = [row[""] for row in body]
    y = np.arange(len(body))[::-1]
    figure, axis = plt.subplots(figsize=(7.5, 5))
    for column, color, marker in (
        ("float32", BLUE, "o"),
        ("float64", ORANGE, "s"),
        ("uint8", GREEN, "^"),
    ):
        axis.semilogx(
            [number(row[column].split(", ")[-1]) for row in body],
            y,
            marker,
            color=color,
            label=column,
            ms=5,
        )
    axis.set_yticks(y, names, fontsize=8)
    axis.set_xticks((1, 3, 10, 30, 100, 300), ("1", "3", "10", "30", "100", "300"))
    axis.minorticks_off()
    axis.set(xlabel="time of scipy.ndimage / time of fastconv.ndimage", xlim=(1, None))
    axis.grid(lw=0.3)
    axis.legend(frameon=False, fontsize=8)
    return figure


def overhead():
    """What a small call takes: the room, and all around it."""
    body = rows(tables("performance.md")["overhead"])
    figure, axis = plt.subplots(figsize=(8.5, 3.2))
    names, y = [row["problem"] for row in body], np.arange(len(body))[::-1]
    room, plan = (np.array([number(row[column]) for row in body]) for column in ("room", "plan"))
    axis.barh(y, room, 0.6, color=BLUE, label="plan: the room")
    axis.barh(y, plan - room, 0.6, left=room, color=ORANGE, label="plan: around it")
    for column, marker, color, name in (
        ("fastconv", "|", INK, "function"), ("onnxruntime", "d", GREEN, "ONNX Runtime"),
    ):  # fmt: skip
        axis.plot(
            [number(row[column]) for row in body], y, marker, color=color, label=name, ms=9, ls="none"
        )
    axis.set_yticks(y, names, fontsize=8)
    axis.set(xlabel="microseconds")
    axis.grid(axis="x", lw=0.3)
    axis.set_axisbelow(True)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


DRAWINGS = (sets, layers, images, fir, scipy_names, overhead)

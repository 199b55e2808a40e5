"""What the drawings share: colours, fonts, and arrays as grids of numbers."""

from matplotlib.patches import FancyArrowPatch, Rectangle

SETTINGS = {
    "svg.hashsalt": "fastconv",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}

INK = "#333333"
LINE = "#8a8a8a"
PALE = "#f2f2f2"
BLUE, ORANGE, GREEN, RED, PURPLE = "#4c78a8", "#f28e2b", "#59a14f", "#e15759", "#b07aa1"
LIGHT_BLUE, LIGHT_ORANGE, LIGHT_GREEN, LIGHT_PURPLE = "#cfdff0", "#fde0c2", "#d3e8cf", "#ead9e6"


def blank(axis, width, height):
    """An axis in units of cells, with the first row on top and nothing else to be seen."""
    axis.set(xlim=(-0.1, width + 0.1), ylim=(height + 0.1, -0.1), aspect="equal")
    axis.axis("off")


def cell(
    axis, x, y, text="", color="white", *, edge=LINE, size=9, lw=0.8, ls="-", ink=INK, width=1, height=1
):
    axis.add_patch(Rectangle((x, y), width, height, facecolor=color, edgecolor=edge, lw=lw, ls=ls))
    if text != "":
        axis.text(
            x + width / 2, y + height / 2, str(text), ha="center", va="center", fontsize=size, color=ink
        )


def grid(axis, array, x=0, y=0, *, color="white", numbers=True, size=9):
    """An array of two axes as cells; `color` is one, or a function (row, column) of them."""
    for row, line in enumerate(array):
        for column, value in enumerate(line):
            fill = color(row, column) if callable(color) else color
            cell(axis, x + column, y + row, value if numbers else "", fill, size=size)


def frame(axis, x, y, width, height, color, lw=2.2, ls="-"):
    """An empty frame around some cells."""
    axis.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=color, lw=lw, ls=ls, zorder=5))


def arrow(axis, start, end, color=INK, *, bend=0.0, lw=1.2):
    axis.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=10, color=color, lw=lw, zorder=6,
            shrinkA=0, shrinkB=0, connectionstyle=f"arc3,rad={bend}",
        )
    )  # fmt: skip


def label(axis, x, y, text, *, size=10, color=INK, **options):
    axis.text(x, y, text, fontsize=size, color=color, **{"ha": "center", "va": "center", **options})

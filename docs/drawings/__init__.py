"""Drawings of the documentation, made when it is built: ``drawings.draw(folder)``.

=========  ===================================================================
style      colours, fonts, arrays as grids of numbers
tutorial   windows, padding, strides, matrices, as the tutorial computes them
engine     how the algorithms work
measured   plots of the tables in ``performance.md`` and ``scipy.md``
=========  ===================================================================

A drawing is a function without arguments that returns a figure; its file has its name.
"""

from pathlib import Path

from matplotlib import pyplot as plt

from . import engine, measured, style, tutorial


def draw(folder):
    """Write one SVG file per drawing into `folder`; returns their paths."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    paths = []
    with plt.rc_context(style.SETTINGS):
        for drawing in (*tutorial.DRAWINGS, *engine.DRAWINGS, *measured.DRAWINGS):
            figure = drawing()
            paths.append(folder / f"{drawing.__name__}.svg")
            figure.savefig(paths[-1], bbox_inches="tight", pad_inches=0.05, metadata={"Date": None})
            plt.close(figure)
    return paths

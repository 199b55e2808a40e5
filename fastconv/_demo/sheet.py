"""Panels, captions and legends on one picture."""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import colour

GAP = 12
MARGIN = 24
CAPTION_SIZE = 17
TITLE_SIZE = 34
LINE = 1.6  # height of a line of text, in sizes of its letters
WHEEL = 64


class Panel(NamedTuple):
    """A picture and the line below it."""

    image: Image.Image
    caption: str


def from_array(pixels):
    """An image of an array (height, width, 3) of values from 0 to 255."""
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def fitted(image, size):
    """`image` at this (width, height). Large pixels stay squares, so that every value is seen."""
    growing = size[0] >= 2 * image.width
    return image.resize(size, Image.Resampling.NEAREST if growing else Image.Resampling.LANCZOS)


def compose(panels, columns, *, title="", footer=""):
    """All `panels`, of one width, row by row on one sheet."""
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    width = panels[0].image.width
    line = round(LINE * CAPTION_SIZE)
    head = round(LINE * TITLE_SIZE) if title else 0
    heights = [max(panel.image.height for panel in row) + line for row in rows]
    sheet = Image.new(
        "RGB",
        (
            2 * MARGIN + columns * (width + GAP) - GAP,
            2 * MARGIN + head + sum(heights) + GAP * (len(rows) - 1) + (line if footer else 0),
        ),
        colour.PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((MARGIN, MARGIN - 8), title, colour.INK, _font(TITLE_SIZE))
    top = MARGIN + head
    for row, height in zip(rows, heights):
        for i, panel in enumerate(row):
            left = MARGIN + i * (width + GAP)
            sheet.paste(panel.image, (left, top))
            below = (left, top + panel.image.height + 5)
            draw.text(below, panel.caption, colour.FAINT, _font(CAPTION_SIZE))
        top += height + GAP
    if footer:
        draw.text((MARGIN, top), footer, colour.FAINT, _font(CAPTION_SIZE - 3))
    return sheet


def with_wheel(image):
    """`image` with a legend in its upper left corner: the hue of every direction."""
    y, x = np.mgrid[-1 : 1 : WHEEL * 1j, -1 : 1 : WHEEL * 1j]
    radius = np.hypot(x, y)
    disc = from_array(colour.hue(np.arctan2(y, x)))
    ring = np.clip((1 - radius) * WHEEL / 4, 0, 1) * np.clip((radius - 0.45) * WHEEL / 4, 0, 1)
    image = image.copy()
    image.paste(disc, (GAP, GAP), Image.fromarray((255 * ring).astype(np.uint8)))
    return image


def _font(size):
    return ImageFont.load_default(size)

"""The photograph, as arrays."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

SHIPPED = Path(__file__).with_name("photograph.jpg")
CREDIT = "Photograph: danielbuechele, CC BY 2.0"

# SciPy takes its time on more than this; smaller than this there is nothing to see.
LONGEST_SIDE = 1024
SHORTEST_SIDE = 24
# The luma of ITU-R BT.601, the grey of JPEG.
LUMA = (0.299, 0.587, 0.114)


class Photograph(NamedTuple):
    """An image ready to be convolved; values between 0 and 1."""

    rgb: np.ndarray  # float32 (3, height, width)
    grey: np.ndarray  # float32 (1, height, width)
    credit: str  # empty for the user's own image


def load(path=None):
    """The image at `path`, or the one shipped; large ones are scaled down.

    Raises
    ------
    OSError
        If there is no such file, or it holds no image that Pillow can read.
    ValueError
        If the image is too small to show anything.
    """
    from PIL import Image, ImageOps

    with Image.open(path or SHIPPED) as file:
        image = ImageOps.exif_transpose(file).convert("RGB")
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    if min(image.size) < SHORTEST_SIDE:
        width, height = image.size
        raise ValueError(
            f"{path}: {width} x {height} pixels are too few, "
            f"each side needs {SHORTEST_SIDE} (the longest may be {LONGEST_SIDE})"
        )
    rgb = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255
    grey = np.tensordot(np.float32(LUMA), rgb, axes=1)[np.newaxis]
    return Photograph(np.ascontiguousarray(rgb), grey, "" if path else CREDIT)

"""What is computed: each operation beside SciPy's natural way to the same result."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import ndimage, signal

from .._planner import planner
from ..config import current
from ..conv import conv2d
from ..planning import plan
from ..pool import max_pool2d
from .photograph import LUMA

ORIENTATIONS = 16
GABOR_SIZE = 15
GABOR_WAVELENGTH = 7.0  # pixels
# Responses below this fraction of the strongest possible one are cut off by the ReLU.
GABOR_THRESHOLD = 0.02


class Operation(NamedTuple):
    """One line of the table."""

    title: str
    algorithm: str  # what the planner chose
    ours: Callable[[], np.ndarray]
    scipys: Callable[[], np.ndarray]


def edges(title, kernel_along, grey):
    """The gradient of `grey` (1, height, width) by the kernels ``kernel_along(axis)``."""
    kernels = np.stack([kernel_along(axis=-1), kernel_along(axis=-2)])[:, np.newaxis]

    def scipys():
        # ndimage's "reflect" repeats the edge pixel, as "symmetric" does here and in np.pad.
        planes = [ndimage.correlate(grey[0], kernel[0], mode="reflect") for kernel in kernels]
        return np.stack(planes)

    return _convolution(title, scipys, grey, kernels, padding="same", padding_mode="symmetric")


def filter_bank(title, kernels, bias, rgb):
    """`kernels` (filters, 3, size, size) over `rgb`, plus `bias`, negative responses cut off."""

    def scipys():
        reach = kernels.shape[-1] // 2
        padded = np.pad(rgb, [(0, 0), (reach, reach), (reach, reach)], mode="symmetric")
        maps = [
            sum(signal.correlate(plane, taps, mode="valid") for plane, taps in zip(padded, kernel))
            for kernel in kernels
        ]
        return np.maximum(np.stack(maps) + bias[:, np.newaxis, np.newaxis], 0)

    return _convolution(
        title, scipys, rgb, kernels, bias,
        padding="same", padding_mode="symmetric", activation="relu",
    )  # fmt: skip


def max_pooling(title, planes, window, stride):
    """The maximum of every window of `planes` (channels, height, width)."""

    def scipys():
        # Its windows are centred, ours begin at the first pixel.
        everywhere = ndimage.maximum_filter(planes, (1, window, window))
        first = window // 2
        rows, columns = (
            slice(first, first + size - window + 1, stride) for size in planes.shape[1:]
        )
        return everywhere[:, rows, columns]

    pooling = partial(max_pool2d, planes, window, stride)
    _, cache = pooling(return_cache=True)
    return Operation(title, _algorithm(cache.problem), pooling, scipys)


def _convolution(title, scipys, *operands, **options):
    problem = plan(conv2d, *operands, **options).problem
    return Operation(title, _algorithm(problem), partial(conv2d, *operands, **options), scipys)


def _algorithm(problem):
    """What computes `problem` in a call without a plan, under the settings in force."""
    return planner.choose(problem, current()).room.name


def gabor_bank():
    """Oriented colour filters: kernels (ORIENTATIONS, 3, size, size) and their bias.

    Each is a sine wave under a Gaussian bell: kernel ``i`` answers to brightness that grows in the
    direction ``2 * pi * i / ORIENTATIONS``. The colour channels count as in the luma, and the
    positive part of a kernel sums to 1.
    """
    reach = GABOR_SIZE // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angles = directions().reshape(-1, 1, 1)
    across = x * np.cos(angles) + y * np.sin(angles)
    bell = np.exp(-(x**2 + y**2) / (2 * (GABOR_SIZE / 5) ** 2))
    waves = bell * np.sin(2 * np.pi * across / GABOR_WAVELENGTH)
    waves /= np.maximum(waves, 0).sum(axis=(1, 2), keepdims=True)
    kernels = waves[:, np.newaxis] * np.reshape(LUMA, (1, 3, 1, 1))
    bias = np.full(ORIENTATIONS, -GABOR_THRESHOLD)
    return kernels.astype(np.float32), bias.astype(np.float32)


def directions():
    """The directions of the Gabor kernels in radians, from the right through downwards."""
    return 2 * np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS

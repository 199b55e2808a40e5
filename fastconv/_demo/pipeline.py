"""The operations one after the other, from photograph to results."""

from typing import NamedTuple

import numpy as np

from .. import filters
from ..pool import max_pool2d
from . import operations, race

FEATURE_WINDOW = 2
# Overlapping windows with a pixel at their centre, from which the position of a maximum is seen.
EDGE_WINDOW, EDGE_STRIDE = 11, 3


class Results(NamedTuple):
    """What the pictures show."""

    sobel: np.ndarray  # (2, height, width): derivative to the right, downwards
    magnitude: np.ndarray  # (height, width)
    scharr: np.ndarray  # (2, height, width)
    kernels: np.ndarray  # (filters, 3, size, size)
    features: np.ndarray  # (filters, height, width)
    pooled_features: np.ndarray  # (filters, height // 2, width // 2)
    pooled: np.ndarray  # maxima of `magnitude`
    argmax: np.ndarray  # their positions, flat over `magnitude`


def run(photograph, progress):
    """All operations on `photograph`.

    Parameters
    ----------
    photograph : Photograph
    progress : callable
        Called with the title of each operation before it runs.

    Returns
    -------
    outcomes : list of Outcome
    results : Results
    """
    outcomes = []

    def outcome_of(operation):
        progress(operation.title)
        outcomes.append(race.run(operation))
        return outcomes[-1].result

    grey = photograph.grey
    sobel = outcome_of(operations.edges("Sobel, 2 kernels 3 x 3", filters.sobel, grey))
    scharr = outcome_of(operations.edges("Scharr, 2 kernels 3 x 3", filters.scharr, grey))
    magnitude = np.hypot(*sobel)

    kernels, bias = operations.gabor_bank()
    size = kernels.shape[-1]
    title = f"Gabor bank, {len(kernels)} RGB kernels {size} x {size}, bias, ReLU"
    features = outcome_of(operations.filter_bank(title, kernels, bias, photograph.rgb))

    title = f"max pooling of them, {FEATURE_WINDOW} x {FEATURE_WINDOW}"
    pooled_features = outcome_of(
        operations.max_pooling(title, features, FEATURE_WINDOW, FEATURE_WINDOW)
    )
    title = f"max pooling of Sobel's magnitude, {EDGE_WINDOW} x {EDGE_WINDOW}, stride {EDGE_STRIDE}"
    plane = magnitude[np.newaxis]
    pooled = outcome_of(operations.max_pooling(title, plane, EDGE_WINDOW, EDGE_STRIDE))
    _, argmax = max_pool2d(plane, EDGE_WINDOW, EDGE_STRIDE, return_indices=True)

    results = Results(
        sobel, magnitude, scharr, kernels, features, pooled_features, pooled[0], argmax[0]
    )
    return outcomes, results

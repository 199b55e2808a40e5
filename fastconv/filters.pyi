from typing import SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike

from ._typing import Array, Floats, Ints

__all__ = [
    "box",
    "gaussian",
    "horizontal_edge",
    "laplace",
    "prewitt",
    "scharr",
    "sobel",
    "vertical_edge",
]

def sobel(
    axis: SupportsIndex = -1, ndim: SupportsIndex = 2, *, dtype: DTypeLike = np.float32
) -> Array: ...
def scharr(
    axis: SupportsIndex = -1, ndim: SupportsIndex = 2, *, dtype: DTypeLike = np.float32
) -> Array: ...
def prewitt(
    axis: SupportsIndex = -1, ndim: SupportsIndex = 2, *, dtype: DTypeLike = np.float32
) -> Array: ...
def laplace(ndim: SupportsIndex = 2, *, dtype: DTypeLike = np.float32) -> Array: ...
def gaussian(
    sigma: Floats, *, radius: Ints | None = None, truncate: SupportsFloat = 4.0,
    ndim: SupportsIndex = 2, dtype: DTypeLike = np.float32,
) -> Array: ...  # fmt: skip
def box(size: Ints, ndim: SupportsIndex = 2, *, dtype: DTypeLike = np.float32) -> Array: ...
def vertical_edge(*, dtype: DTypeLike = np.float32) -> Array: ...
def horizontal_edge(*, dtype: DTypeLike = np.float32) -> Array: ...

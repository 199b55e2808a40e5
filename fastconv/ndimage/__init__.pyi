from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

from numpy.typing import ArrayLike, DTypeLike

from .._typing import Array, Floats, Ints, Number

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "grey_dilation",
    "grey_erosion",
    "laplace",
    "maximum_filter",
    "maximum_filter1d",
    "minimum_filter",
    "minimum_filter1d",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]

_Mode: TypeAlias = Literal[
    "reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"
]
_Modes: TypeAlias = _Mode | Sequence[_Mode]

def convolve(
    input: ArrayLike, weights: ArrayLike, output: Array | DTypeLike | None = None,
    mode: _Mode = "reflect", cval: Number = 0.0, origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def convolve1d(
    input: ArrayLike, weights: ArrayLike, axis: SupportsIndex = -1,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    origin: SupportsIndex = 0,
) -> Array: ...  # fmt: skip
def correlate(
    input: ArrayLike, weights: ArrayLike, output: Array | DTypeLike | None = None,
    mode: _Mode = "reflect", cval: Number = 0.0, origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def correlate1d(
    input: ArrayLike, weights: ArrayLike, axis: SupportsIndex = -1,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    origin: SupportsIndex = 0,
) -> Array: ...  # fmt: skip
def gaussian_filter(
    input: ArrayLike, sigma: Floats, order: Ints = 0, output: Array | DTypeLike | None = None,
    mode: _Modes = "reflect", cval: Number = 0.0, truncate: SupportsFloat = 4.0, *,
    radius: Ints | None = None, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def gaussian_filter1d(
    input: ArrayLike, sigma: SupportsFloat, axis: SupportsIndex = -1, order: SupportsIndex = 0,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    truncate: SupportsFloat = 4.0, *, radius: SupportsIndex | None = None,
) -> Array: ...  # fmt: skip
def gaussian_gradient_magnitude(
    input: ArrayLike, sigma: Floats, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, *, axes: Ints | None = None, **kwargs: Any,
) -> Array: ...  # fmt: skip
def gaussian_laplace(
    input: ArrayLike, sigma: Floats, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, *, axes: Ints | None = None, **kwargs: Any,
) -> Array: ...  # fmt: skip
def grey_dilation(
    input: ArrayLike, size: Ints | None = None, footprint: ArrayLike | None = None,
    structure: ArrayLike | None = None, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def grey_erosion(
    input: ArrayLike, size: Ints | None = None, footprint: ArrayLike | None = None,
    structure: ArrayLike | None = None, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def laplace(
    input: ArrayLike, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def maximum_filter(
    input: ArrayLike, size: Ints | None = None, footprint: ArrayLike | None = None,
    output: Array | DTypeLike | None = None, mode: _Modes = "reflect", cval: Number = 0.0,
    origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def maximum_filter1d(
    input: ArrayLike, size: SupportsIndex, axis: SupportsIndex = -1,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    origin: SupportsIndex = 0,
) -> Array: ...  # fmt: skip
def minimum_filter(
    input: ArrayLike, size: Ints | None = None, footprint: ArrayLike | None = None,
    output: Array | DTypeLike | None = None, mode: _Modes = "reflect", cval: Number = 0.0,
    origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def minimum_filter1d(
    input: ArrayLike, size: SupportsIndex, axis: SupportsIndex = -1,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    origin: SupportsIndex = 0,
) -> Array: ...  # fmt: skip
def prewitt(
    input: ArrayLike, axis: SupportsIndex = -1, output: Array | DTypeLike | None = None,
    mode: _Modes = "reflect", cval: Number = 0.0,
) -> Array: ...  # fmt: skip
def sobel(
    input: ArrayLike, axis: SupportsIndex = -1, output: Array | DTypeLike | None = None,
    mode: _Modes = "reflect", cval: Number = 0.0,
) -> Array: ...  # fmt: skip
def uniform_filter(
    input: ArrayLike, size: Ints = 3, output: Array | DTypeLike | None = None, mode: _Modes = "reflect",
    cval: Number = 0.0, origin: Ints = 0, *, axes: Ints | None = None,
) -> Array: ...  # fmt: skip
def uniform_filter1d(
    input: ArrayLike, size: SupportsIndex, axis: SupportsIndex = -1,
    output: Array | DTypeLike | None = None, mode: _Mode = "reflect", cval: Number = 0.0,
    origin: SupportsIndex = 0,
) -> Array: ...  # fmt: skip

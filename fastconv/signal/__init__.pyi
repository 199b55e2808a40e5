from typing import Any, Literal, SupportsIndex, TypeAlias, overload

from numpy.typing import ArrayLike
from scipy.signal import dlti

from .._typing import Array, Ints, Number

__all__ = [
    "choose_conv_method",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "decimate",
    "fftconvolve",
    "lfilter",
    "oaconvolve",
    "resample_poly",
    "upfirdn",
]

_Mode: TypeAlias = Literal["full", "valid", "same"]
_Method: TypeAlias = Literal["direct", "fft"]
_Boundary: TypeAlias = Literal["fill", "wrap", "symm"]

@overload
def choose_conv_method(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", measure: Literal[False] = False
) -> _Method: ...
@overload
def choose_conv_method(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", measure: Literal[True] = ...
) -> tuple[_Method, dict[str, float]]: ...
def convolve(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full",
    method: Literal["auto", "direct", "fft"] = "auto",
) -> Array: ...  # fmt: skip
def convolve2d(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", boundary: _Boundary = "fill",
    fillvalue: Number = 0,
) -> Array: ...  # fmt: skip
def correlate(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full",
    method: Literal["auto", "direct", "fft"] = "auto",
) -> Array: ...  # fmt: skip
def correlate2d(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", boundary: _Boundary = "fill",
    fillvalue: Number = 0,
) -> Array: ...  # fmt: skip
def decimate(
    x: ArrayLike, q: SupportsIndex, n: SupportsIndex | None = None,
    ftype: Literal["iir", "fir"] | dlti = "iir", axis: SupportsIndex = -1, zero_phase: bool = True,
) -> Array: ...  # fmt: skip
def fftconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", axes: Ints | None = None
) -> Array: ...
@overload
def lfilter(
    b: ArrayLike, a: ArrayLike, x: ArrayLike, axis: SupportsIndex = -1, zi: None = None
) -> Array: ...
@overload
def lfilter(
    b: ArrayLike, a: ArrayLike, x: ArrayLike, axis: SupportsIndex = -1, zi: ArrayLike = ...
) -> tuple[Array, Array]: ...
def oaconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: _Mode = "full", axes: Ints | None = None
) -> Array: ...
def resample_poly(
    x: ArrayLike, up: SupportsIndex, down: SupportsIndex, axis: SupportsIndex = 0,
    window: str | tuple[Any, ...] | ArrayLike = ("kaiser", 5.0), padtype: str = "constant",
    cval: Number | None = None,
) -> Array: ...  # fmt: skip
def upfirdn(
    h: ArrayLike, x: ArrayLike, up: SupportsIndex = 1, down: SupportsIndex = 1, axis: SupportsIndex = -1,
    mode: str = "constant", cval: Number = 0,
) -> Array: ...  # fmt: skip

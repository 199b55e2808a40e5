from collections.abc import Callable
from typing import Protocol, SupportsIndex, TypeAlias

import dask.array as da
from numpy.typing import ArrayLike, DTypeLike

from ._typing import (
    Activation,
    Algorithm,
    DataFormat,
    Ints,
    Number,
    Overflow,
    Padding,
    Padding1d,
    PaddingMode,
    Precision,
    SizelessPadding,
    SizelessPadding1d,
)

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "ndimage",
]

def conv1d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error",
) -> da.Array: ...  # fmt: skip
def conv2d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error",
) -> da.Array: ...  # fmt: skip
def conv3d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error",
) -> da.Array: ...  # fmt: skip
def conv_transpose1d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding1d = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> da.Array: ...  # fmt: skip
def conv_transpose2d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> da.Array: ...  # fmt: skip
def conv_transpose3d(
    input: da.Array | ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> da.Array: ...  # fmt: skip
def max_pool1d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def max_pool2d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def max_pool3d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def avg_pool1d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def avg_pool2d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def avg_pool3d(
    input: da.Array | ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, data_format: DataFormat = "channels_first",
) -> da.Array: ...  # fmt: skip
def share_of_threads() -> int: ...

# With the arguments of those of `fastconv.ndimage`.
_OfDask: TypeAlias = Callable[..., da.Array]

class _Filters(Protocol):
    convolve: _OfDask
    convolve1d: _OfDask
    correlate: _OfDask
    correlate1d: _OfDask
    gaussian_filter: _OfDask
    gaussian_filter1d: _OfDask
    gaussian_gradient_magnitude: _OfDask
    gaussian_laplace: _OfDask
    grey_dilation: _OfDask
    grey_erosion: _OfDask
    laplace: _OfDask
    maximum_filter: _OfDask
    maximum_filter1d: _OfDask
    minimum_filter: _OfDask
    minimum_filter1d: _OfDask
    prewitt: _OfDask
    sobel: _OfDask
    uniform_filter: _OfDask
    uniform_filter1d: _OfDask

ndimage: _Filters

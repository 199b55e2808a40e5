from typing import SupportsIndex

from numpy.typing import ArrayLike, DTypeLike

from ._typing import (
    Activation,
    Algorithm,
    Array,
    DataFormat,
    Ints,
    Number,
    Overflow,
    Padding,
    Padding1d,
    PaddingMode,
    Precision,
)

def conv1d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error", out: Array | None = None,
) -> Array: ...  # fmt: skip
def conv2d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error", out: Array | None = None,
) -> Array: ...  # fmt: skip
def conv3d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
    dtype: DTypeLike | None = None, overflow: Overflow = "error", out: Array | None = None,
) -> Array: ...  # fmt: skip

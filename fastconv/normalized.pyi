from typing import Literal, SupportsIndex, overload

from numpy.typing import ArrayLike

from ._typing import Array, DataFormat, Ints, Nan, Number, Padding, Padding1d, PaddingMode

@overload
def normalized_conv1d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[False] = False,
    stride: Ints = 1, padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def normalized_conv1d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[True],
    stride: Ints = 1, padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv1d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: bool, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array | tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv2d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[False] = False,
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def normalized_conv2d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[True],
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv2d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: bool, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array | tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv3d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[False] = False,
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def normalized_conv3d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: Literal[True],
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv3d(
    input: ArrayLike, weight: ArrayLike, mask: ArrayLike | None = None, *, nan: Nan = "ignore",
    minimum_weight: float = 0.0, preserve_nan: bool = False, return_weights: bool, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, out: Array | None = None,
) -> Array | tuple[Array, Array]: ...  # fmt: skip

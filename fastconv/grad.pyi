from collections.abc import Sequence
from typing import Literal, SupportsFloat, SupportsIndex, overload

from numpy.typing import ArrayLike

from ._typing import (
    Activation,
    Algorithm,
    AllNeeds,
    Array,
    DataFormat,
    Gradients,
    Ints,
    Nan,
    Need,
    Number,
    Padding,
    Padding1d,
    PaddingMode,
    Precision,
    Shape,
    SizelessPadding,
    SizelessPadding1d,
    SomeGradients,
)
from .pool import ArgmaxCache

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "conv1d", "conv1d_input", "conv1d_weight", "conv2d", "conv2d_input", "conv2d_weight",
    "conv3d", "conv3d_input", "conv3d_weight", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "global_avg_pool", "global_lp_pool", "global_max_pool",
    "locally_connected1d", "locally_connected2d", "locally_connected3d", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "normalized_conv1d", "normalized_conv2d", "normalized_conv3d",
]  # fmt: skip

@overload
def conv1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    needs: AllNeeds = ("input", "weight", "bias"), data_format: DataFormat = "channels_first",
    padding_mode: PaddingMode = "zeros", padding_value: Number = 0, flip: bool = False,
    activation: Activation | None = None, output: ArrayLike | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *, needs: Sequence[Need],
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def conv2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, needs: Sequence[Need],
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def conv3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, needs: Sequence[Need],
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False, activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def conv_transpose1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding1d = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first", activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv_transpose1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding1d = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: Sequence[Need], data_format: DataFormat = "channels_first",
    activation: Activation | None = None, output: ArrayLike | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def conv_transpose2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first", activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv_transpose2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: Sequence[Need], data_format: DataFormat = "channels_first",
    activation: Activation | None = None, output: ArrayLike | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def conv_transpose3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first", activation: Activation | None = None,
    output: ArrayLike | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None,
) -> Gradients: ...  # fmt: skip
@overload
def conv_transpose3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, needs: Sequence[Need], data_format: DataFormat = "channels_first",
    activation: Activation | None = None, output: ArrayLike | None = None,
    precision: Precision | None = None, algorithm: Algorithm | None = None,
) -> SomeGradients: ...  # fmt: skip
@overload
def locally_connected1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first",
) -> Gradients: ...  # fmt: skip
@overload
def locally_connected1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, *, needs: Sequence[Need],
    data_format: DataFormat = "channels_first",
) -> SomeGradients: ...  # fmt: skip
@overload
def locally_connected2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first",
) -> Gradients: ...  # fmt: skip
@overload
def locally_connected2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, *, needs: Sequence[Need], data_format: DataFormat = "channels_first",
) -> SomeGradients: ...  # fmt: skip
@overload
def locally_connected3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, *, needs: AllNeeds = ("input", "weight", "bias"),
    data_format: DataFormat = "channels_first",
) -> Gradients: ...  # fmt: skip
@overload
def locally_connected3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, *, needs: Sequence[Need], data_format: DataFormat = "channels_first",
) -> SomeGradients: ...  # fmt: skip
def conv1d_input(
    input_size: Shape, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def conv2d_input(
    input_size: Shape, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def conv3d_input(
    input_size: Shape, weight: ArrayLike, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def conv1d_weight(
    input: ArrayLike, weight_size: Shape, grad_output: ArrayLike, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def conv2d_weight(
    input: ArrayLike, weight_size: Shape, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def conv3d_weight(
    input: ArrayLike, weight_size: Shape, grad_output: ArrayLike, stride: Ints = 1, padding: Padding = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def max_pool1d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_pool2d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_pool3d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def avg_pool1d(
    grad_output: ArrayLike, input_size: Shape, kernel_size: Ints, stride: Ints | None = None,
    padding: Padding1d = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def avg_pool2d(
    grad_output: ArrayLike, input_size: Shape, kernel_size: Ints, stride: Ints | None = None,
    padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def avg_pool3d(
    grad_output: ArrayLike, input_size: Shape, kernel_size: Ints, stride: Ints | None = None,
    padding: Padding = 0, ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool1d(
    grad_output: ArrayLike, input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints,
    stride: Ints | None = None, ceil_mode: bool = False, *, padding: Padding1d = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool2d(
    grad_output: ArrayLike, input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints,
    stride: Ints | None = None, ceil_mode: bool = False, *, padding: Padding = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool3d(
    grad_output: ArrayLike, input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints,
    stride: Ints | None = None, ceil_mode: bool = False, *, padding: Padding = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_max_pool1d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_max_pool2d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_max_pool3d(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_avg_pool1d(
    grad_output: ArrayLike, input_size: Shape, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_avg_pool2d(
    grad_output: ArrayLike, input_size: Shape, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_avg_pool3d(
    grad_output: ArrayLike, input_size: Shape, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def global_max_pool(
    grad_output: ArrayLike, indices_or_cache: ArrayLike | ArgmaxCache, input_size: Shape | None = None,
    *, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def global_avg_pool(
    grad_output: ArrayLike, input_size: Shape, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def global_lp_pool(
    grad_output: ArrayLike, input: ArrayLike, norm_type: SupportsFloat = 2, *,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool1d(
    grad_output: ArrayLike, indices: ArrayLike, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool2d(
    grad_output: ArrayLike, indices: ArrayLike, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool3d(
    grad_output: ArrayLike, indices: ArrayLike, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def normalized_conv1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: tuple[Literal["input"], Literal["weight"]] = ("input", "weight"), nan: Nan = "ignore",
    minimum_weight: float = 0.0, stride: Ints = 1, padding: Padding1d = 0, dilation: Ints = 1,
    groups: SupportsIndex = 1, data_format: DataFormat = "channels_first",
    padding_mode: PaddingMode = "zeros", padding_value: Number = 0, flip: bool = False,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv1d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: Sequence[Literal["input", "weight"]], nan: Nan = "ignore", minimum_weight: float = 0.0,
    stride: Ints = 1, padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False,
) -> tuple[Array | None, Array | None]: ...  # fmt: skip
@overload
def normalized_conv2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: tuple[Literal["input"], Literal["weight"]] = ("input", "weight"), nan: Nan = "ignore",
    minimum_weight: float = 0.0, stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1,
    groups: SupportsIndex = 1, data_format: DataFormat = "channels_first",
    padding_mode: PaddingMode = "zeros", padding_value: Number = 0, flip: bool = False,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv2d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: Sequence[Literal["input", "weight"]], nan: Nan = "ignore", minimum_weight: float = 0.0,
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False,
) -> tuple[Array | None, Array | None]: ...  # fmt: skip
@overload
def normalized_conv3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: tuple[Literal["input"], Literal["weight"]] = ("input", "weight"), nan: Nan = "ignore",
    minimum_weight: float = 0.0, stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1,
    groups: SupportsIndex = 1, data_format: DataFormat = "channels_first",
    padding_mode: PaddingMode = "zeros", padding_value: Number = 0, flip: bool = False,
) -> tuple[Array, Array]: ...  # fmt: skip
@overload
def normalized_conv3d(
    input: ArrayLike, weight: ArrayLike, grad_output: ArrayLike, mask: ArrayLike | None = None, *,
    needs: Sequence[Literal["input", "weight"]], nan: Nan = "ignore", minimum_weight: float = 0.0,
    stride: Ints = 1, padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1,
    data_format: DataFormat = "channels_first", padding_mode: PaddingMode = "zeros",
    padding_value: Number = 0, flip: bool = False,
) -> tuple[Array | None, Array | None]: ...  # fmt: skip

from typing import Literal, SupportsFloat, SupportsIndex, overload

from numpy.typing import ArrayLike

from ._operations.pooling import ArgmaxCache as ArgmaxCache
from ._typing import Array, DataFormat, Indices, Ints, Padding, Padding1d, Shape, WindowCounts

@overload
def max_pool1d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def max_pool1d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def max_pool1d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def max_pool1d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def max_pool2d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def max_pool2d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def max_pool2d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def max_pool2d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def max_pool3d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def max_pool3d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def max_pool3d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def max_pool3d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    dilation: Ints = 1, ceil_mode: bool = False, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
def avg_pool1d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def avg_pool2d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def avg_pool3d(
    input: ArrayLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool1d(
    input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints, stride: Ints | None = None,
    ceil_mode: bool = False, *, padding: Padding1d = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool2d(
    input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints, stride: Ints | None = None,
    ceil_mode: bool = False, *, padding: Padding = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
def lp_pool3d(
    input: ArrayLike, norm_type: SupportsFloat, kernel_size: Ints, stride: Ints | None = None,
    ceil_mode: bool = False, *, padding: Padding = 0, dilation: Ints = 1,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def adaptive_max_pool1d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def adaptive_max_pool1d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def adaptive_max_pool1d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def adaptive_max_pool1d(
    input: ArrayLike, output_size: WindowCounts, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def adaptive_max_pool2d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def adaptive_max_pool2d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def adaptive_max_pool2d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def adaptive_max_pool2d(
    input: ArrayLike, output_size: WindowCounts, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def adaptive_max_pool3d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def adaptive_max_pool3d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[True] = ..., *,
    return_cache: Literal[False] = False, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def adaptive_max_pool3d(
    input: ArrayLike, output_size: WindowCounts, return_indices: Literal[False] = False, *,
    return_cache: Literal[True], data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def adaptive_max_pool3d(
    input: ArrayLike, output_size: WindowCounts, return_indices: bool = False, *,
    return_cache: bool = False, data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
def adaptive_avg_pool1d(
    input: ArrayLike, output_size: WindowCounts, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_avg_pool2d(
    input: ArrayLike, output_size: WindowCounts, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def adaptive_avg_pool3d(
    input: ArrayLike, output_size: WindowCounts, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def global_max_pool(
    input: ArrayLike, return_indices: Literal[False] = False, *, return_cache: Literal[False] = False,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array: ...  # fmt: skip
@overload
def global_max_pool(
    input: ArrayLike, return_indices: Literal[True] = ..., *, return_cache: Literal[False] = False,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def global_max_pool(
    input: ArrayLike, return_indices: Literal[False] = False, *, return_cache: Literal[True],
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> tuple[Array, ArgmaxCache]: ...  # fmt: skip
@overload
def global_max_pool(
    input: ArrayLike, return_indices: bool = False, *, return_cache: bool = False,
    data_format: DataFormat = "channels_first", out: Array | None = None,
) -> Array | tuple[Array, Indices] | tuple[Array, ArgmaxCache]: ...  # fmt: skip
def global_avg_pool(
    input: ArrayLike, *, data_format: DataFormat = "channels_first", out: Array | None = None
) -> Array: ...
def global_lp_pool(
    input: ArrayLike, norm_type: SupportsFloat = 2, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool1d(
    input: ArrayLike, indices: ArrayLike, kernel_size: Ints, stride: Ints | None = None,
    padding: Ints = 0, output_size: Shape | None = None, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool2d(
    input: ArrayLike, indices: ArrayLike, kernel_size: Ints, stride: Ints | None = None,
    padding: Ints = 0, output_size: Shape | None = None, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip
def max_unpool3d(
    input: ArrayLike, indices: ArrayLike, kernel_size: Ints, stride: Ints | None = None,
    padding: Ints = 0, output_size: Shape | None = None, *, data_format: DataFormat = "channels_first",
    out: Array | None = None,
) -> Array: ...  # fmt: skip

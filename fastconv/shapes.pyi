from collections.abc import Sequence
from typing import NamedTuple, SupportsIndex

from ._typing import DataFormat, Ints, Padding1d, Shape, SizelessPadding1d

__all__ = [
    "ReceptiveField",
    "conv_output_shape",
    "conv_transpose_output_shape",
    "flops",
    "parameter_count",
    "pool_output_shape",
    "receptive_field",
    "same_padding",
]

def conv_output_shape(
    input_shape: Shape, weight_shape: Shape, stride: Ints = 1, padding: Padding1d = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> tuple[int, ...]: ...  # fmt: skip
def pool_output_shape(
    input_shape: Shape, kernel_size: Ints, stride: Ints | None = None, padding: Padding1d = 0,
    dilation: Ints = 1, ceil_mode: bool = False, *, data_format: DataFormat = "channels_first",
) -> tuple[int, ...]: ...  # fmt: skip
def conv_transpose_output_shape(
    input_shape: Shape, weight_shape: Shape, stride: Ints = 1, padding: SizelessPadding1d = 0,
    output_padding: Ints = 0, groups: SupportsIndex = 1, dilation: Ints = 1, *,
    data_format: DataFormat = "channels_first",
) -> tuple[int, ...]: ...  # fmt: skip
def same_padding(
    input_size: Ints, kernel_size: Ints, stride: Ints = 1, dilation: Ints = 1, *, lower: bool = False
) -> tuple[tuple[int, int], ...]: ...

class ReceptiveField(NamedTuple):
    size: int | tuple[int, ...]
    stride: int | tuple[int, ...]
    offset: int | tuple[int, ...]

def receptive_field(layers: Sequence[Sequence[SizelessPadding1d]]) -> ReceptiveField: ...
def parameter_count(weight_shape: Shape, bias: bool = True) -> int: ...
def flops(
    input_shape: Shape, weight_shape: Shape, stride: Ints = 1, padding: Padding1d = 0,
    dilation: Ints = 1, groups: SupportsIndex = 1, *, data_format: DataFormat = "channels_first",
) -> int: ...  # fmt: skip

from typing import SupportsIndex

from numpy.typing import ArrayLike

from ._typing import (
    Activation,
    Algorithm,
    Array,
    DataFormat,
    Ints,
    Precision,
    SizelessPadding,
    SizelessPadding1d,
)

def conv_transpose1d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding1d = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None, out: Array | None = None,
) -> Array: ...  # fmt: skip
def conv_transpose2d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None, out: Array | None = None,
) -> Array: ...  # fmt: skip
def conv_transpose3d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: SizelessPadding = 0, output_padding: Ints = 0, groups: SupportsIndex = 1,
    dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
    activation: Activation | None = None, precision: Precision | None = None,
    algorithm: Algorithm | None = None, out: Array | None = None,
) -> Array: ...  # fmt: skip

from numpy.typing import ArrayLike

from ._typing import Array, DataFormat, Ints, Padding, Padding1d

__all__ = ["locally_connected1d", "locally_connected2d", "locally_connected3d"]

def locally_connected1d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def locally_connected2d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip
def locally_connected3d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, *, data_format: DataFormat = "channels_first",
) -> Array: ...  # fmt: skip

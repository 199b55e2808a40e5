from typing import SupportsIndex

import jax
from jax.typing import ArrayLike

from ._typing import DataFormat, Ints, Padding, Padding1d

__all__ = ["conv1d", "conv2d", "conv3d"]

def conv1d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding1d = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first",
) -> jax.Array: ...  # fmt: skip
def conv2d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first",
) -> jax.Array: ...  # fmt: skip
def conv3d(
    input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None, stride: Ints = 1,
    padding: Padding = 0, dilation: Ints = 1, groups: SupportsIndex = 1, *,
    data_format: DataFormat = "channels_first",
) -> jax.Array: ...  # fmt: skip

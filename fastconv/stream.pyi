from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ._typing import Array, DataFormat

class Stream:
    dtype: np.dtype[Any]
    weight: Array
    latency: int
    parts: int
    position: int
    def __init__(
        self,
        weight: ArrayLike,
        *,
        channels: SupportsIndex,
        block: SupportsIndex | None = None,
        stride: SupportsIndex = 1,
        dilation: SupportsIndex = 1,
        dtype: DTypeLike | None = None,
        data_format: DataFormat = "channels_first",
        flip: bool = False,
        threads: int | None = 1,
    ) -> None: ...
    def reset(self) -> None: ...
    @property
    def state(self) -> tuple[int, Array]: ...
    @state.setter
    def state(self, state: tuple[SupportsIndex, ArrayLike]) -> None: ...
    def __call__(self, x: ArrayLike, out: Array | None = None) -> Array: ...

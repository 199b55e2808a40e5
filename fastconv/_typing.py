"""Types of arguments and results; for the stubs, as nothing imports it at run time."""

from collections.abc import Sequence
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Indices: TypeAlias = NDArray[np.int64]
Number: TypeAlias = complex | np.number[Any]

Shape: TypeAlias = Sequence[SupportsIndex]
# One for all axes, or one for each.
Ints: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
Floats: TypeAlias = SupportsFloat | Sequence[SupportsFloat]
# None for as many windows as there are elements.
WindowCounts: TypeAlias = SupportsIndex | Sequence[SupportsIndex | None] | None

# Numbers for each axis may be (before, after).
Pads: TypeAlias = SupportsIndex | Sequence[SupportsIndex | Sequence[SupportsIndex]]
Padding: TypeAlias = Pads | Literal["valid", "same", "same_lower", "full"]
Padding1d: TypeAlias = Padding | Literal["causal"]
# Of transposed convolution, where "same" would depend on the size that is asked for.
SizelessPadding: TypeAlias = Pads | Literal["valid", "full"]
SizelessPadding1d: TypeAlias = SizelessPadding | Literal["causal"]
PaddingMode: TypeAlias = Literal["zeros", "constant", "reflect", "symmetric", "replicate", "circular"]

DataFormat: TypeAlias = Literal["channels_first", "channels_last"]
Activation: TypeAlias = Literal["relu"]
Overflow: TypeAlias = Literal["error", "saturate"]
Nan: TypeAlias = Literal["ignore", "propagate"]
Precision: TypeAlias = Literal["highest", "high", "medium"]
TuningMode: TypeAlias = Literal["estimate", "measure", "wisdom"]
Denormals: TypeAlias = Literal["keep", "flush"]
Algorithm: TypeAlias = Literal[
    "direct", "fused", "winograd", "split", "im2col", "fft", "separable", "reference",
    "direct_channels", "direct_depthwise", "direct_dots", "direct_pixels", "direct_planes",
    "direct_pool_gradients", "direct_pool_slides", "direct_pool_windows", "direct_pooling",
    "direct_signals", "direct_weight", "direct_weight_panels", "direct_windows", "fft_blocks",
    "fft_library", "fused_winograd", "split_bfloat16", "winograd_4x4",
]  # fmt: skip

Need: TypeAlias = Literal["input", "weight", "weight_per_sample", "bias"]
AllNeeds: TypeAlias = tuple[Literal["input"], Literal["weight", "weight_per_sample"], Literal["bias"]]
# Gradients to input, weight and bias: all of them, or None for those that are not needed.
Gradients: TypeAlias = tuple[Array, Array, Array]
SomeGradients: TypeAlias = tuple[Array | None, Array | None, Array | None]

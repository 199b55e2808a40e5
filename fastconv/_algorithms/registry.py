"""The only list of rooms, in order of preference where estimates tie; the references come last."""

from . import (
    direct_channels,
    direct_depthwise,
    direct_dots,
    direct_pixels,
    direct_planes,
    direct_pool_gradients,
    direct_pool_slides,
    direct_pool_windows,
    direct_signals,
    direct_weight,
    direct_weight_panels,
    direct_windows,
    fft_blocks,
    fft_library,
    fused_winograd,
    im2col,
    pooling,
    reference,
    reference_pool_gradients,
    reference_pooling,
    reference_weight,
    separable,
    split_bfloat16,
    winograd,
    winograd_4x4,
)

ROOMS = (
    direct_channels,
    direct_depthwise,
    direct_pixels,
    direct_windows,
    direct_planes,
    direct_signals,
    direct_dots,
    fused_winograd,
    winograd,
    winograd_4x4,
    split_bfloat16,
    im2col,
    fft_blocks,
    fft_library,
    separable,
    direct_weight,
    direct_weight_panels,
    direct_pool_windows,
    direct_pool_slides,
    pooling,
    direct_pool_gradients,
    reference,
    reference_pooling,
    reference_pool_gradients,
    reference_weight,
)


def rooms_for(kind):
    """The rooms that take problems of `kind`."""
    return tuple(room for room in ROOMS if kind in room.kinds)


def matches(room, algorithm):
    """Whether a user's `algorithm` names this room or its family."""
    return algorithm in (room.name, room.name.partition("_")[0])


def algorithm_names():
    """What ``algorithm=`` may say: every room and every family."""
    names = [room.name for room in ROOMS]
    return tuple(dict.fromkeys([name.partition("_")[0] for name in names] + names))

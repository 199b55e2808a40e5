"""Arithmetic of convolution and pooling: sizes, padding, receptive fields, costs. No data needed.

All functions take shapes as tuples of ints and return ints or tuples of ints. The rule behind the
sizes is ``out = (in + before + after - dilation * (kernel - 1) - 1) // stride + 1`` along each axis,
see V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning" (2016).
"""

from math import prod
from typing import NamedTuple

import numpy as np

from ._core.arguments import as_ints, as_shape, one_of
from ._core.problem import LAYOUTS
from ._core.sizes import (
    conv_output,
    effective_kernel,
    pool_output,
    resolve_padding,
    same_pair,
    sizeless_padding,
    transposed_output,
)

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
    input_shape, weight_shape, stride=1, padding=0, dilation=1, groups=1,
    *, data_format="channels_first",
):  # fmt: skip
    """Shape of the result of `conv1d`, `conv2d` or `conv3d`.

    Parameters
    ----------
    input_shape : tuple of int
        ``(N, C, *spatial)`` or unbatched ``(C, *spatial)``; for channels-last ``(N, *spatial, C)``
        or ``(*spatial, C)``.
    weight_shape : tuple of int
        ``(out_channels, C // groups, *kernel)``, in both data formats.
    stride, padding, dilation, groups, data_format
        As in `conv2d`.

    Returns
    -------
    tuple of int
        In the format of the input, batched if the input is.

    Raises
    ------
    ValueError
        If the shapes do not belong together or the kernel does not fit.
    TypeError
        If a size is not an integer.

    Examples
    --------
    >>> from fastconv.shapes import conv_output_shape
    >>> conv_output_shape((8, 3, 227, 227), (96, 3, 11, 11), stride=4)
    (8, 96, 55, 55)
    >>> conv_output_shape((227, 227, 3), (96, 3, 11, 11), stride=4, data_format="channels_last")
    (55, 55, 96)
    """
    op = "conv_output_shape"
    batch, out_channels, output, _ = _conv(
        op, input_shape, weight_shape, stride, padding, dilation, groups, data_format
    )
    return join_shape(batch, out_channels, output, data_format)


def pool_output_shape(
    input_shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False,
    *, data_format="channels_first",
):  # fmt: skip
    """Shape of the result of `max_pool2d`, `avg_pool2d` and their like.

    Parameters
    ----------
    input_shape : tuple of int
        As in `conv_output_shape`.
    kernel_size : int or tuple of int
        A tuple gives the number of spatial axes; with an int the input is taken as batched.
    stride : int or tuple of int, optional
        `kernel_size` by default.
    padding, dilation, data_format
        As in `max_pool2d`.
    ceil_mode : bool
        Count a last, partial window too, unless it would start in the padding after the input.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError, TypeError
        As `conv_output_shape`.

    Examples
    --------
    >>> from fastconv.shapes import pool_output_shape
    >>> pool_output_shape((1, 64, 112, 112), 3, stride=2, padding=1)
    (1, 64, 56, 56)
    >>> pool_output_shape((64, 7, 7), (2, 2), ceil_mode=True)
    (64, 4, 4)
    """
    op = "pool_output_shape"
    shape = as_shape(op, "input_shape", input_shape)
    ndim = kernel_axes(op, kernel_size, len(shape))
    batch, channels, sizes = split_shape(op, shape, ndim, data_format)
    kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
    stride = kernel if stride is None else as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    pads = resolve_padding(op, padding, sizes, kernel, stride, dilation)
    # A crop at the end shortens the input, and with it what a last, partial window may cover.
    kept = [size + min(after, 0) for size, (_, after) in zip(sizes, pads)]
    grown = [(before, max(after, 0)) for before, after in pads]
    output = pool_output(op, kept, kernel, stride, dilation, grown, ceil_mode)
    return join_shape(batch, channels, output, data_format)


def conv_transpose_output_shape(
    input_shape, weight_shape, stride=1, padding=0, output_padding=0, groups=1, dilation=1,
    *, data_format="channels_first",
):  # fmt: skip
    """Shape of the result of `conv_transpose1d`, `conv_transpose2d` or `conv_transpose3d`.

    Along each axis ``(in - 1) * stride - before - after + dilation * (kernel - 1) + 1 +
    output_padding``: the size of an input that `conv2d` with the same arguments reduces to ``in``.

    Parameters
    ----------
    input_shape : tuple of int
        As in `conv_output_shape`.
    weight_shape : tuple of int
        ``(C, out_channels // groups, *kernel)``, in both data formats.
    stride, padding, output_padding, groups, dilation, data_format
        As in `conv_transpose2d`. ``"same"`` would depend on the size that is asked for, so it is
        refused here.

    Returns
    -------
    tuple of int

    Raises
    ------
    ValueError, TypeError
        As `conv_output_shape`, and where `output_padding` is not smaller than stride or dilation.

    Examples
    --------
    >>> from fastconv.shapes import conv_transpose_output_shape
    >>> conv_transpose_output_shape((1, 64, 7, 7), (64, 32, 4, 4), stride=2, padding=1)
    (1, 32, 14, 14)
    """
    op = "conv_transpose_output_shape"
    weight_shape = _weight_shape(op, weight_shape)
    ndim = len(weight_shape) - 2
    in_channels, per_group, *kernel = weight_shape
    shape = as_shape(op, "input_shape", input_shape)
    batch, channels, sizes = split_shape(op, shape, ndim, data_format)
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    extra = as_ints(op, "output_padding", output_padding, ndim, 0)
    (groups,) = as_ints(op, "groups", groups, 1, 1)
    pads = sizeless_padding(op, padding, kernel, dilation)
    if channels != in_channels:
        raise ValueError(
            f"{op}: input of shape {shape} has {channels} channels, "
            f"weight of shape {weight_shape} needs {in_channels}"
        )
    if in_channels % groups:
        raise ValueError(f"{op}: groups = {groups} does not divide the {in_channels} channels")
    output = transposed_output(op, sizes, kernel, stride, dilation, pads, extra)
    return join_shape(batch, per_group * groups, output, data_format)


def same_padding(input_size, kernel_size, stride=1, dilation=1, *, lower=False):
    """The padding that makes ``ceil(input / stride)`` outputs, as ``padding="same"`` does.

    Parameters
    ----------
    input_size, kernel_size, stride, dilation : int or tuple of int
        Spatial sizes; a tuple among the first two gives the number of axes.
    lower : bool
        Put the odd element before the input instead of after it (``padding="same_lower"``).

    Returns
    -------
    tuple of (int, int)
        One (before, after) pair per axis, to be used as ``padding=``.

    Examples
    --------
    >>> from fastconv.shapes import same_padding
    >>> same_padding((224, 224), 3, stride=2)
    ((0, 1), (0, 1))
    >>> same_padding(10, 5, dilation=2)
    ((4, 4),)
    """
    op = "same_padding"
    ndim = max(_length(input_size), _length(kernel_size))
    sizes = as_ints(op, "input_size", input_size, ndim, 0)
    kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    return tuple(same_pair(*axis, lower=lower) for axis in zip(sizes, kernel, stride, dilation))


class ReceptiveField(NamedTuple):
    """What one output element of a stack of layers sees; ints, or tuples with one per axis."""

    size: int | tuple  # input elements from the first to the last one seen
    stride: int | tuple  # input elements between the fields of two neighbouring outputs
    offset: int | tuple  # first input element seen by output 0; negative in the padding


def receptive_field(layers):
    """The receptive field of a stack of convolutions and poolings.

    Parameters
    ----------
    layers : sequence of tuples
        ``(kernel, stride)``, ``(kernel, stride, dilation)`` or ``(kernel, stride, dilation,
        padding)`` per layer, the one nearest to the input first. Ints, or tuples with one int per
        axis; padding as in `conv2d`, except ``"same"``.

    Returns
    -------
    ReceptiveField
        A named tuple ``(size, stride, offset)`` of ints; of tuples if any layer has tuples.

    Notes
    -----
    The recurrences are those of A. Araujo, W. Norris and J. Sim, "Computing Receptive Fields of
    Convolutional Neural Networks", Distill (2019).

    Examples
    --------
    Two 3x3 layers see as far as one of 5x5:

    >>> from fastconv.shapes import receptive_field
    >>> receptive_field([(3, 1), (3, 1)])
    ReceptiveField(size=5, stride=1, offset=0)
    >>> receptive_field([(7, 2, 1, 3), (3, 2, 1, 1)])
    ReceptiveField(size=11, stride=4, offset=-5)
    """
    op = "receptive_field"
    rows = [_layer(op, i, layer) for i, layer in enumerate(layers)]
    ndim = max((_length(value) for row in rows for value in row[:3]), default=1)
    size, jump, offset = [1] * ndim, [1] * ndim, [0] * ndim
    for kernel, stride, dilation, padding in rows:
        kernel = as_ints(op, "kernel", kernel, ndim, 1)
        stride = as_ints(op, "stride", stride, ndim, 1)
        dilation = as_ints(op, "dilation", dilation, ndim, 1)
        pads = sizeless_padding(op, padding, kernel, dilation)
        for i in range(ndim):
            size[i] += (effective_kernel(kernel[i], dilation[i]) - 1) * jump[i]
            offset[i] -= pads[i][0] * jump[i]
            jump[i] *= stride[i]
    scalar = not any(np.iterable(value) for row in rows for value in row[:3])
    return ReceptiveField(*(v[0] if scalar else tuple(v) for v in (size, jump, offset)))


def parameter_count(weight_shape, bias=True):
    """How many numbers a layer learns, as an int: its weights, and one bias per output channel.

    Parameters
    ----------
    weight_shape : tuple of int
        ``(out_channels, in_channels // groups, *kernel)``.
    bias : bool
        Whether there is a bias.

    Examples
    --------
    >>> from fastconv.shapes import parameter_count
    >>> parameter_count((10, 3, 3, 3))
    280
    """
    shape = _weight_shape("parameter_count", weight_shape)
    return prod(shape) + (shape[0] if bias else 0)


def flops(
    input_shape, weight_shape, stride=1, padding=0, dilation=1, groups=1,
    *, data_format="channels_first",
):  # fmt: skip
    """Floating-point operations of a convolution by the direct sum, as an int.

    Every multiply-add counts as two operations, also where it meets padding; the bias is not
    counted. Parameters and errors are those of `conv_output_shape`.

    Examples
    --------
    >>> from fastconv.shapes import flops
    >>> flops((1, 64, 56, 56), (64, 64, 3, 3), padding=1)
    231211008
    """
    batch, out_channels, output, per_output = _conv(
        "flops", input_shape, weight_shape, stride, padding, dilation, groups, data_format
    )
    return 2 * prod(batch) * out_channels * prod(output) * per_output


def _conv(op, input_shape, weight_shape, stride, padding, dilation, groups, data_format):
    """Checked (batch, output channels, output sizes, multiply-adds per output) of a convolution."""
    weight_shape = _weight_shape(op, weight_shape)
    ndim = len(weight_shape) - 2
    out_channels, per_group, *kernel = weight_shape
    shape = as_shape(op, "input_shape", input_shape)
    batch, channels, sizes = split_shape(op, shape, ndim, data_format)
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    groups = check_groups(op, groups, shape, channels, weight_shape)
    pads = resolve_padding(op, padding, sizes, kernel, stride, dilation)
    output = conv_output(op, sizes, kernel, stride, dilation, pads)
    return batch, out_channels, output, per_group * prod(kernel)


def check_groups(op, groups, shape, channels, weight_shape):
    """`groups` as an int that agrees with the channels of input and weight."""
    (groups,) = as_ints(op, "groups", groups, 1, 1)
    out_channels, per_group = weight_shape[:2]
    if channels != per_group * groups:
        raise ValueError(
            f"{op}: input of shape {shape} has {channels} channels, weight of shape "
            f"{weight_shape} with groups = {groups} needs {per_group * groups}"
        )
    if out_channels % groups:
        raise ValueError(
            f"{op}: groups = {groups} does not divide the {out_channels} output channels "
            f"of weight of shape {weight_shape}"
        )
    return groups


def split_shape(op, shape, ndim, data_format):
    """(batch, channels, spatial) of an input's shape; batch is () where there is none."""
    one_of(op, "data_format", data_format, LAYOUTS)
    if len(shape) not in (ndim + 1, ndim + 2):
        raise ValueError(
            f"{op}: input of shape {shape} must have {ndim + 2} axes, "
            f"or {ndim + 1} without a batch, for a {ndim}-D kernel"
        )
    batch, rest = shape[: len(shape) - ndim - 1], shape[len(shape) - ndim - 1 :]
    if data_format == "channels_last":
        return batch, rest[-1], rest[:-1]
    return batch, rest[0], rest[1:]


def join_shape(batch, channels, spatial, data_format):
    """The inverse of `split_shape`."""
    if data_format == "channels_last":
        return (*batch, *spatial, channels)
    return (*batch, channels, *spatial)


def kernel_axes(op, kernel_size, input_ndim):
    """How many spatial axes a window has: one per entry of a tuple; an int means a batched input."""
    ndim = len(kernel_size) if np.iterable(kernel_size) else input_ndim - 2
    if not 1 <= ndim <= 3:
        raise ValueError(
            f"{op}: kernel_size {kernel_size!r} with an input of {input_ndim} axes makes "
            f"{ndim} spatial axes; there must be 1, 2 or 3"
        )
    return ndim


def _weight_shape(op, weight_shape):
    shape = as_shape(op, "weight_shape", weight_shape)
    if not 3 <= len(shape) <= 5:
        raise ValueError(
            f"{op}: weight_shape must be (out_channels, in_channels, *kernel) with 1, 2 or 3 "
            f"kernel axes, got {shape}"
        )
    if min(shape[2:]) < 1:
        raise ValueError(f"{op}: the kernel must be at least 1 on each axis, got {shape}")
    return shape


def _layer(op, i, layer):
    """One layer of `receptive_field` with its defaults filled in."""
    count = len(layer) if np.iterable(layer) and not isinstance(layer, str) else 0
    if not 2 <= count <= 4:
        raise ValueError(
            f"{op}: layer {i} must be (kernel, stride), (kernel, stride, dilation) or "
            f"(kernel, stride, dilation, padding); got {layer!r}"
        )
    return (*layer, 1, 0)[:4] if count == 2 else (*layer, 0)[:4]


def _length(value):
    return len(value) if np.iterable(value) and not isinstance(value, str) else 1

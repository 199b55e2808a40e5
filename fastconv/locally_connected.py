"""Locally connected layers: a convolution whose kernel is another one at every output position."""

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ._core import integers
from ._core.arguments import as_ints, one_of
from ._core.arrays import native
from ._core.dtypes import row_of
from ._core.problem import LAYOUTS
from ._core.processor import memory
from ._core.sizes import check_total, conv_output, effective_kernel, resolve_padding
from .shapes import join_shape, split_shape

__all__ = ["locally_connected1d", "locally_connected2d", "locally_connected3d"]

# Bytes of windows gathered at a time; a block should stay in the outer cache.
_BLOCK_BYTES = 2**22


def locally_connected1d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, *, data_format="channels_first"
):
    """1-D convolution with unshared weights; see `locally_connected2d`.

    Parameters
    ----------
    input : ndarray of shape (N, C, L)
        Or unbatched ``(C, L)``; for channels-last ``(N, L, C)`` or ``(L, C)``.
    weight : ndarray of shape (out_l, out_channels, C, kernel)
    bias : ndarray of shape (out_channels, out_l), optional

    Returns
    -------
    ndarray of shape (N, out_channels, out_l)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.locally_connected import locally_connected1d
    >>> weight = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]).reshape(3, 1, 1, 2)
    >>> locally_connected1d(np.array([[1.0, 2.0, 3.0, 4.0]]), weight)
    array([[1., 3., 7.]])
    """
    return _locally_connected(1, input, weight, bias, stride, padding, dilation, data_format)


def locally_connected2d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, *, data_format="channels_first"
):
    """2-D convolution with unshared weights: every output position has a kernel of its own.

    Parameters
    ----------
    input : ndarray of shape (N, C, H, W)
        Or unbatched ``(C, H, W)``; for channels-last ``(N, H, W, C)`` or ``(H, W, C)``.
    weight : ndarray of shape (out_h, out_w, out_channels, C, kernel_h, kernel_w)
        In both data formats. Must cast safely to the dtype of `input`.
    bias : ndarray of shape (out_channels, out_h, out_w), optional
        In both data formats. Must cast safely to the dtype of `input`.
    stride, padding, dilation, data_format
        As in `conv2d`; padding is by zeros.

    Returns
    -------
    ndarray of shape (N, out_channels, out_h, out_w)
        In the format of the input, without N if the input has none, in the dtype of the input.

    Raises
    ------
    ValueError
        If the shapes do not belong together or the kernel does not fit.
    TypeError
        If a parameter is not an integer, or a dtype is not supported or does not cast safely.
    OverflowError
        If an integer result does not fit the dtype of the input.

    Notes
    -----
    K. Gregor and Y. LeCun, "Emergence of complex-like cells in a temporal product network with
    local receptive fields" (2010). Known as ``LocallyConnected2D`` in Keras.

    Examples
    --------
    With the same kernel everywhere it is a convolution:

    >>> import numpy as np
    >>> from fastconv.locally_connected import locally_connected2d
    >>> image = np.arange(16.0).reshape(1, 4, 4)
    >>> weight = np.broadcast_to(np.ones((1, 1, 2, 2)), (3, 3, 1, 1, 2, 2))
    >>> locally_connected2d(image, weight)
    array([[[10., 14., 18.],
            [26., 30., 34.],
            [42., 46., 50.]]])
    """
    return _locally_connected(2, input, weight, bias, stride, padding, dilation, data_format)


def locally_connected3d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, *, data_format="channels_first"
):
    """3-D convolution with unshared weights; see `locally_connected2d`.

    Parameters
    ----------
    input : ndarray of shape (N, C, D, H, W)
        Or unbatched ``(C, D, H, W)``; for channels-last with C at the end.
    weight : ndarray of shape (out_d, out_h, out_w, out_channels, C, kernel_d, kernel_h, kernel_w)
    bias : ndarray of shape (out_channels, out_d, out_h, out_w), optional

    Returns
    -------
    ndarray of shape (N, out_channels, out_d, out_h, out_w)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.locally_connected import locally_connected3d
    >>> locally_connected3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 1, 4, 1, 2, 2, 2))).ravel()
    array([8., 8., 8., 8.])
    """
    return _locally_connected(3, input, weight, bias, stride, padding, dilation, data_format)


def _locally_connected(ndim, input, weight, bias, stride, padding, dilation, data_format):
    op = f"locally_connected{ndim}d"
    one_of(op, "data_format", data_format, LAYOUTS)
    x = np.asarray(input)
    row_of(op, x.dtype)
    x = native(x)
    batch, channels, sizes = split_shape(op, x.shape, ndim, data_format)
    weight = _operand(op, "weight", weight, x.dtype)
    if weight.ndim != 2 * ndim + 2 or min(weight.shape[ndim + 2 :]) < 1:
        raise ValueError(
            f"{op}: weight must have {2 * ndim + 2} axes (*output, out_channels, in_channels, "
            f"*kernel), none of the kernel's empty; got shape {weight.shape}"
        )
    out_channels, kernel = weight.shape[ndim], weight.shape[ndim + 2 :]
    stride = as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    pads = resolve_padding(op, padding, sizes, kernel, stride, dilation)
    output = conv_output(op, sizes, kernel, stride, dilation, pads)
    expected = (*output, out_channels, channels, *kernel)
    if weight.shape != expected:
        raise ValueError(
            f"{op}: input of shape {x.shape} has {channels} channels and {output} outputs, so "
            f"weight must have shape {expected}; got {weight.shape}"
        )
    if bias is not None:
        bias = _operand(op, "bias", bias, x.dtype)
        if bias.shape != (out_channels, *output):
            raise ValueError(
                f"{op}: bias must have shape {(out_channels, *output)}; got {bias.shape}"
            )
    shape = join_shape(batch, out_channels, output, data_format)
    check_total(op, "the result", shape, x.itemsize)
    padded = [n + max(before, 0) + max(after, 0) for n, (before, after) in zip(sizes, pads)]
    shape_padded = join_shape(batch, channels, padded, data_format)
    check_total(op, "the padded input", shape_padded, x.itemsize, memory())

    wide = _sum_dtype(x, weight, bias)
    batched = x if batch else x[None]
    if data_format == "channels_last":
        batched = np.moveaxis(batched, -1, 1)
    total = _products(_windows(batched, kernel, stride, dilation, pads, output), weight, wide)
    if bias is not None:
        total += bias.astype(wide)
    if data_format == "channels_last":
        total = np.moveaxis(total, 1, -1)
    result = np.empty(shape, x.dtype)
    if x.dtype.kind in "iu":
        integers.store(total.reshape(shape), result)
    else:
        result[...] = total.reshape(shape)
    return result


def _operand(op, name, array, dtype):
    """`array` if it casts safely to the input's `dtype`."""
    array = np.asarray(array)
    if not np.can_cast(array.dtype, dtype, "safe"):
        raise TypeError(
            f"{op}: {name} of dtype {array.dtype} does not cast safely to the input's {dtype}"
        )
    return array


def _sum_dtype(x, weight, bias):
    """The dtype that every sum fits."""
    if x.dtype.kind in "iu":
        terms = prod(weight.shape[weight.ndim // 2 :])
        filters = weight.reshape(-1, terms) if weight.size else np.zeros((1, 1))
        return integers.accumulator(integers.bound(x, filters, bias))
    return np.float32 if x.itemsize == 2 else x.dtype


def _windows(x, kernel, stride, dilation, pads, output):
    """Read-only view (N, C, *output, *kernel) of the padded `x`."""
    grow, crop = [(0, 0)] * 2, [slice(None)] * 2
    extent = tuple(map(effective_kernel, kernel, dilation))
    for i, (before, _) in enumerate(pads):
        # Exactly what the windows touch, whether that crops or pads.
        need = (output[i] - 1) * stride[i] + extent[i]
        grow.append((min(max(before, 0), need), max(need - before - x.shape[2 + i], 0)))
        crop.append(slice(max(-before, 0), max(-before, 0) + need))
    padded = np.pad(x, grow)[tuple(crop)]
    view = sliding_window_view(padded, extent, axis=tuple(range(2, x.ndim)))
    steps = tuple(slice(None, None, step) for step in (*stride, *dilation))
    return view[(slice(None), slice(None), *steps)]


def _products(windows, weight, wide):
    """Sums (N, out_channels, *output) of windows times weights, one matrix product per output.

    Works in blocks of rows of the output, so that the copy of the windows stays small.
    """
    ndim = (weight.ndim - 2) // 2
    batch = len(windows)
    output, out_channels = weight.shape[:ndim], weight.shape[ndim]
    terms = prod(weight.shape[ndim + 1 :])
    total = np.empty((batch, out_channels, *output), wide)
    row_bytes = batch * terms * prod(output[1:]) * np.dtype(wide).itemsize
    rows = max(_BLOCK_BYTES // max(row_bytes, 1), 1)
    for start in range(0, output[0], rows):
        kernels = weight[start : start + rows].astype(wide, copy=False)
        places = prod(kernels.shape[:ndim])
        # (places, terms, N): the windows of one place are the columns of its matrix product.
        block = np.moveaxis(windows[:, :, start : start + rows], (0, 1), (-1, ndim))
        block = block.astype(wide, order="C").reshape(places, terms, batch)
        sums = np.matmul(kernels.reshape(places, out_channels, terms), block)
        sums = sums.reshape(*kernels.shape[:ndim], out_channels, batch)
        total[:, :, start : start + rows] = np.moveaxis(sums, (-1, -2), (0, 1))
    return total

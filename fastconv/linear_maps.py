"""Convolution as linear algebra: patches as columns (im2col, col2im), kernels as sparse matrices."""

from math import prod
from typing import NamedTuple

import numpy as np

from ._core import integers
from ._core.arguments import as_array, as_ints, as_shape
from ._core.arrays import native
from ._core.dtypes import row_of
from ._core.sizes import check_total, conv_output, resolve_padding
from .shapes import check_groups, kernel_axes

__all__ = ["as_matrix", "col2im", "im2col"]


def im2col(input, kernel_size, dilation=1, padding=0, stride=1):
    """The windows of a convolution as the columns of a matrix.

    A convolution without groups is then one matrix product: ``weight.reshape(K, -1) @ columns``.

    Parameters
    ----------
    input : ndarray
        ``(N, C, *spatial)`` or unbatched ``(C, *spatial)``, with 1, 2 or 3 spatial axes.
    kernel_size : int or tuple of int
        A tuple gives the number of spatial axes; with an int the input is taken as batched, so
        that the windows of an unbatched image are ``im2col(image, (3, 3))``.
    dilation, padding, stride
        As in `conv2d`; padding is by zeros.

    Returns
    -------
    ndarray of shape (N, C * prod(kernel_size), prod(output))
        Without N for unbatched input, in the dtype of the input. A new array. Rows run over
        channels and then taps, columns over output positions, both in row-major order.

    Raises
    ------
    ValueError
        If the input has the wrong number of axes or the kernel does not fit.
    TypeError
        If a parameter is not an integer or the dtype is not supported.

    See Also
    --------
    col2im : the adjoint.

    Notes
    -----
    K. Chellapilla, S. Puri and P. Simard, "High performance convolutional neural networks for
    document processing" (2006). Known as ``torch.nn.functional.unfold`` for two axes.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.linear_maps
    >>> image = np.arange(12.0).reshape(1, 3, 4)
    >>> fastconv.linear_maps.im2col(image, (2, 2))
    array([[ 0.,  1.,  2.,  4.,  5.,  6.],
           [ 1.,  2.,  3.,  5.,  6.,  7.],
           [ 4.,  5.,  6.,  8.,  9., 10.],
           [ 5.,  6.,  7.,  9., 10., 11.]])
    """
    op = "im2col"
    input = as_array(input)
    row_of(op, input.dtype)
    input = native(input)
    ndim = kernel_axes(op, kernel_size, input.ndim)
    if input.ndim not in (ndim + 1, ndim + 2):
        raise ValueError(
            f"{op}: input of shape {input.shape} must have {ndim + 2} axes, or {ndim + 1} "
            f"without a batch, for kernel_size {kernel_size!r}"
        )
    lead, sizes = input.shape[:-ndim], input.shape[-ndim:]
    windows = _windows(op, sizes, kernel_size, dilation, padding, stride)
    shape = (*lead, *windows.kernel, *windows.output)
    check_total(op, "the result", shape, input.itemsize)
    columns = np.zeros(shape, input.dtype)
    for tap, window, image in _taps(windows):
        columns[(..., *tap, *window)] = input[(..., *image)]
    *batch, channels = lead
    return columns.reshape(*batch, channels * prod(windows.kernel), prod(windows.output))


def col2im(cols, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Sum columns back into the image whose windows they are: the adjoint of `im2col`.

    Parameters
    ----------
    cols : ndarray
        ``(N, C * prod(kernel_size), L)`` or unbatched ``(C * prod(kernel_size), L)``.
    output_size : int or tuple of int
        Spatial sizes of the image, one per axis; an int means one axis.
    kernel_size, dilation, padding, stride
        As in `im2col`; padding refers to the image.

    Returns
    -------
    ndarray of shape (N, C, *output_size)
        Without N for unbatched columns, in their dtype. Half-precision sums are rounded once.

    Raises
    ------
    ValueError
        If the columns are not those of such an image.
    TypeError
        If a parameter is not an integer or the dtype is not supported.
    OverflowError
        If a sum of integers does not fit the dtype.

    Notes
    -----
    Known as ``torch.nn.functional.fold`` for two axes. Where windows overlap, this does not invert
    `im2col`: each element comes back times the number of windows that hold it.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.linear_maps
    >>> fastconv.linear_maps.col2im(np.ones((3, 4)), (6,), (3,))
    array([[1., 2., 3., 3., 2., 1.]])
    """
    op = "col2im"
    cols = as_array(cols)
    row_of(op, cols.dtype, name="cols")
    cols = native(cols)
    if cols.ndim not in (2, 3):
        raise ValueError(
            f"{op}: cols must be (N, C * prod(kernel_size), L), or without N; "
            f"got shape {cols.shape}"
        )
    sizes = as_shape(op, "output_size", _per_axis(output_size))
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"{op}: output_size must have 1, 2 or 3 entries, got {output_size!r}")
    windows = _windows(op, sizes, kernel_size, dilation, padding, stride)
    rows, count = cols.shape[-2:]
    taps, places = prod(windows.kernel), prod(windows.output)
    channels, rest = divmod(rows, taps)
    if rest or count != places:
        raise ValueError(
            f"{op}: cols of shape {cols.shape} do not belong to output_size {sizes} with "
            f"kernel_size {windows.kernel}: the rows must be a multiple of {taps} and the columns "
            f"{places}, for outputs of {windows.output}"
        )
    lead = (*cols.shape[:-2], channels)
    check_total(op, "the result", (*lead, *sizes), cols.itemsize)
    columns = cols.reshape(*lead, *windows.kernel, *windows.output)
    total = np.zeros((*lead, *sizes), _sum_dtype(cols, taps))
    for tap, window, image in _taps(windows):
        total[(..., *image)] += columns[(..., *tap, *window)].astype(total.dtype, copy=False)
    if total.dtype == cols.dtype:
        return total
    result = np.empty(total.shape, cols.dtype)
    if cols.dtype.kind in "iu":
        integers.store(total, result)
    else:
        result[...] = total
    return result


def as_matrix(weight, input_shape, stride=1, padding=0, dilation=1, groups=1):
    """The sparse matrix that convolves: ``as_matrix(w, x.shape) @ x.ravel() == conv(x, w).ravel()``.

    In 1-D a Toeplitz matrix, in 2-D a doubly block-Toeplitz one, as far as the stride is 1. Its
    transpose is the transposed convolution.

    Parameters
    ----------
    weight : ndarray
        ``(out_channels, in_channels // groups, *kernel)``.
    input_shape : tuple of int
        ``(in_channels, *spatial)``, of one input without a batch.
    stride, padding, dilation, groups
        As in `conv2d`; padding is by zeros.

    Returns
    -------
    scipy.sparse.csr_array of shape (out_channels * prod(output), in_channels * prod(spatial))
        In the dtype of the weight, rows in canonical order. Every weight that meets an input
        element is stored, even if it is zero; padding is not stored.

    Raises
    ------
    ValueError
        If the shapes do not belong together or the kernel does not fit.
    TypeError
        If a parameter is not an integer, or SciPy has no sparse matrices of the dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv.linear_maps
    >>> weight = np.array([[[1, 2, 3]]])
    >>> fastconv.linear_maps.as_matrix(weight, (1, 5)).toarray()
    array([[1, 2, 3, 0, 0],
           [0, 1, 2, 3, 0],
           [0, 0, 1, 2, 3]])
    """
    op = "as_matrix"
    weight = as_array(weight)
    if row_of(op, weight.dtype, name="weight").family == "half":
        raise TypeError(f"{op}: SciPy has no sparse matrices of dtype {weight.dtype}")
    weight = native(weight)
    ndim = weight.ndim - 2
    shape = as_shape(op, "input_shape", input_shape)
    if not 1 <= ndim <= 3 or len(shape) != ndim + 1:
        raise ValueError(
            f"{op}: weight of shape {weight.shape} and input_shape {shape} must be "
            "(out_channels, in_channels // groups, *kernel) and (in_channels, *spatial), "
            "with 1, 2 or 3 spatial axes"
        )
    channels, *sizes = shape
    out_channels, per_group = weight.shape[:2]
    groups = check_groups(op, groups, shape, channels, weight.shape)
    windows = _windows(op, sizes, weight.shape[2:], dilation, padding, stride)
    check_total(op, "the matrix", (out_channels, *windows.output), weight.itemsize + 8)
    reaches = [_reaches(windows, axis) for axis in range(ndim)]
    rows, columns = out_channels * prod(windows.output), channels * prod(sizes)
    pairs = prod(sum(w.stop - w.start for w, _ in reach) for reach in reaches)
    stored = out_channels * per_group * pairs
    check_total(op, "the matrix", (stored,), weight.itemsize + 8)
    index = np.int32 if max(stored, rows, columns) < 2**31 else np.int64

    # The pattern is the same for every output channel but for the first channel of its group.
    inside, position = _pattern(windows, reaches, index)
    channel_offset = np.arange(per_group, dtype=index)[:, None] * prod(sizes)
    shape = (len(inside), per_group, prod(windows.kernel))
    where = np.broadcast_to(inside[:, None], shape)
    in_group = (position[:, None] + channel_offset)[where]
    taps = np.arange(prod(shape[1:]), dtype=index).reshape(shape[1:])
    data = weight.reshape(out_channels, taps.size)[:, np.broadcast_to(taps, shape)[where]]
    group = np.arange(out_channels, dtype=index) // max(out_channels // groups, 1)
    indices = in_group + group[:, None] * (per_group * prod(sizes))
    per_row = np.tile(inside.sum(1) * per_group, out_channels)
    indptr = np.concatenate([[0], np.cumsum(per_row)]).astype(index)

    from scipy.sparse import csr_array

    matrix = csr_array((data.ravel(), indices.ravel(), indptr), shape=(rows, columns))
    matrix.has_canonical_format = True
    return matrix


def _pattern(windows, reaches, index):
    """Which (output, tap) pairs meet the input, and where: two matrices, one row per output."""
    inside = np.ones((1, 1), bool)
    position = np.zeros((1, 1), index)
    for reach, size, taps, outputs in zip(reaches, windows.sizes, windows.kernel, windows.output):
        hit = np.zeros((outputs, taps), bool)
        at = np.zeros((outputs, taps), index)
        for tap, (window, image) in enumerate(reach):
            hit[window, tap] = True
            at[window, tap] = np.arange(image.start, image.stop, image.step, dtype=index)
        # Append the axis to both sides of the pattern, as in a Kronecker product.
        merged = len(inside) * outputs, inside.shape[1] * taps
        inside = (inside[:, None, :, None] & hit[:, None]).reshape(merged)
        position = (position[:, None, :, None] * size + at[:, None]).reshape(merged)
    return inside, position


class _Windows(NamedTuple):
    """Where the windows of a convolution lie, one int per axis throughout."""

    sizes: tuple
    kernel: tuple
    output: tuple
    stride: tuple
    dilation: tuple
    before: tuple  # padding before the input; negative where it is cropped


def _windows(op, sizes, kernel_size, dilation, padding, stride):
    ndim = len(sizes)
    kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    stride = as_ints(op, "stride", stride, ndim, 1)
    pads = resolve_padding(op, padding, sizes, kernel, stride, dilation)
    output = conv_output(op, sizes, kernel, stride, dilation, pads)
    before = tuple(before for before, _ in pads)
    return _Windows(tuple(sizes), kernel, output, stride, dilation, before)


def _reaches(windows, axis):
    """For every tap along an axis: the outputs that meet the input there, and what they meet.

    Output ``o`` meets element ``o * stride + shift``; both come as slices, empty in the padding.
    """
    size, stride, outputs = windows.sizes[axis], windows.stride[axis], windows.output[axis]
    reaches = []
    for tap in range(windows.kernel[axis]):
        shift = tap * windows.dilation[axis] - windows.before[axis]
        start = max(-(shift // stride), 0)
        stop = max(min((size - 1 - shift) // stride + 1, outputs), start)
        first = start * stride + shift
        image = slice(first, first + (stop - start - 1) * stride + 1, stride)
        reaches.append((slice(start, stop), image if stop > start else slice(0, 0, 1)))
    return reaches


def _taps(windows):
    """For every tap that meets the input: its index, the outputs that do, what they read."""
    reaches = [_reaches(windows, axis) for axis in range(len(windows.sizes))]
    for tap in np.ndindex(*windows.kernel):
        reach = [axis[t] for axis, t in zip(reaches, tap)]
        if all(window.stop > window.start for window, _ in reach):
            yield tap, [window for window, _ in reach], [image for _, image in reach]


def _sum_dtype(array, terms):
    """The dtype that holds any sum of `terms` elements of `array`."""
    if array.dtype.kind in "iu":
        return integers.accumulator(integers.bound(array, np.ones((1, terms))))
    return np.float32 if array.dtype.itemsize == 2 else array.dtype


def _per_axis(value):
    return value if np.iterable(value) else (value,)

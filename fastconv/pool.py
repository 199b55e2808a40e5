"""Pooling: the public functions."""

from ._operations import pooling
from ._operations.pooling import ArgmaxCache as ArgmaxCache


def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False,
    *, return_cache=False, data_format="channels_first", out=None,
):  # fmt: skip
    """Largest element under each window of signals; see `max_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).

    Returns
    -------
    ndarray, shape (N, C, L_out) or (C, L_out); a tuple of two with indices or cache

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_pool1d
    >>> max_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 2)
    array([[5., 4.]])
    """
    return pooling.max_pool(
        1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, return_cache,
        data_format, out,
    )  # fmt: skip


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False,
    *, return_cache=False, data_format="channels_first", out=None,
):  # fmt: skip
    """Largest element under each window of images.

    NaN wins over everything, padding over nothing, and of equal elements the first in row-major
    order. A window without any element gives minus infinity (the smallest integer) and index -1.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides and any real dtype. With
        ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    kernel_size : int or tuple of int
        Size of the window, one value or one per axis.
    stride : int or tuple of int, optional
        Step of the window; by default `kernel_size`, so that windows do not overlap.
    padding : int, tuple, or {"valid", "same", "same_lower", "full", "causal"}
        Of any amount. An int, one int per axis, or one (before, after) pair per axis; in pairs,
        negative values crop. ``"same"`` gives ``ceil(input / stride)`` outputs with the odd
        element at the end (``"same_lower"``: at the start).
    dilation : int or tuple of int
        Distance of neighbouring elements in a window.
    ceil_mode : bool
        Keep a last window that hangs over the end, unless it starts behind the input.
    return_indices : bool
        Also return where the maxima are.
    return_cache : bool
        Also return an `ArgmaxCache`: the same in an eighth of the memory or less.
    data_format : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides. May overlap `input`.

    Returns
    -------
    output : ndarray, shape (N, C, H_out, W_out)
        In the layout and of the dtype of `input`, without N if `input` has none.
        ``H_out = (H + before + after - dilation * (kernel_h - 1) - 1) // stride + 1``, where
        `ceil_mode` rounds up.
    indices : ndarray of int64, shape of `output`
        With `return_indices`: positions in the flat (H, W) plane of the same image and channel.
    cache : ArgmaxCache
        With `return_cache`.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_pool2d
    >>> x = np.arange(16.0).reshape(1, 4, 4)
    >>> y, indices = max_pool2d(x, 2, return_indices=True)
    >>> y[0]
    array([[ 5.,  7.],
           [13., 15.]])
    >>> indices[0]
    array([[ 5,  7],
           [13, 15]])
    """
    return pooling.max_pool(
        2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, return_cache,
        data_format, out,
    )  # fmt: skip


def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False,
    *, return_cache=False, data_format="channels_first", out=None,
):  # fmt: skip
    """Largest element under each window of volumes; see `max_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).

    Returns
    -------
    ndarray, shape (N, C, D_out, H_out, W_out), without N if `input` has none; a tuple of two
    with indices or cache

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_pool3d
    >>> max_pool3d(np.zeros((3, 4, 6, 8)), 2).shape
    (3, 2, 3, 4)
    """
    return pooling.max_pool(
        3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, return_cache,
        data_format, out,
    )  # fmt: skip


def avg_pool1d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Average under each window of signals; see `avg_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).

    Returns
    -------
    ndarray, shape (N, C, L_out) or (C, L_out)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import avg_pool1d
    >>> avg_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 2)
    array([[3., 3.]])
    """
    return pooling.avg_pool(
        1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
        dilation, data_format, out,
    )  # fmt: skip


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Average under each window of images.

    The sum of the elements, in row-major order in the dtype of `input` (half precision: in
    float32), divided once by their number.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides and any floating or complex dtype. With
        ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    count_include_pad : bool
        Count the padding among the elements of a window. What `ceil_mode` lets hang over the end
        of the padding is never counted. A window in which nothing counts averages to 0.
    divisor_override : int, optional
        Divide every sum by this instead; not 0.
    kernel_size, stride, padding, ceil_mode, dilation, data_format, out
        As in `max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, H_out, W_out)
        In the layout and of the dtype of `input`, without N if `input` has none.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed; integers have no averages.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import avg_pool2d
    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)[0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    return pooling.avg_pool(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
        dilation, data_format, out,
    )  # fmt: skip


def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Average under each window of volumes; see `avg_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).

    Returns
    -------
    ndarray, shape (N, C, D_out, H_out, W_out), without N if `input` has none

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import avg_pool3d
    >>> avg_pool3d(np.ones((3, 4, 6, 8)), 2).shape
    (3, 2, 3, 4)
    """
    return pooling.avg_pool(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
        dilation, data_format, out,
    )  # fmt: skip


def global_max_pool(input, *, data_format="channels_first"):
    """Largest element of each channel; see `max_pool2d` for NaN, dtypes and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, *spatial) with one to three spatial axes
        With ``data_format="channels_last"``, (N, *spatial, C). Always a batch.

    Returns
    -------
    ndarray, shape (N, C, 1, ...) or (N, 1, ..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import global_max_pool
    >>> global_max_pool(np.arange(24.0).reshape(1, 2, 3, 4)).tolist()
    [[[[11.0]], [[23.0]]]]
    """
    return pooling.global_pool("max_pool", input, data_format)


def global_avg_pool(input, *, data_format="channels_first"):
    """Average of each channel; see `avg_pool2d` for dtypes and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, *spatial) with one to three spatial axes
        With ``data_format="channels_last"``, (N, *spatial, C). Always a batch.

    Returns
    -------
    ndarray, shape (N, C, 1, ...) or (N, 1, ..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import global_avg_pool
    >>> global_avg_pool(np.arange(24.0).reshape(1, 2, 3, 4)).tolist()
    [[[[5.5]], [[17.5]]]]
    """
    return pooling.global_pool("avg_pool", input, data_format)

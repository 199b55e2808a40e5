"""Pooling: the public functions."""

from ._operations import pooling, unpooling
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


def lp_pool1d(
    input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Norm under each window of signals; see `lp_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).

    Returns
    -------
    ndarray, of the shape that `max_pool1d` would give

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import lp_pool1d
    >>> lp_pool1d(np.array([[3.0, 4.0, 0.0, 1.0]]), 2, 2)
    array([[5., 1.]])
    """
    return pooling.lp_pool(
        1, input, norm_type, kernel_size, stride, ceil_mode, padding, dilation, data_format, out
    )


def lp_pool2d(
    input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Norm under each window of images: ``(sum of x ** norm_type) ** (1 / norm_type)``.

    As in PyTorch, elements are raised to the power as they are: for even `norm_type` it is the
    norm; for others take the absolute values first, if there are negative elements.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides and any real floating dtype. With
        ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    norm_type : float
        The exponent, positive and finite.
    kernel_size, stride, ceil_mode, padding, dilation, data_format, out
        As in `max_pool2d`; padding adds nothing.

    Returns
    -------
    ndarray, shape (N, C, H_out, W_out)
        In the layout and of the dtype of `input`, without N if `input` has none. Half precision is
        computed in float32.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import lp_pool2d
    >>> lp_pool2d(np.array([[[3.0, 0.0], [4.0, 0.0]]]), 2, 2)
    array([[[5.]]])
    """
    return pooling.lp_pool(
        2, input, norm_type, kernel_size, stride, ceil_mode, padding, dilation, data_format, out
    )


def lp_pool3d(
    input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Norm under each window of volumes; see `lp_pool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).

    Returns
    -------
    ndarray, of the shape that `max_pool3d` would give

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import lp_pool3d
    >>> lp_pool3d(np.ones((3, 4, 6, 8)), 2, 2).shape
    (3, 2, 3, 4)
    """
    return pooling.lp_pool(
        3, input, norm_type, kernel_size, stride, ceil_mode, padding, dilation, data_format, out
    )


def adaptive_max_pool1d(
    input, output_size, return_indices=False, *, return_cache=False, data_format="channels_first",
    out=None,
):  # fmt: skip
    """Largest element of each of the windows that part signals evenly; see `adaptive_max_pool2d`.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).

    Returns
    -------
    ndarray, shape (N, C, *output_size); a tuple of two with indices or cache

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_max_pool1d
    >>> adaptive_max_pool1d(np.array([[1.0, 5.0, 2.0, 4.0, 3.0]]), 2)
    array([[5., 4.]])
    """
    return pooling.adaptive_pool(
        "max_pool", 1, input, output_size, return_indices, return_cache, data_format, out
    )


def adaptive_max_pool2d(
    input, output_size, return_indices=False, *, return_cache=False, data_format="channels_first",
    out=None,
):  # fmt: skip
    """Largest element of each of the windows that part images evenly.

    Along each axis, output ``i`` of ``n`` is about the inputs from ``floor(i * size / n)`` up to,
    but not with, ``ceil((i + 1) * size / n)``: neighbouring windows may share an element.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides and any real dtype. With
        ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    output_size : int, None, or tuple of them
        How many windows, one number or one per axis; None for as many as there are elements.
    return_indices, return_cache, data_format, out
        As in `max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, *output_size); a tuple of two with indices or cache
        In the layout and of the dtype of `input`, without N if `input` has none.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_max_pool2d
    >>> adaptive_max_pool2d(np.arange(15.0).reshape(1, 3, 5), (1, 2))
    array([[[12., 14.]]])
    """
    return pooling.adaptive_pool(
        "max_pool", 2, input, output_size, return_indices, return_cache, data_format, out
    )


def adaptive_max_pool3d(
    input, output_size, return_indices=False, *, return_cache=False, data_format="channels_first",
    out=None,
):  # fmt: skip
    """Largest element of each of the windows that part volumes evenly; see `adaptive_max_pool2d`.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).

    Returns
    -------
    ndarray, shape (N, C, *output_size); a tuple of two with indices or cache

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_max_pool3d
    >>> adaptive_max_pool3d(np.zeros((3, 4, 6, 8)), 2).shape
    (3, 2, 2, 2)
    """
    return pooling.adaptive_pool(
        "max_pool", 3, input, output_size, return_indices, return_cache, data_format, out
    )


def adaptive_avg_pool1d(input, output_size, *, data_format="channels_first", out=None):
    """Average of each of the windows that part signals evenly; see `adaptive_max_pool2d`.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        Of any floating or complex dtype. With ``data_format="channels_last"``, (N, L, C) or
        (L, C).
    output_size, data_format, out
        As in `adaptive_max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, *output_size)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_avg_pool1d
    >>> adaptive_avg_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 2)
    array([[3., 3.]])
    """
    return pooling.adaptive_pool(
        "avg_pool", 1, input, output_size, False, False, data_format, out
    )


def adaptive_avg_pool2d(input, output_size, *, data_format="channels_first", out=None):
    """Average of each of the windows that part images evenly; see `adaptive_max_pool2d`.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        Of any floating or complex dtype. With ``data_format="channels_last"``, (N, H, W, C) or
        (H, W, C).
    output_size, data_format, out
        As in `adaptive_max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, *output_size)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_avg_pool2d
    >>> adaptive_avg_pool2d(np.arange(15.0).reshape(1, 3, 5), (1, 2))
    array([[[6., 8.]]])
    """
    return pooling.adaptive_pool(
        "avg_pool", 2, input, output_size, False, False, data_format, out
    )


def adaptive_avg_pool3d(input, output_size, *, data_format="channels_first", out=None):
    """Average of each of the windows that part volumes evenly; see `adaptive_max_pool2d`.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        Of any floating or complex dtype. With ``data_format="channels_last"``, (N, D, H, W, C) or
        (D, H, W, C).
    output_size, data_format, out
        As in `adaptive_max_pool2d`.

    Returns
    -------
    ndarray, shape (N, C, *output_size)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import adaptive_avg_pool3d
    >>> adaptive_avg_pool3d(np.zeros((3, 4, 6, 8)), 2).shape
    (3, 2, 2, 2)
    """
    return pooling.adaptive_pool(
        "avg_pool", 3, input, output_size, False, False, data_format, out
    )


def global_max_pool(
    input, return_indices=False, *, return_cache=False, data_format="channels_first", out=None
):
    """Largest element of each channel; see `max_pool2d` for NaN, dtypes, options and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, *spatial) with one to three spatial axes
        With ``data_format="channels_last"``, (N, *spatial, C). Always a batch.

    Returns
    -------
    ndarray, shape (N, C, 1, ...) or (N, 1, ..., C); a tuple of two with indices or cache

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import global_max_pool
    >>> global_max_pool(np.arange(24.0).reshape(1, 2, 3, 4)).tolist()
    [[[[11.0]], [[23.0]]]]
    """
    return pooling.global_pool(
        "max_pool", input, return_indices, return_cache, None, data_format, out
    )


def global_avg_pool(input, *, data_format="channels_first", out=None):
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
    return pooling.global_pool("avg_pool", input, False, False, None, data_format, out)


def global_lp_pool(input, norm_type=2, *, data_format="channels_first", out=None):
    """Norm of each channel; see `lp_pool2d` for the norm, dtypes and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, *spatial) with one to three spatial axes
        With ``data_format="channels_last"``, (N, *spatial, C). Always a batch.
    norm_type : float
        The exponent, positive and finite.

    Returns
    -------
    ndarray, shape (N, C, 1, ...) or (N, 1, ..., C)

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import global_lp_pool
    >>> global_lp_pool(np.array([[[3.0, 4.0]]]))
    array([[[5.]]])
    """
    return pooling.global_pool("lp_pool", input, False, False, norm_type, data_format, out)


def max_unpool1d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None, *,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Signals with maxima back where they came from; see `max_unpool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).
    indices : ndarray of integers, shape of `input`

    Returns
    -------
    ndarray, of the layout and dtype of `input`

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_unpool1d
    >>> max_unpool1d(np.array([[5.0, 4.0]]), np.array([[1, 3]]), 2)
    array([[0., 5., 0., 4.]])
    """
    return unpooling.max_unpool(
        1, input, indices, kernel_size, stride, padding, output_size, data_format, out
    )


def max_unpool2d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None, *,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Images with maxima back where they came from, and zeros elsewhere.

    Undoes `max_pool2d` as far as that can be undone. Of maxima that share a place the last in
    row-major order stays; an index of -1 is of a window without any element, and places nothing.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        The maxima, of any real dtype. With ``data_format="channels_last"``, (N, H, W, C) or
        (H, W, C).
    indices : ndarray of integers, shape of `input`
        Positions in the flat plane of the same image and channel, as `max_pool2d` returns them. All
        are checked before anything is written.
    kernel_size, stride, padding
        As they were given to `max_pool2d`: one value or one per axis.
    output_size : tuple of int, optional
        Spatial sizes of the result, or its shape; by default
        ``(H - 1) * stride - 2 * padding + kernel_size`` and so on. They may differ from that by less
        than the stride, as inputs of several sizes are pooled to one.
    data_format : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides.

    Returns
    -------
    ndarray, shape (N, C, H_out, W_out)
        In the layout and of the dtype of `input`, without N if `input` has none.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, indices outside the result among them, before anything is written.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_pool2d, max_unpool2d
    >>> y, indices = max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2, return_indices=True)
    >>> max_unpool2d(y, indices, 2)[0]
    array([[ 0.,  0.,  0.,  0.],
           [ 0.,  5.,  0.,  7.],
           [ 0.,  0.,  0.,  0.],
           [ 0., 13.,  0., 15.]])
    """
    return unpooling.max_unpool(
        2, input, indices, kernel_size, stride, padding, output_size, data_format, out
    )


def max_unpool3d(
    input, indices, kernel_size, stride=None, padding=0, output_size=None, *,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Volumes with maxima back where they came from; see `max_unpool2d` for parameters and errors.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).
    indices : ndarray of integers, shape of `input`

    Returns
    -------
    ndarray, of the layout and dtype of `input`

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_unpool3d
    >>> max_unpool3d(np.ones((1, 2, 2, 2)), np.zeros((1, 2, 2, 2), int), 2).shape
    (1, 4, 4, 4)
    """
    return unpooling.max_unpool(
        3, input, indices, kernel_size, stride, padding, output_size, data_format, out
    )

"""Normalised convolution: means of what is there, where elements are missing or do not count."""

from . import _normalized


def normalized_conv1d(
    input, weight, mask=None, *, nan="ignore", minimum_weight=0.0, preserve_nan=False, return_weights=False,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False, out=None,
):  # fmt: skip
    """Normalised convolution of signals; see `normalized_conv2d` for the parameters.

    Parameters
    ----------
    input : array_like, shape (N, C, L) or (C, L)
    weight : array_like, shape (out_channels, C // groups, kernel)

    Returns
    -------
    ndarray, shape (N, out_channels, L_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.array([[1.0, np.nan, 3.0, 4.0]])
    >>> fastconv.normalized_conv1d(x, np.ones((1, 1, 3)))
    array([[2. , 3.5]])
    """
    return _normalized.convolve(
        "normalized_conv1d", 1, input, weight, mask, nan, minimum_weight, preserve_nan, return_weights,
        padding_mode, padding_value, out, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip


def normalized_conv2d(
    input, weight, mask=None, *, nan="ignore", minimum_weight=0.0, preserve_nan=False, return_weights=False,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False, out=None,
):  # fmt: skip
    """Convolution that leaves elements out and divides by the weights that remain: a weighted mean.

    Parameters
    ----------
    input : array_like, shape (N, C, H, W) or (C, H, W)
        Integers are taken as float64. Of a masked array, masked elements are left out.
    weight : array_like of real numbers, shape (out_channels, C // groups, kernel_h, kernel_w)
        In the dtype of `input`. Need not add up to 1.
    mask : array_like of bool, optional
        True where an element is left out, as in `numpy.ma`; broadcast to the shape of `input`.
    nan : {"ignore", "propagate"}
        Leave NaN out, or let it through.
    minimum_weight : float
        Results are NaN where the weights that remain have no more than this share of a filter's
        absolute weights; by default where none remain.
    preserve_nan : bool
        Results are NaN also where all elements under the middle of the kernel are left out.
    return_weights : bool
        Return the sums of the weights that remain, too.
    stride, padding, dilation, groups, data_format, flip
        As in `conv2d`.
    padding_mode, padding_value
        As in `conv2d`. Padding counts, zeros too; with ``padding_mode="constant"`` and
        ``padding_value=numpy.nan`` it is left out.
    out : ndarray, optional
        Where to write the result.

    Returns
    -------
    ndarray, shape (N, out_channels, H_out, W_out)
        With `return_weights` a tuple: the result, and the sums of weights.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments.

    Notes
    -----
    H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR (1993), with
    certainties of 0 and 1. With ``padding="same"`` and one filter, what
    ``astropy.convolution.convolve(..., nan_treatment="interpolate")`` gives for symmetric kernels.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(9.0).reshape(1, 3, 3); x[0, 1, 1] = np.nan
    >>> fastconv.normalized_conv2d(x, np.ones((1, 1, 3, 3)))
    array([[[4.]]])
    """
    return _normalized.convolve(
        "normalized_conv2d", 2, input, weight, mask, nan, minimum_weight, preserve_nan, return_weights,
        padding_mode, padding_value, out, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip


def normalized_conv3d(
    input, weight, mask=None, *, nan="ignore", minimum_weight=0.0, preserve_nan=False, return_weights=False,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False, out=None,
):  # fmt: skip
    """Normalised convolution of volumes; see `normalized_conv2d` for the parameters.

    Parameters
    ----------
    input : array_like, shape (N, C, D, H, W) or (C, D, H, W)
    weight : array_like, shape (out_channels, C // groups, kernel_d, kernel_h, kernel_w)

    Returns
    -------
    ndarray, shape (N, out_channels, D_out, H_out, W_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.ones((1, 3, 3, 3)); x[0, 1] = np.nan
    >>> fastconv.normalized_conv3d(x, np.ones((1, 1, 3, 3, 3))).ravel()
    array([1.])
    """
    return _normalized.convolve(
        "normalized_conv3d", 3, input, weight, mask, nan, minimum_weight, preserve_nan, return_weights,
        padding_mode, padding_value, out, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip

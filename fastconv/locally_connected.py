"""Locally connected layers: a convolution whose kernel is another one at every output position."""

from ._operations import local

__all__ = ["locally_connected1d", "locally_connected2d", "locally_connected3d"]


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
    return local.locally_connected(1, input, weight, bias, stride, padding, dilation, data_format)


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
    return local.locally_connected(2, input, weight, bias, stride, padding, dilation, data_format)


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
    return local.locally_connected(3, input, weight, bias, stride, padding, dilation, data_format)

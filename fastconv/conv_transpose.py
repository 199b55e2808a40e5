"""Transposed convolution: the public functions."""

from ._operations.transposed import convolve_transposed


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    data_format="channels_first", activation=None, precision=None, algorithm=None, out=None,
):  # fmt: skip
    """1-D transposed convolution of signals; see `conv_transpose2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).
    weight : ndarray, shape (C, out_channels // groups, kernel)

    Returns
    -------
    ndarray, shape (N, out_channels, L_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.array([[1.0, 2, 3]])
    >>> fastconv.conv_transpose1d(x, np.array([[[1.0, 0.5]]]), stride=2)
    array([[1. , 0.5, 2. , 1. , 3. , 1.5]])
    """
    return convolve_transposed(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
        dilation, data_format, activation, precision, algorithm, out,
    )  # fmt: skip


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    data_format="channels_first", activation=None, precision=None, algorithm=None, out=None,
):  # fmt: skip
    """2-D transposed convolution: every input adds a multiple of the kernel to the output.

    It is the gradient of `conv2d` to its input, and the transpose of the matrix that `conv2d`
    multiplies by; not its inverse, though called "deconvolution" at times.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides. With ``data_format="channels_last"``,
        (N, H, W, C) or (H, W, C).
    weight : ndarray, shape (C, out_channels // groups, kernel_h, kernel_w)
        In both data formats. Its dtype must cast safely to that of `input`.
    bias : ndarray, shape (out_channels,), optional
        Added to every output of a channel.
    stride, dilation : int or tuple of int
        Step between the kernels of neighbouring inputs, and between the taps of a kernel.
    padding : int, tuple, or {"valid", "full", "causal"}
        What is taken off the output: an int, one int per axis, or one (before, after) pair per
        axis, negative to add zeros; or what `conv2d` calls so. ``"same"`` would depend on the
        size that is asked for.
    output_padding : int or tuple of int
        Elements added at the end of the output, where `conv2d` with the same stride would give
        the same size for several inputs; smaller than stride or dilation.
    groups : int
        Number of blocks that input and output channels are divided into.
    data_format : {"channels_first", "channels_last"}
    activation : {None, "relu"}
        Applied to the result as it is stored.
    precision, algorithm
        As in `conv2d`; the algorithm is that of the convolutions that it is composed of.
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides. May overlap `input`.

    Returns
    -------
    ndarray, shape (N, out_channels, H_out, W_out)
        In the layout of the input, without N if `input` has none, of the dtype of `input`.
        ``H_out = (H - 1) * stride - before - after + dilation * (kernel_h - 1) + 1 +
        output_padding``; see `fastconv.shapes.conv_transpose_output_shape`.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.
    OverflowError
        If an integer result does not fit the dtype of `input`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.conv_transpose2d(np.ones((1, 2, 2)), np.ones((1, 1, 2, 2)))[0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return convolve_transposed(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
        dilation, data_format, activation, precision, algorithm, out,
    )  # fmt: skip


def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    data_format="channels_first", activation=None, precision=None, algorithm=None, out=None,
):  # fmt: skip
    """3-D transposed convolution of volumes; see `conv_transpose2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).
    weight : ndarray, shape (C, out_channels // groups, kernel_d, kernel_h, kernel_w)

    Returns
    -------
    ndarray, shape (N, out_channels, D_out, H_out, W_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.ones((1, 4, 4, 4)), np.ones((1, 3, 2, 2, 2))
    >>> fastconv.conv_transpose3d(x, w, stride=2).shape
    (3, 8, 8, 8)
    """
    return convolve_transposed(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
        dilation, data_format, activation, precision, algorithm, out,
    )  # fmt: skip

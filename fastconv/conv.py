"""Convolution: the public functions."""

# `_mixed` is imported here so that no call imports it: a child forked meanwhile would wait for that for ever.
from ._operations import _mixed  # noqa: F401
from ._operations.convolution import convolve


def conv1d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, precision=None, algorithm=None, dtype=None, overflow="error", out=None,
):  # fmt: skip
    """1-D convolution of signals; see `conv2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
        With ``data_format="channels_last"``, (N, L, C) or (L, C).
    weight : ndarray, shape (out_channels, C // groups, kernel)

    Returns
    -------
    ndarray, shape (N, out_channels, L_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(5.0)[None]
    >>> fastconv.conv1d(x, np.ones((1, 1, 3)), padding="causal")
    array([[0., 1., 3., 6., 9.]])
    """
    return convolve(
        "conv1d", 1, input, weight, bias, stride, padding, dilation, groups, data_format,
        padding_mode, padding_value, flip, activation, precision, algorithm, dtype, overflow, out,
    )  # fmt: skip


def conv2d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, precision=None, algorithm=None, dtype=None, overflow="error", out=None,
):  # fmt: skip
    """2-D convolution (cross-correlation, as in every deep-learning library) of images.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        One image or a batch, of any strides. With ``data_format="channels_last"``,
        (N, H, W, C) or (H, W, C).
    weight : ndarray, shape (out_channels, C // groups, kernel_h, kernel_w)
        In both data formats. Of a dtype that casts safely to that of `input`; of any real one if
        `input` is of integers, or if `dtype` is given. Complex weights are not conjugated (those
        of `numpy.correlate` are).
    bias : ndarray, shape (out_channels,), optional
        Added to every output of a channel.
    stride, dilation : int or tuple of int
        Step of the kernel over the input, and of its taps; one value or one per axis.
    padding : int, tuple, or {"valid", "same", "same_lower", "full", "causal"}
        An int, one int per axis, or one (before, after) pair per axis; in pairs, negative values
        crop. ``"same"`` gives ``ceil(input / stride)`` outputs with the odd element at the end
        (``"same_lower"``: at the start), ``"full"`` every position where the kernel touches the
        input, ``"causal"`` (1-D) outputs that see no later input.
    groups : int
        Number of blocks that input and output channels are divided into; each output block sees
        only its input block. ``groups == C`` is depthwise convolution.
    data_format : {"channels_first", "channels_last"}
    padding_mode : {"zeros", "constant", "reflect", "symmetric", "replicate", "circular"}
        What the padding holds: zeros, `padding_value`, or elements of the input: mirrored at the
        last one (``d c b | a b c d``) or beside it (``c b a | a b c d``), the last one again, or
        the input once more.
    padding_value : number, optional
        For ``padding_mode="constant"``; of the dtype of `input`.
    flip : bool
        Reverse the kernel along its spatial axes: convolution as in textbooks and SciPy.
    activation : {None, "relu"}
        Applied to the result as it is stored.
    precision : {"highest", "high", "medium"}, optional
        Error allowed to float32 arithmetic; by default that of `fastconv.config`.
    algorithm : str, optional
        Force an algorithm, or a family by the part of its name before ``_`` ("direct",
        "winograd", "fft", ...); by default the planner chooses. `fastconv.explain` lists them.
    dtype : dtype, optional
        That of the result; by default that of `input`. For integer inputs any integer or float;
        for real ones a wider float or complex. Sums are exact where all operands are integers,
        and otherwise computed in float32 (in float64 for an input of more than 16-bit integers,
        or where `input` or the result is float64), then rounded, half to even.
    overflow : {"error", "saturate"}
        What to do if an integer result does not fit.
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides. May overlap `input`.

    Returns
    -------
    ndarray, shape (N, out_channels, H_out, W_out)
        In the layout of the input, without N if `input` has none.
        ``H_out = (H + before + after - dilation * (kernel_h - 1) - 1) // stride + 1``.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.
    OverflowError
        If an integer result does not fit its dtype; what was given as `out` is then undefined.
    KeyboardInterrupt
        Soon after Ctrl-C, also in a long call; what was given as `out` is then undefined.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.zeros((1, 6, 6)); x[..., :3] = 10
    >>> w = np.array([[1.0, 0, -1]] * 3)[None, None]
    >>> fastconv.conv2d(x, w)[0, 0]
    array([ 0., 30., 30.,  0.])
    """
    return convolve(
        "conv2d", 2, input, weight, bias, stride, padding, dilation, groups, data_format,
        padding_mode, padding_value, flip, activation, precision, algorithm, dtype, overflow, out,
    )  # fmt: skip


def conv3d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, precision=None, algorithm=None, dtype=None, overflow="error", out=None,
):  # fmt: skip
    """3-D convolution of volumes; see `conv2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
        With ``data_format="channels_last"``, (N, D, H, W, C) or (D, H, W, C).
    weight : ndarray, shape (out_channels, C // groups, kernel_d, kernel_h, kernel_w)

    Returns
    -------
    ndarray, shape (N, out_channels, D_out, H_out, W_out)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.conv3d(np.ones((1, 4, 4, 4)), np.ones((2, 1, 3, 3, 3))).shape
    (2, 2, 2, 2)
    """
    return convolve(
        "conv3d", 3, input, weight, bias, stride, padding, dilation, groups, data_format,
        padding_mode, padding_value, flip, activation, precision, algorithm, dtype, overflow, out,
    )  # fmt: skip

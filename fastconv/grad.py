"""Gradients of convolutions and of pooling, for training and for inverse problems.

For a loss that depends on ``y = fastconv.conv2d(x, w, b, ...)``, `conv2d` here takes its gradient
to ``y`` and gives those to ``x``, ``w`` and ``b``. As maps of ``grad_output`` they are adjoint to
the convolution: ``sum(conv2d(x, w) * g) == sum(x * grad_x) == sum(w * grad_w)``; complex numbers
come conjugated, as ``sum(conv2d(x, w).conj() * g)`` asks for.
"""

from . import _normalized
from ._operations import local_gradients, pool_gradients, transposed_gradients
from ._operations._arguments import NEEDS
from ._operations.gradients import differentiate, differentiate_input, differentiate_weight

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "conv1d", "conv1d_input", "conv1d_weight", "conv2d", "conv2d_input", "conv2d_weight",
    "conv3d", "conv3d_input", "conv3d_weight", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "global_avg_pool", "global_lp_pool", "global_max_pool",
    "locally_connected1d", "locally_connected2d", "locally_connected3d", "lp_pool1d", "lp_pool2d",
    "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "normalized_conv1d", "normalized_conv2d", "normalized_conv3d",
]  # fmt: skip


def conv1d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, output=None, precision=None, algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv1d`; see `conv2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, L) or (C, L)
    weight : ndarray, shape (out_channels, C // groups, kernel)
    grad_output : ndarray, shape (N, out_channels, L_out)

    Returns
    -------
    tuple (grad_input, grad_weight, grad_bias)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.array([[1.0, 2, 3, 4]]), np.array([[[1.0, -1]]])
    >>> grad_x, grad_w, grad_b = fastconv.grad.conv1d(x, w, np.ones((1, 3)))
    >>> grad_x, grad_w, grad_b
    (array([[ 1.,  0.,  0., -1.]]), array([[[6., 9.]]]), array([3.]))
    """
    return differentiate(
        "grad.conv1d", 1, input, weight, grad_output, stride, padding, dilation, groups, needs,
        data_format, padding_mode, padding_value, flip, activation, output, precision, algorithm,
    )  # fmt: skip


def conv2d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, output=None, precision=None, algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv2d` to its input, its weight and its bias.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        That of the convolution; with ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    weight : ndarray, shape (out_channels, C // groups, kernel_h, kernel_w)
        That of the convolution. Its dtype must cast safely to that of `input`.
    grad_output : ndarray, shape (N, out_channels, H_out, W_out)
        Gradient of the loss to the result of the convolution: of its shape, and of a dtype that
        casts safely to that of `input`.
    stride, padding, dilation, groups, data_format, padding_mode, padding_value, flip
        As they were given to `fastconv.conv2d`.
    needs : tuple of {"input", "weight", "bias"}
        Which gradients to compute. With "weight_per_sample" in the place of "weight", that to the
        weight is given for each image: of shape ``(N, *weight.shape)``.
    activation : {None, "relu"}
        As it was given to `fastconv.conv2d`.
    output : ndarray, shape (N, out_channels, H_out, W_out), optional
        What the convolution gave; needed with an activation, whose gradient is zero where
        `output` is zero.
    precision : {"highest", "high", "medium"}, optional
        Error allowed to float32 arithmetic; by default that of `fastconv.config`.
    algorithm : str, optional
        Force an algorithm; "direct" and "reference" do all gradients. The gradient to the input
        is composed of convolutions, so that for it every algorithm of `fastconv.conv2d` will do.

    Returns
    -------
    tuple (grad_input, grad_weight, grad_bias)
        Of the shapes of input, weight and bias, in the dtype of `input`; None where not needed.
        The same bits for any number of threads.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.
    OverflowError
        If an integer result does not fit the dtype of `input`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.ones((8, 3, 32, 32), np.float32), np.ones((16, 3, 3, 3), np.float32)
    >>> y = fastconv.conv2d(x, w, stride=2, padding=1)
    >>> grads = fastconv.grad.conv2d(x, w, np.ones_like(y), stride=2, padding=1)
    >>> [grad.shape for grad in grads]
    [(8, 3, 32, 32), (16, 3, 3, 3), (16,)]
    """
    return differentiate(
        "grad.conv2d", 2, input, weight, grad_output, stride, padding, dilation, groups, needs,
        data_format, padding_mode, padding_value, flip, activation, output, precision, algorithm,
    )  # fmt: skip


def conv3d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
    activation=None, output=None, precision=None, algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv3d`; see `conv2d` for the parameters.

    Parameters
    ----------
    input : ndarray, shape (N, C, D, H, W) or (C, D, H, W)
    weight : ndarray, shape (out_channels, C // groups, kernel_d, kernel_h, kernel_w)
    grad_output : ndarray, shape (N, out_channels, D_out, H_out, W_out)

    Returns
    -------
    tuple (grad_input, grad_weight, grad_bias)

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.ones((1, 4, 4, 4)), np.ones((2, 1, 3, 3, 3))
    >>> grads = fastconv.grad.conv3d(x, w, np.ones((2, 2, 2, 2)), needs=("weight",))
    >>> [grad if grad is None else grad.shape for grad in grads]
    [None, (2, 1, 3, 3, 3), None]
    """
    return differentiate(
        "grad.conv3d", 3, input, weight, grad_output, stride, padding, dilation, groups, needs,
        data_format, padding_mode, padding_value, flip, activation, output, precision, algorithm,
    )  # fmt: skip


def conv_transpose1d(
    input, weight, grad_output, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    needs=NEEDS, data_format="channels_first", activation=None, output=None, precision=None,
    algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv_transpose1d`; see `conv_transpose2d`."""
    return transposed_gradients.differentiate(
        "grad.conv_transpose1d", 1, input, weight, grad_output, stride, padding, output_padding,
        groups, dilation, needs, data_format, activation, output, precision, algorithm,
    )  # fmt: skip


def conv_transpose2d(
    input, weight, grad_output, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    needs=NEEDS, data_format="channels_first", activation=None, output=None, precision=None,
    algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv_transpose2d` to its input, its weight and its bias.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        That of the transposed convolution; with ``data_format="channels_last"``, (N, H, W, C).
    weight : ndarray, shape (C, out_channels // groups, kernel_h, kernel_w)
        That of the transposed convolution. Its dtype must cast safely to that of `input`.
    grad_output : ndarray, shape (N, out_channels, H_out, W_out)
        Gradient of the loss to the result.
    stride, padding, output_padding, groups, dilation, data_format
        As they were given to `fastconv.conv_transpose2d`.
    needs, activation, output, precision, algorithm
        As in `conv2d`.

    Returns
    -------
    tuple (grad_input, grad_weight, grad_bias)
        Of the shapes of input, weight and bias, in the dtype of `input`; None where not needed.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.
    OverflowError
        If an integer result does not fit the dtype of `input`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.array([[[1.0, 2], [3, 4]]]), np.ones((1, 1, 2, 2))
    >>> y = fastconv.conv_transpose2d(x, w, stride=2)
    >>> grad_x, grad_w, grad_b = fastconv.grad.conv_transpose2d(x, w, np.ones_like(y), stride=2)
    >>> grad_x[0], grad_w[0, 0], grad_b
    (array([[4., 4.],
           [4., 4.]]), array([[10., 10.],
           [10., 10.]]), array([16.]))
    """
    return transposed_gradients.differentiate(
        "grad.conv_transpose2d", 2, input, weight, grad_output, stride, padding, output_padding,
        groups, dilation, needs, data_format, activation, output, precision, algorithm,
    )  # fmt: skip


def conv_transpose3d(
    input, weight, grad_output, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
    needs=NEEDS, data_format="channels_first", activation=None, output=None, precision=None,
    algorithm=None,
):  # fmt: skip
    """Gradients of `fastconv.conv_transpose3d`; see `conv_transpose2d`."""
    return transposed_gradients.differentiate(
        "grad.conv_transpose3d", 3, input, weight, grad_output, stride, padding, output_padding,
        groups, dilation, needs, data_format, activation, output, precision, algorithm,
    )  # fmt: skip


def locally_connected1d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, *, needs=NEEDS,
    data_format="channels_first",
):  # fmt: skip
    """Gradients of `fastconv.locally_connected1d`; see `locally_connected2d`."""
    return local_gradients.differentiate(
        "grad.locally_connected1d", 1, input, weight, grad_output, stride, padding, dilation, needs,
        data_format,
    )  # fmt: skip


def locally_connected2d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, *, needs=NEEDS,
    data_format="channels_first",
):  # fmt: skip
    """Gradients of `fastconv.locally_connected2d` to its input, its weight and its bias.

    Parameters
    ----------
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        That of the layer; with ``data_format="channels_last"``, (N, H, W, C) or (H, W, C).
    weight : ndarray, shape (out_h, out_w, out_channels, C, kernel_h, kernel_w)
        That of the layer. Its dtype must cast safely to that of `input`.
    grad_output : ndarray, shape (N, out_channels, out_h, out_w)
        Gradient of the loss to the result.
    stride, padding, dilation, data_format
        As they were given to `fastconv.locally_connected2d`.
    needs
        As in `conv2d`.

    Returns
    -------
    tuple (grad_input, grad_weight, grad_bias)
        Of the shapes of input, weight and bias, in the dtype of `input`; None where not needed.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.
    OverflowError
        If an integer result does not fit the dtype of `input`.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.arange(4.0).reshape(1, 2, 2), np.ones((1, 2, 1, 1, 2, 1))
    >>> grad_x, grad_w, _ = fastconv.grad.locally_connected2d(x, w, np.array([[[1.0, 10]]]))
    >>> grad_x[0], grad_w.reshape(2, 2)
    (array([[ 1., 10.],
           [ 1., 10.]]), array([[ 0.,  2.],
           [10., 30.]]))
    """
    return local_gradients.differentiate(
        "grad.locally_connected2d", 2, input, weight, grad_output, stride, padding, dilation, needs,
        data_format,
    )  # fmt: skip


def locally_connected3d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, *, needs=NEEDS,
    data_format="channels_first",
):  # fmt: skip
    """Gradients of `fastconv.locally_connected3d`; see `locally_connected2d`."""
    return local_gradients.differentiate(
        "grad.locally_connected3d", 3, input, weight, grad_output, stride, padding, dilation, needs,
        data_format,
    )  # fmt: skip


def conv1d_input(
    input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv1d` to its input; see `conv2d_input`."""
    return differentiate_input(
        1, input_size, weight, grad_output, stride, padding, dilation, groups, data_format
    )


def conv2d_input(
    input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv2d` to its input, whose values it does not depend on.

    Parameters
    ----------
    input_size : tuple of int
        Shape of the input, (N, C, H, W) or (C, H, W).
    weight, grad_output, stride, padding, dilation, groups, data_format
        As in `conv2d`.

    Returns
    -------
    ndarray, shape `input_size`
        In the dtype of `grad_output`.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Notes
    -----
    Known as ``torch.nn.grad.conv2d_input``.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.grad.conv2d_input((1, 3, 3), np.ones((1, 1, 2, 2)), np.ones((1, 2, 2)))[0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    return differentiate_input(
        2, input_size, weight, grad_output, stride, padding, dilation, groups, data_format
    )


def conv3d_input(
    input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv3d` to its input; see `conv2d_input`."""
    return differentiate_input(
        3, input_size, weight, grad_output, stride, padding, dilation, groups, data_format
    )


def conv1d_weight(
    input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv1d` to its weight; see `conv2d_weight`."""
    return differentiate_weight(
        1, input, weight_size, grad_output, stride, padding, dilation, groups, data_format
    )


def conv2d_weight(
    input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv2d` to its weight, whose values it does not depend on.

    Parameters
    ----------
    weight_size : tuple of int
        Shape of the weight, (out_channels, C // groups, kernel_h, kernel_w).
    input, grad_output, stride, padding, dilation, groups, data_format
        As in `conv2d`.

    Returns
    -------
    ndarray, shape `weight_size`
        In the dtype of `input`.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Notes
    -----
    Known as ``torch.nn.grad.conv2d_weight``.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(9.0).reshape(1, 3, 3)
    >>> fastconv.grad.conv2d_weight(x, (1, 1, 2, 2), np.ones((1, 2, 2)))[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    return differentiate_weight(
        2, input, weight_size, grad_output, stride, padding, dilation, groups, data_format
    )


def conv3d_weight(
    input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1, *,
    data_format="channels_first",
):  # fmt: skip
    """Gradient of `fastconv.conv3d` to its weight; see `conv2d_weight`."""
    return differentiate_weight(
        3, input, weight_size, grad_output, stride, padding, dilation, groups, data_format
    )


def max_pool1d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.max_pool1d` to its input; see `max_pool2d`."""
    return pool_gradients.max_pool(
        "grad.max_pool1d", grad_output, indices_or_cache, input_size, data_format, out
    )


def max_pool2d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.max_pool2d` to its input: every window passes all to its maximum.

    Parameters
    ----------
    grad_output : ndarray, shape (N, C, H_out, W_out) or (C, H_out, W_out)
        Gradient of the loss to the maxima, of any real dtype; with
        ``data_format="channels_last"``, (N, H_out, W_out, C) or (H_out, W_out, C).
    indices_or_cache : ndarray of integers, or ArgmaxCache
        What the pooling returned with ``return_indices=True`` or ``return_cache=True``. A cache is
        smaller and faster. All indices are checked before anything is written; -1 passes nothing.
    input_size : tuple of int, optional
        Shape of the input, or its spatial sizes; needed with indices.
    data_format : {"channels_first", "channels_last"}
        Of indices; a cache knows its own.
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides.

    Returns
    -------
    ndarray, shape of the input
        In the dtype of `grad_output`. The same bits for any number of threads.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, indices outside the input among them, before anything is written.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x = np.arange(16.0).reshape(1, 4, 4)
    >>> y, cache = fastconv.max_pool2d(x, 2, return_cache=True)
    >>> fastconv.grad.max_pool2d(np.ones_like(y), cache)[0]
    array([[0., 0., 0., 0.],
           [0., 1., 0., 1.],
           [0., 0., 0., 0.],
           [0., 1., 0., 1.]])
    """
    return pool_gradients.max_pool(
        "grad.max_pool2d", grad_output, indices_or_cache, input_size, data_format, out
    )


def max_pool3d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.max_pool3d` to its input; see `max_pool2d`."""
    return pool_gradients.max_pool(
        "grad.max_pool3d", grad_output, indices_or_cache, input_size, data_format, out
    )


def avg_pool1d(
    grad_output, input_size, kernel_size, stride=None, padding=0, ceil_mode=False,
    count_include_pad=True, divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.avg_pool1d` to its input; see `avg_pool2d`."""
    return pool_gradients.avg_pool(
        "grad.avg_pool1d", grad_output, input_size, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, data_format=data_format, out=out,
    )  # fmt: skip


def avg_pool2d(
    grad_output, input_size, kernel_size, stride=None, padding=0, ceil_mode=False,
    count_include_pad=True, divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.avg_pool2d` to its input, whose values it does not depend on.

    Parameters
    ----------
    grad_output : ndarray, shape (N, C, H_out, W_out) or (C, H_out, W_out)
        Gradient of the loss to the averages, of any floating or complex dtype; with
        ``data_format="channels_last"``, (N, H_out, W_out, C) or (H_out, W_out, C).
    input_size : tuple of int
        Shape of the input, or its spatial sizes.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, dilation, data_format
        As they were given to `fastconv.avg_pool2d`.
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides.

    Returns
    -------
    ndarray, shape of the input
        In the dtype of `grad_output`. The same bits for any number of threads.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.grad.avg_pool2d(np.array([[[4.0, 8.0]]]), (1, 2, 4), 2)[0]
    array([[1., 1., 2., 2.],
           [1., 1., 2., 2.]])
    """
    return pool_gradients.avg_pool(
        "grad.avg_pool2d", grad_output, input_size, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, data_format=data_format, out=out,
    )  # fmt: skip


def avg_pool3d(
    grad_output, input_size, kernel_size, stride=None, padding=0, ceil_mode=False,
    count_include_pad=True, divisor_override=None, *, dilation=1, data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.avg_pool3d` to its input; see `avg_pool2d`."""
    return pool_gradients.avg_pool(
        "grad.avg_pool3d", grad_output, input_size, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, data_format=data_format, out=out,
    )  # fmt: skip


def lp_pool1d(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.lp_pool1d` to its input; see `lp_pool2d`."""
    return pool_gradients.lp_pool(
        "grad.lp_pool1d", grad_output, input, norm_type, kernel_size, stride, padding, dilation,
        ceil_mode, data_format=data_format, out=out,
    )  # fmt: skip


def lp_pool2d(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.lp_pool2d` to its input.

    Parameters
    ----------
    grad_output : ndarray, shape (N, C, H_out, W_out) or (C, H_out, W_out)
        Gradient of the loss to the norms, of the dtype of `input`.
    input : ndarray, shape (N, C, H, W) or (C, H, W)
        That of the pooling.
    norm_type, kernel_size, stride, ceil_mode, padding, dilation, data_format
        As they were given to `fastconv.lp_pool2d`.
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides.

    Returns
    -------
    ndarray, shape and dtype of `input`
        Windows whose norm is zero pass nothing back, as in PyTorch.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is computed.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.grad.lp_pool2d(np.array([[[5.0]]]), np.array([[[3.0, 0.0], [4.0, 0.0]]]), 2, 2)
    array([[[3., 0.],
            [4., 0.]]])
    """
    return pool_gradients.lp_pool(
        "grad.lp_pool2d", grad_output, input, norm_type, kernel_size, stride, padding, dilation,
        ceil_mode, data_format=data_format, out=out,
    )  # fmt: skip


def lp_pool3d(
    grad_output, input, norm_type, kernel_size, stride=None, ceil_mode=False, *, padding=0, dilation=1,
    data_format="channels_first", out=None,
):  # fmt: skip
    """Gradient of `fastconv.lp_pool3d` to its input; see `lp_pool2d`."""
    return pool_gradients.lp_pool(
        "grad.lp_pool3d", grad_output, input, norm_type, kernel_size, stride, padding, dilation,
        ceil_mode, data_format=data_format, out=out,
    )  # fmt: skip


def adaptive_max_pool1d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.adaptive_max_pool1d` to its input; as `max_pool1d`."""
    return pool_gradients.max_pool(
        "grad.adaptive_max_pool1d", grad_output, indices_or_cache, input_size, data_format, out
    )


def adaptive_max_pool2d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.adaptive_max_pool2d` to its input; as `max_pool2d`."""
    return pool_gradients.max_pool(
        "grad.adaptive_max_pool2d", grad_output, indices_or_cache, input_size, data_format, out
    )


def adaptive_max_pool3d(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.adaptive_max_pool3d` to its input; as `max_pool3d`."""
    return pool_gradients.max_pool(
        "grad.adaptive_max_pool3d", grad_output, indices_or_cache, input_size, data_format, out
    )


def adaptive_avg_pool1d(grad_output, input_size, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.adaptive_avg_pool1d` to its input; see `avg_pool2d` for parameters."""
    return pool_gradients.adaptive_avg_pool(
        "grad.adaptive_avg_pool1d", grad_output, input_size, data_format, out
    )


def adaptive_avg_pool2d(grad_output, input_size, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.adaptive_avg_pool2d` to its input; see `avg_pool2d` for parameters."""
    return pool_gradients.adaptive_avg_pool(
        "grad.adaptive_avg_pool2d", grad_output, input_size, data_format, out
    )


def adaptive_avg_pool3d(grad_output, input_size, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.adaptive_avg_pool3d` to its input; see `avg_pool2d` for parameters."""
    return pool_gradients.adaptive_avg_pool(
        "grad.adaptive_avg_pool3d", grad_output, input_size, data_format, out
    )


def global_max_pool(
    grad_output, indices_or_cache, input_size=None, *, data_format="channels_first", out=None
):
    """Gradient of `fastconv.global_max_pool` to its input; as `max_pool2d`, always a batch."""
    return pool_gradients.max_pool(
        "grad.global_max_pool", grad_output, indices_or_cache, input_size, data_format, out
    )


def global_avg_pool(grad_output, input_size, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.global_avg_pool` to its input; see `avg_pool2d` for parameters."""
    return pool_gradients.global_avg_pool(
        "grad.global_avg_pool", grad_output, input_size, data_format, out
    )


def global_lp_pool(grad_output, input, norm_type=2, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.global_lp_pool` to its input; see `lp_pool2d` for parameters."""
    windows = (None,) * 5
    return pool_gradients.lp_pool(
        "grad.global_lp_pool", grad_output, input, norm_type, *windows, data_format=data_format, out=out
    )


def max_unpool1d(grad_output, indices, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.max_unpool1d` to its input; see `max_unpool2d`."""
    return pool_gradients.max_unpool("grad.max_unpool1d", grad_output, indices, data_format, out)


def max_unpool2d(grad_output, indices, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.max_unpool2d` to its input: what lies at the indices, and 0 at -1.

    Parameters
    ----------
    grad_output : ndarray, shape of the unpooled images
    indices : ndarray of integers, shape of the input
        As they were given to `fastconv.max_unpool2d`; all are checked. If some share a place, of
        which only the last was kept, each of them gets the gradient nevertheless, as in PyTorch.
    data_format : {"channels_first", "channels_last"}
    out : ndarray, optional
        Where to write the result: right shape and dtype, any strides.

    Returns
    -------
    ndarray, shape of `indices`
        In the dtype of `grad_output`.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, before anything is written.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> fastconv.grad.max_unpool2d(np.arange(4.0).reshape(1, 2, 2), np.array([[[3]]]))
    array([[[3.]]])
    """
    return pool_gradients.max_unpool("grad.max_unpool2d", grad_output, indices, data_format, out)


def max_unpool3d(grad_output, indices, *, data_format="channels_first", out=None):
    """Gradient of `fastconv.max_unpool3d` to its input; see `max_unpool2d`."""
    return pool_gradients.max_unpool("grad.max_unpool3d", grad_output, indices, data_format, out)


def normalized_conv1d(
    input, weight, grad_output, mask=None, *, needs=("input", "weight"), nan="ignore", minimum_weight=0.0,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False,
):  # fmt: skip
    """Gradients of `fastconv.normalized_conv1d`; see `normalized_conv2d` for the parameters."""
    return _normalized.differentiate(
        "grad.normalized_conv1d", 1, input, weight, grad_output, mask, needs, nan, minimum_weight,
        padding_mode, padding_value, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip


def normalized_conv2d(
    input, weight, grad_output, mask=None, *, needs=("input", "weight"), nan="ignore", minimum_weight=0.0,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False,
):  # fmt: skip
    """Gradients of `fastconv.normalized_conv2d` to its input and its weight.

    Parameters
    ----------
    input, weight, mask, nan, minimum_weight
        As they were given to `fastconv.normalized_conv2d`.
    stride, padding, dilation, groups, data_format, padding_mode, padding_value, flip
        As they were given, too.
    grad_output : ndarray, shape (N, out_channels, H_out, W_out)
        Gradient of the loss to the result; where that is NaN it does not count.
    needs : tuple of {"input", "weight"}
        Which gradients to compute.

    Returns
    -------
    tuple (grad_input, grad_weight)
        None in the place of one that is not needed. Zero for elements that were left out.

    Raises
    ------
    ValueError, TypeError
        For wrong arguments.

    Examples
    --------
    >>> import numpy as np, fastconv
    >>> x, w = np.array([[[1.0, np.nan, 3.0]]]), np.ones((1, 1, 1, 3))
    >>> fastconv.grad.normalized_conv2d(x, w, np.ones((1, 1, 1)))
    (array([[[0.5, 0. , 0.5]]]), array([[[[-0.5,  0. ,  0.5]]]]))
    """
    return _normalized.differentiate(
        "grad.normalized_conv2d", 2, input, weight, grad_output, mask, needs, nan, minimum_weight,
        padding_mode, padding_value, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip


def normalized_conv3d(
    input, weight, grad_output, mask=None, *, needs=("input", "weight"), nan="ignore", minimum_weight=0.0,
    stride=1, padding=0, dilation=1, groups=1, data_format="channels_first", padding_mode="zeros",
    padding_value=0, flip=False,
):  # fmt: skip
    """Gradients of `fastconv.normalized_conv3d`; see `normalized_conv2d` for the parameters."""
    return _normalized.differentiate(
        "grad.normalized_conv3d", 3, input, weight, grad_output, mask, needs, nan, minimum_weight,
        padding_mode, padding_value, stride=stride, padding=padding, dilation=dilation, groups=groups,
        data_format=data_format, flip=flip,
    )  # fmt: skip

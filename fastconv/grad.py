"""Gradients of convolutions, for training and for inverse problems.

For a loss that depends on ``y = fastconv.conv2d(x, w, b, ...)``, `conv2d` here takes its gradient
to ``y`` and gives those to ``x``, ``w`` and ``b``. As maps of ``grad_output`` they are adjoint to
the convolution: ``sum(conv2d(x, w) * g) == sum(x * grad_x) == sum(w * grad_w)``; complex numbers
come conjugated, as ``sum(conv2d(x, w).conj() * g)`` asks for.
"""

from ._operations.gradients import (
    NEEDS, differentiate, differentiate_input, differentiate_weight,
)  # fmt: skip

__all__ = [
    "conv1d", "conv1d_input", "conv1d_weight", "conv2d", "conv2d_input", "conv2d_weight",
    "conv3d", "conv3d_input", "conv3d_weight",
]  # fmt: skip


def conv1d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", flip=False, precision=None, algorithm=None,
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
        data_format, padding_mode, flip, precision, algorithm,
    )  # fmt: skip


def conv2d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", flip=False, precision=None, algorithm=None,
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
    stride, padding, dilation, groups, data_format, padding_mode, flip
        As they were given to `fastconv.conv2d`.
    needs : tuple of {"input", "weight", "bias"}
        Which gradients to compute.
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
        data_format, padding_mode, flip, precision, algorithm,
    )  # fmt: skip


def conv3d(
    input, weight, grad_output, stride=1, padding=0, dilation=1, groups=1, *, needs=NEEDS,
    data_format="channels_first", padding_mode="zeros", flip=False, precision=None, algorithm=None,
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
        data_format, padding_mode, flip, precision, algorithm,
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

"""Convolution and transposed convolution as operators of PyTorch.

One operator computes, another its gradients. Both are bilinear, so that the gradients of the second are made
of the two again: there are gradients of every order.
"""

from typing import List, Optional

import torch
from torch import Tensor

from .. import conv, conv_transpose, grad
from ._arrays import as_array, as_tensor, check, each, empty_like_result, is_last, layout, threads

_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)
_TRANSPOSED = (
    None, conv_transpose.conv_transpose1d, conv_transpose.conv_transpose2d, conv_transpose.conv_transpose3d
)  # fmt: skip
_GRAD = (None, grad.conv1d, grad.conv2d, grad.conv3d)
_GRAD_TRANSPOSED = (None, grad.conv_transpose1d, grad.conv_transpose2d, grad.conv_transpose3d)


def _pairs(padding):
    return tuple(zip(padding[::2], padding[1::2]))


def _options(stride, padding, dilation, transposed, output_padding, groups, last):
    options = dict(
        stride=tuple(stride), padding=_pairs(padding), dilation=tuple(dilation), groups=groups,
        data_format=layout(last),
    )  # fmt: skip
    return {**options, "output_padding": tuple(output_padding)} if transposed else options


@torch.library.custom_op("fastconv::convolution", mutates_args=())
def convolution(
    x: Tensor, weight: Tensor, bias: Optional[Tensor], stride: List[int], padding: List[int],
    dilation: List[int], transposed: bool, output_padding: List[int], groups: int,
) -> Tensor:  # fmt: skip
    """Convolution of a batch, transposed or not; `padding` is before and after, axis by axis."""
    last = is_last(x)
    run = (_TRANSPOSED if transposed else _CONV)[x.ndim - 2]
    options = _options(stride, padding, dilation, transposed, output_padding, groups, last)
    with threads():
        y = run(as_array(x, last), as_array(weight), None if bias is None else as_array(bias), **options)
    return as_tensor(y, last)


@convolution.register_fake
def _(x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    sizes = []
    for i in range(x.ndim - 2):
        n, k, around = x.shape[2 + i], weight.shape[2 + i], padding[2 * i] + padding[2 * i + 1]
        extent = dilation[i] * (k - 1) + 1
        if transposed:
            sizes.append((n - 1) * stride[i] - around + extent + output_padding[i])
        else:
            sizes.append((n + around - extent) // stride[i] + 1)
    filters = weight.shape[1] * groups if transposed else weight.shape[0]
    return empty_like_result(x, (x.shape[0], filters, *sizes))


@torch.library.custom_op("fastconv::convolution_gradients", mutates_args=())
def convolution_gradients(
    grad_output: Tensor, x: Tensor, weight: Tensor, stride: List[int], padding: List[int],
    dilation: List[int], transposed: bool, output_padding: List[int], groups: int, needs: List[bool],
) -> List[Tensor]:  # fmt: skip
    """Gradients to input, weight and bias; empty tensors for those that are not needed."""
    last = is_last(x)
    run = (_GRAD_TRANSPOSED if transposed else _GRAD)[x.ndim - 2]
    options = _options(stride, padding, dilation, transposed, output_padding, groups, last)
    names = tuple(name for name, needed in zip(("input", "weight", "bias"), needs) if needed)
    # Of complex numbers they come conjugated, as PyTorch has it.
    with threads():
        found = run(
            as_array(x, last), as_array(weight), as_array(grad_output, last), needs=names, **options
        )
    tensors = [
        x.new_empty(0) if g is None else as_tensor(g, last and i == 0) for i, g in enumerate(found)
    ]  # fmt: skip
    return tensors


@convolution_gradients.register_fake
def _(grad_output, x, weight, stride, padding, dilation, transposed, output_padding, groups, needs):
    shapes = x.shape, weight.shape, (grad_output.shape[1],)
    found = [x.new_empty(shape if needed else (0,)) for shape, needed in zip(shapes, needs)]
    if needs[0]:
        found[0] = empty_like_result(x, x.shape)
    return found


def _setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:2])
    ctx.options = inputs[3:]


def _backward(ctx, grad_output):
    x, weight = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    found = convolution_gradients(grad_output, x, weight, *ctx.options, needs)
    return *(g if needed else None for g, needed in zip(found, needs)), *(None,) * 6


convolution.register_autograd(_backward, setup_context=_setup)


def _setup_gradients(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:3])
    ctx.options, ctx.needs = inputs[3:9], inputs[9]


def _backward_of_gradients(ctx, gradients):
    grad_output, x, weight = ctx.saved_tensors
    of_input, of_weight, of_bias = (
        g if needed else None for g, needed in zip(gradients, ctx.needs)
    )  # fmt: skip
    to_grad = to_x = to_weight = None
    if ctx.needs_input_grad[0]:
        parts = []
        if of_input is not None:
            parts.append(convolution(of_input, weight, None, *ctx.options))
        if of_weight is not None:
            parts.append(convolution(x, of_weight, None, *ctx.options))
        if of_bias is not None:
            parts.append(of_bias.reshape(1, -1, *(1,) * (x.ndim - 2)).expand_as(grad_output))
        to_grad = sum(parts[1:], parts[0]) if parts else None
    if ctx.needs_input_grad[1] and of_weight is not None:
        to_x = convolution_gradients(grad_output, x, of_weight, *ctx.options, [True, False, False])[0]
    if ctx.needs_input_grad[2] and of_input is not None:
        to_weight = convolution_gradients(
            grad_output, of_input, weight, *ctx.options, [False, True, False]
        )[1]
    return to_grad, to_x, to_weight, *(None,) * 7


convolution_gradients.register_autograd(_backward_of_gradients, setup_context=_setup_gradients)


def _call(op, ndim, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    check(op, x, weight, bias)
    if x.ndim not in (ndim + 1, ndim + 2):
        raise ValueError(
            f"{op}: input must have {ndim + 1} or {ndim + 2} axes, got shape {tuple(x.shape)}"
        )
    stride, dilation = each(stride, ndim), each(dilation, ndim)
    if isinstance(padding, str):
        if padding not in ("valid", "same") or transposed:
            raise ValueError(f"{op}: padding must be numbers, 'valid' or 'same', got {padding!r}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError(f"{op}: padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, weight.shape[2:])]
        pads = [n for t in total for n in (t // 2, t - t // 2)]
    else:
        pads = [n for p in each(padding, ndim) for n in (p, p)]
    batch = x if x.ndim == ndim + 2 else x[None]
    y = convolution(
        batch, weight, bias, stride, pads, dilation, transposed, each(output_padding, ndim), groups
    )
    return y if x.ndim == ndim + 2 else y[0]


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As `torch.nn.functional.conv1d`."""
    return _call("conv1d", 1, input, weight, bias, stride, padding, dilation, False, 0, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As `torch.nn.functional.conv2d`.

    Parameters
    ----------
    input, weight, bias : Tensor
        On the CPU, of the same dtype: float32, float64, float16, complex64 or complex128. An input
        whose channels are last in memory gives a result whose channels are.
    stride, padding, dilation, groups
        As there; `padding` also "valid" or "same".

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError, TypeError
        For wrong arguments.

    Examples
    --------
    >>> import torch, fastconv.torch
    >>> fastconv.torch.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """
    return _call("conv2d", 2, input, weight, bias, stride, padding, dilation, False, 0, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """As `torch.nn.functional.conv3d`."""
    return _call("conv3d", 3, input, weight, bias, stride, padding, dilation, False, 0, groups)


def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """As `torch.nn.functional.conv_transpose1d`."""
    return _call(
        "conv_transpose1d",
        1,
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        True,
        output_padding,
        groups,
    )


def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """As `torch.nn.functional.conv_transpose2d`."""
    return _call(
        "conv_transpose2d",
        2,
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        True,
        output_padding,
        groups,
    )


def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """As `torch.nn.functional.conv_transpose3d`."""
    return _call(
        "conv_transpose3d",
        3,
        input,
        weight,
        bias,
        stride,
        padding,
        dilation,
        True,
        output_padding,
        groups,
    )

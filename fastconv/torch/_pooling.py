"""Max and average pooling as operators of PyTorch."""

from typing import List, Optional, Tuple

import torch
from torch import Tensor

from .. import grad, pool
from ._arrays import as_array, as_tensor, check, each, empty_like_result, is_last, layout, threads

_MAX = (None, pool.max_pool1d, pool.max_pool2d, pool.max_pool3d)
_AVG = (None, pool.avg_pool1d, pool.avg_pool2d, pool.avg_pool3d)
_GRAD_MAX = (None, grad.max_pool1d, grad.max_pool2d, grad.max_pool3d)
_GRAD_AVG = (None, grad.avg_pool1d, grad.avg_pool2d, grad.avg_pool3d)


def _pooled(x, kernel, stride, padding, dilation, ceil_mode):
    sizes = []
    for i, n in enumerate(x.shape[2:]):
        room = n + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1
        count = (room + (stride[i] - 1 if ceil_mode else 0)) // stride[i] + 1
        if ceil_mode and (count - 1) * stride[i] >= n + padding[i]:
            count -= 1  # no window begins behind the input
        sizes.append(count)
    return (*x.shape[:2], *sizes)


@torch.library.custom_op("fastconv::max_pool", mutates_args=())
def max_pool(
    x: Tensor, kernel: List[int], stride: List[int], padding: List[int], dilation: List[int],
    ceil_mode: bool,
) -> Tuple[Tensor, Tensor]:  # fmt: skip
    """Maxima of a batch, and where they are."""
    last = is_last(x)
    with threads():
        y, where = _MAX[x.ndim - 2](
            as_array(x, last), tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), ceil_mode,
            return_indices=True, data_format=layout(last),
        )  # fmt: skip
    return as_tensor(y, last), as_tensor(where, last)


@max_pool.register_fake
def _(x, kernel, stride, padding, dilation, ceil_mode):
    y = empty_like_result(x, _pooled(x, kernel, stride, padding, dilation, ceil_mode))
    return y, torch.empty_like(y, dtype=torch.int64)


@torch.library.custom_op("fastconv::max_pool_gradient", mutates_args=())
def max_pool_gradient(grad_output: Tensor, where: Tensor, size: List[int]) -> Tensor:
    """What every window passes to its maximum."""
    last = is_last(where)
    with threads():
        g = _GRAD_MAX[where.ndim - 2](
            as_array(grad_output, last), as_array(where, last), tuple(size), data_format=layout(last)
        )
    return as_tensor(g, last)


@max_pool_gradient.register_fake
def _(grad_output, where, size):
    return empty_like_result(where, (*where.shape[:2], *size)).to(grad_output.dtype)


def _setup_max(ctx, inputs, output):
    ctx.save_for_backward(output[1])
    ctx.mark_non_differentiable(output[1])
    ctx.size = list(inputs[0].shape[2:])


def _backward_max(ctx, grad_output, _):
    (where,) = ctx.saved_tensors
    return max_pool_gradient(grad_output, where, ctx.size), *(None,) * 5


max_pool.register_autograd(_backward_max, setup_context=_setup_max)


def _setup_gather(ctx, inputs, output):
    ctx.save_for_backward(inputs[1])


def _gather(ctx, gradient):
    (where,) = ctx.saved_tensors
    flat = gradient.flatten(2).gather(2, where.flatten(2).clamp(min=0))
    return (flat * (where.flatten(2) >= 0)).reshape(where.shape), None, None


max_pool_gradient.register_autograd(_gather, setup_context=_setup_gather)


@torch.library.custom_op("fastconv::avg_pool", mutates_args=())
def avg_pool(
    x: Tensor, kernel: List[int], stride: List[int], padding: List[int], ceil_mode: bool,
    count_include_pad: bool, divisor: Optional[int],
) -> Tensor:  # fmt: skip
    """Means of a batch."""
    last = is_last(x)
    with threads():
        y = _AVG[x.ndim - 2](
            as_array(x, last), tuple(kernel), tuple(stride), tuple(padding), ceil_mode, count_include_pad,
            divisor, data_format=layout(last),
        )  # fmt: skip
    return as_tensor(y, last)


@avg_pool.register_fake
def _(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    return empty_like_result(x, _pooled(x, kernel, stride, padding, [1] * len(kernel), ceil_mode))


@torch.library.custom_op("fastconv::avg_pool_gradient", mutates_args=())
def avg_pool_gradient(
    grad_output: Tensor, size: List[int], kernel: List[int], stride: List[int], padding: List[int],
    ceil_mode: bool, count_include_pad: bool, divisor: Optional[int],
) -> Tensor:  # fmt: skip
    """What every window passes to each of its elements."""
    last = is_last(grad_output)
    with threads():
        g = _GRAD_AVG[grad_output.ndim - 2](
            as_array(grad_output, last), tuple(size), tuple(kernel), tuple(stride), tuple(padding),
            ceil_mode, count_include_pad, divisor, data_format=layout(last),
        )  # fmt: skip
    return as_tensor(g, last)


@avg_pool_gradient.register_fake
def _(grad_output, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    return empty_like_result(grad_output, (*grad_output.shape[:2], *size))


def _setup_avg(ctx, inputs, output):
    ctx.size, ctx.options = list(inputs[0].shape[2:]), inputs[1:]


def _backward_avg(ctx, grad_output):
    return avg_pool_gradient(grad_output, ctx.size, *ctx.options), *(None,) * 6


avg_pool.register_autograd(_backward_avg, setup_context=_setup_avg)


def _setup_avg_gradient(ctx, inputs, output):
    ctx.options = inputs[2:]


def _backward_avg_gradient(ctx, gradient):
    return avg_pool(gradient, *ctx.options), *(None,) * 7


avg_pool_gradient.register_autograd(_backward_avg_gradient, setup_context=_setup_avg_gradient)


def _batched(op, ndim, x):
    check(op, x)
    if x.ndim not in (ndim + 1, ndim + 2):
        raise ValueError(
            f"{op}: input must have {ndim + 1} or {ndim + 2} axes, got shape {tuple(x.shape)}"
        )
    return x if x.ndim == ndim + 2 else x[None]


def _max(ndim, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    batch = _batched(f"max_pool{ndim}d", ndim, x)
    kernel = each(kernel_size, ndim)
    steps = kernel if stride is None or stride == [] else each(stride, ndim)
    found = max_pool(batch, kernel, steps, each(padding, ndim), each(dilation, ndim), ceil_mode)
    y, where = found if x.ndim == ndim + 2 else (found[0][0], found[1][0])
    return (y, where) if return_indices else y


def _avg(ndim, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    batch = _batched(f"avg_pool{ndim}d", ndim, x)
    kernel = each(kernel_size, ndim)
    steps = kernel if stride is None or stride == [] else each(stride, ndim)
    y = avg_pool(
        batch, kernel, steps, each(padding, ndim), ceil_mode, count_include_pad, divisor_override
    )
    return y if x.ndim == ndim + 2 else y[0]


def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As `torch.nn.functional.max_pool1d`."""
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As `torch.nn.functional.max_pool2d`."""
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """As `torch.nn.functional.max_pool3d`."""
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """As `torch.nn.functional.avg_pool1d`."""
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """As `torch.nn.functional.avg_pool2d`."""
    return _avg(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """As `torch.nn.functional.avg_pool3d`."""
    return _avg(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

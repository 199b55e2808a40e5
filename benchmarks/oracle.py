"""The right answer in float64, from NumPy and SciPy alone, and the distance of a result from it."""

import sys
from math import prod

import numpy as np
from scipy import signal

from benchmarks.problem_sets import CONV_GRADIENTS, GRADIENTS

# A float32 result may differ from float64 by this much, relative L2. Sums of float32 products err
# by about 1e-7 x the square root of their length; a wrong border or tap errs by 1e-2 and more.
TOLERANCE = 1e-5

# A direct float64 sum of more taps than this per output goes through an FFT instead.
_MANY_TAPS = 64


def answer(case, x, weight=None, bias=None):
    """The float64 result of `case` on channels-first operands, channels first.

    For gradients `bias` is the gradient of the output, and the result as `together` has it.
    """
    if case.op in CONV_GRADIENTS:
        return _gradients(case, x, weight, bias)
    if case.op in GRADIENTS:
        return _pool_gradient(case, x, bias)
    if case.op != "conv":
        return _pool(case, x)
    x, weight = _padded(case, x, 0.0), weight.astype(np.float64)
    few_channels = case.out_channels * case.in_channels // case.groups <= 16
    if case.taps > _MANY_TAPS and few_channels and set(case.dilation) == {1}:
        y = _by_fft(case, x, weight)
    else:
        y = _by_taps(case, x, weight)
    if bias is not None:
        y += bias.astype(np.float64).reshape(-1, *(1,) * case.ndim)
    return y


def relative_error(result, truth):
    """Relative L2 distance; infinite where the result is not finite and the truth is."""
    if result.shape != truth.shape:
        return float("inf")
    difference = float(np.linalg.norm((result - truth).ravel()))
    if not np.isfinite(difference):
        return float("inf")
    return difference / max(float(np.linalg.norm(truth.ravel())), sys.float_info.min)


def channels_first(array, layout):
    """`array` of `layout` seen channels first."""
    return array if layout == "channels_first" else np.moveaxis(array, -1, 1)


def operands_first(case, x, weight, bias, layout):
    """The operands of `case` in `layout` as `answer` takes them."""
    if case.op in GRADIENTS:
        bias = channels_first(bias, layout)
    return channels_first(x, layout), weight, bias


def comparable(case, result, layout):
    """What fastconv computed for `case` in `layout`, as `answer` gives it."""
    if case.op == "conv_grad_weight":
        return result[1]
    if case.op == "conv_grad_input":
        return channels_first(result[0], layout)
    if case.op != "conv_grad":
        return channels_first(result, layout)
    grad_input, grad_weight, grad_bias = result
    return together(channels_first(grad_input, layout), grad_weight, grad_bias)


def together(grad_input, grad_weight, grad_bias):
    """All gradients of a convolution as one vector.

    Those of input and weight are of the same length for normal operands, so that an error of
    either shows.
    """
    return np.concatenate([one.ravel() for one in (grad_input, grad_weight, grad_bias)])


def _padded(case, x, value):
    """`x` in float64, padded (cropped where negative) to what the windows touch."""
    grow, crop = [(0, 0), (0, 0)], [slice(None), slice(None)]
    for axis in range(case.ndim):
        extent = case.dilation[axis] * (case.kernel[axis] - 1) + 1
        need = (case.output[axis] - 1) * case.stride[axis] + extent
        before = case.padding[axis][0]
        grow.append((max(before, 0), max(need - before - case.input[axis], 0)))
        start = max(-before, 0)
        crop.append(slice(start, start + need))
    return np.pad(x.astype(np.float64), grow, constant_values=value)[tuple(crop)]


def _windows(case, padded):
    """For every tap, the elements it meets: a view shaped like the output."""
    for tap in np.ndindex(*case.kernel):
        yield tap, padded[
            (
                ...,
                *(
                    slice(t * d, t * d + (o - 1) * s + 1, s)
                    for t, d, o, s in zip(tap, case.dilation, case.output, case.stride)
                ),
            )
        ]


def _by_taps(case, x, weight):
    groups, outputs = case.groups, prod(case.output)
    weight = weight.reshape(groups, -1, *weight.shape[1:])
    total = np.zeros((case.batch, groups, weight.shape[1], outputs))
    for tap, window in _windows(case, x):
        columns = window.reshape(case.batch, groups, -1, outputs)
        matrix = weight[(..., *tap)]
        # Depthwise: a product of one column by one row each, which matmul does one by one.
        total += matrix * columns if matrix.shape[1:] == (1, 1) else matrix @ columns
    return total.reshape(case.batch, case.out_channels, *case.output)


def _gradients(case, x, weight, grad_output):
    grads = grad_output.astype(np.float64).reshape(case.batch, case.groups, -1, prod(case.output))
    padded = _padded(case, x, 0.0)
    if case.op == "conv_grad_weight":
        return _weight_gradient(case, padded, grads)
    grad_input = _input_gradient(case, padded.shape, weight, grads)
    if case.op != "conv_grad":
        return grad_input
    return together(grad_input, _weight_gradient(case, padded, grads), grads.sum(axis=(0, 3)))


def _weight_gradient(case, padded, grads):
    fan_in = case.in_channels // case.groups
    total = np.zeros((case.groups, case.out_channels // case.groups, fan_in, *case.kernel))
    for tap, window in _windows(case, padded):
        columns = window.reshape(case.batch, case.groups, fan_in, -1)
        total[(..., *tap)] = (grads @ columns.swapaxes(2, 3)).sum(axis=0)
    return total.reshape(case.weight_shape)


def _input_gradient(case, padded_shape, weight, grads):
    weight = weight.astype(np.float64).reshape(case.groups, -1, *weight.shape[1:])
    total = np.zeros(padded_shape)
    for tap, target in _windows(case, total):
        target += (weight[(..., *tap)].swapaxes(1, 2) @ grads).reshape(target.shape)
    return _unpadded(case, total)


def _unpadded(case, grad_padded):
    """Back from what the windows touch to the input: cropped where it was padded."""
    grad_input = np.zeros((*grad_padded.shape[:2], *case.input))
    inside, kept = [...], [...]
    for size, whole, (before, _) in zip(case.input, grad_padded.shape[2:], case.padding):
        start = max(before, 0)
        stop = max(min(before + size, whole), start)
        inside.append(slice(start, stop))
        kept.append(slice(start - before, stop - before))
    grad_input[tuple(kept)] = grad_padded[tuple(inside)]
    return grad_input


def _by_fft(case, x, weight):
    y = np.zeros((case.batch, case.out_channels, *case.output))
    step = tuple(slice(None, None, s) for s in case.stride)
    fan_in = case.in_channels // case.groups
    for n, k in np.ndindex(case.batch, case.out_channels):
        first = k // (case.out_channels // case.groups) * fan_in
        for c in range(fan_in):
            flipped = np.flip(weight[k, c])
            y[n, k] += signal.oaconvolve(x[n, first + c], flipped, mode="valid")[step]
    return y


def _pool(case, x):
    largest = case.op == "max_pool"
    total = np.full((case.batch, case.in_channels, *case.output), -np.inf if largest else 0.0)
    for _, window in _windows(case, _padded(case, x, -np.inf if largest else 0.0)):
        if largest:
            np.maximum(total, window, out=total)
        else:
            total += window
    return total if largest else total / case.taps


def _pool_gradient(case, x, grad_output):
    padded = _padded(case, x, -np.inf)
    grad_padded = np.zeros_like(padded)
    left = grad_output.astype(np.float64)
    if case.op == "avg_pool_grad":
        left /= case.taps
    else:
        largest = _pool(case._replace(op="max_pool"), x)
    for (_, window), (_, target) in zip(_windows(case, padded), _windows(case, grad_padded)):
        if case.op == "avg_pool_grad":
            target += left
            continue
        # The first of the largest elements takes it all.
        won = window == largest
        target += np.where(won, left, 0)
        left = np.where(won, 0, left)
    return _unpadded(case, grad_padded)

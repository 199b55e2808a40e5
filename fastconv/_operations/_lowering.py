"""Convolution in dtypes without kernels of their own, expressed by real native convolutions.

Every function takes ``native``, a convolution of float32 or float64 arrays that returns a new
array, and ``reference``, one that takes any dtype; `around` is what the input is padded with.
"""

import numpy as np

from .._core import integers


def half(native, x, weight, bias, groups, channel_axis):
    """Half precision, computed in float32 and rounded once."""
    y = native(*(a if a is None else a.astype(np.float32) for a in (x, weight, bias)), groups)
    with np.errstate(over="ignore"):
        return y.astype(x.dtype)


def integer(native, reference, around, x, weight, bias, groups, channel_axis):
    """Integers, exactly: in floats that hold every sum, or else in wide integers."""
    carrier = integers.carrier(integers.bound(x, weight, bias, around))
    if carrier is None:
        return reference(x, weight, bias, groups)
    total = native(*(a if a is None else a.astype(carrier) for a in (x, weight, bias)), groups)
    y = np.empty(total.shape, x.dtype)
    integers.store(total, y)
    return y


def complex_inputs(native, x, weight, bias, groups, channel_axis):
    """Complex numbers with a real kernel: real and imaginary parts are images of their own."""
    parts = native(np.concatenate([x.real, x.imag]), weight.astype(x.real.dtype), None, groups)
    y = np.empty((len(x), *parts.shape[1:]), x.dtype)
    y.real, y.imag = parts[: len(x)], parts[len(x) :]
    return y if bias is None else y + _along(bias, channel_axis, y.ndim)


def complex_weights(dtype, native, x, weight, bias, groups, channel_axis):
    """Real numbers with a complex kernel, whose parts are filters of their own."""
    filters, *shape = weight.shape
    weight = weight.astype(dtype).reshape(groups, filters // groups, *shape)
    both = np.concatenate([weight.real, weight.imag], axis=1).reshape(2 * filters, *shape)
    parts = np.moveaxis(native(x.astype(both.dtype), both, None, groups), channel_axis, 1)
    parts = parts.reshape(len(x), groups, 2, filters // groups, *parts.shape[2:])
    y = np.empty((len(x), filters, *parts.shape[4:]), dtype)
    y.real, y.imag = (parts[:, :, i].reshape(y.shape) for i in (0, 1))
    y = np.moveaxis(y, 1, channel_axis)
    return y if bias is None else y + _along(bias, channel_axis, y.ndim)


def _along(bias, axis, ndim):
    shape = [1] * ndim
    shape[axis] = -1
    return bias.reshape(shape)


def complex_(native, x, weight, bias, groups, channel_axis):
    """Complex numbers as pairs of real channels: (a + ib)(c + id) = (ac - bd) + i(ad + bc)."""
    if weight.dtype.kind != "c":
        return complex_inputs(native, x, weight, bias, groups, channel_axis)
    real_x = _pairs(x, groups, channel_axis)
    filters, depth, *kernel = weight.shape
    w = weight.astype(x.dtype).reshape(groups, filters // groups, depth, *kernel)
    to_real = np.concatenate([w.real, -w.imag], axis=2)
    to_imag = np.concatenate([w.imag, w.real], axis=2)
    real_w = np.concatenate([to_real, to_imag], axis=1).reshape(2 * filters, 2 * depth, *kernel)

    real_b = None
    if bias is not None:
        b = bias.astype(x.dtype).reshape(groups, filters // groups)
        real_b = np.concatenate([b.real, b.imag], axis=1).reshape(-1)

    y = np.moveaxis(native(real_x, real_w, real_b, groups), channel_axis, 1)
    batch = len(y)
    y = y.reshape(batch, groups, 2, filters // groups, *y.shape[2:])
    out = np.empty((batch, filters, *y.shape[4:]), x.dtype)
    out.real = y[:, :, 0].reshape(out.shape)
    out.imag = y[:, :, 1].reshape(out.shape)
    return np.moveaxis(out, 1, channel_axis)


def integer_weight(native, reference, around, x, grad_output, channel_axis):
    """Weight gradients of integers, exactly, as `integer` does."""
    limit = integers.bound(x, np.moveaxis(grad_output, channel_axis, 0), around=around)
    carrier = integers.carrier(limit)
    if carrier is None:
        return reference(x, grad_output)
    total = native(x.astype(carrier), grad_output.astype(carrier))
    result = np.empty(total.shape, x.dtype)
    integers.store(total, result)
    return result


def complex_weight(native, x, grad_output, groups, channel_axis):
    """Weight gradients of complex numbers: (g + ih)(a - ib) = (ga + hb) + i(ha - gb)."""
    real = native(_pairs(x, groups, channel_axis), _pairs(grad_output, groups, channel_axis))
    filters, depth, *kernel = real.shape
    parts = real.reshape(groups, 2, filters // groups // 2, 2, depth // 2, *kernel)
    result = np.empty((filters // 2, depth // 2, *kernel), x.dtype)
    result.real = (parts[:, 0, :, 0] + parts[:, 1, :, 1]).reshape(result.shape)
    result.imag = (parts[:, 1, :, 0] - parts[:, 0, :, 1]).reshape(result.shape)
    return result


def _pairs(x, groups, channel_axis):
    """Complex `x` with twice the channels: in every group first the real parts, then the others."""
    planes = np.moveaxis(x, channel_axis, 1)
    batch, channels, *spatial = planes.shape
    grouped = planes.reshape(batch, groups, 1, channels // groups, *spatial)
    pairs = np.concatenate([grouped.real, grouped.imag], axis=2)
    return np.moveaxis(pairs.reshape(batch, 2 * channels, *spatial), 1, channel_axis)

"""Convolutions for JAX over our engine, on the CPU (extra ``jax``).

Under `jax.jit` they are calls out of the compiled program (`jax.pure_callback`); `jax.grad` and `jax.vjp`
know their gradients, of the first order.

>>> import jax, jax.numpy as jnp, fastconv.jax
>>> x, w = jnp.ones((1, 1, 4, 4)), jnp.ones((1, 1, 3, 3))
>>> jax.jit(fastconv.jax.conv2d)(x, w)[0, 0]
Array([[9., 9.],
       [9., 9.]], dtype=float32)
>>> jax.grad(lambda w: fastconv.jax.conv2d(x, w).sum())(w)[0, 0, 0]
Array([4., 4., 4.], dtype=float32)
"""

import functools

import numpy as np

try:
    import jax
except ImportError as error:
    raise ImportError('fastconv.jax needs JAX: pip install "fastconv[jax]"') from error

from . import conv, grad
from ._core.arguments import as_ints, one_of, split_input
from ._core.problem import LAYOUTS
from ._core.sizes import conv_output, resolve_padding

__all__ = ["conv1d", "conv2d", "conv3d"]

_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)
_GRAD = (None, grad.conv1d, grad.conv2d, grad.conv3d)


def _out(function, results, *arrays):
    """What `function` of arrays gives, from within a program that JAX compiles."""
    return jax.pure_callback(function, results, *arrays, vmap_method="sequential")


def _arrays(values):
    return [None if value is None else np.asarray(value) for value in values]


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def _convolve(x, weight, bias, ndim, shape, options):
    def run(*operands):
        return _CONV[ndim](*_arrays(operands), **dict(options))

    return _out(run, jax.ShapeDtypeStruct(shape, x.dtype), x, weight, bias)


def _forward(x, weight, bias, ndim, shape, options):
    return _convolve(x, weight, bias, ndim, shape, options), (x, weight, bias)


def _backward(ndim, shape, options, operands, grad_output):
    x, weight, bias = operands

    def run(x, weight, grad_output):
        return _GRAD[ndim](*_arrays((x, weight, grad_output)), **dict(options))

    results = (x, weight, jax.ShapeDtypeStruct((weight.shape[0],), x.dtype))
    results = tuple(jax.ShapeDtypeStruct(r.shape, r.dtype) for r in results)
    of_input, of_weight, of_bias = _out(run, results, x, weight, grad_output)
    return of_input, of_weight, None if bias is None else of_bias


_convolve.defvjp(_forward, _backward)


def _call(ndim, x, weight, bias, stride, padding, dilation, groups, data_format):
    op = f"conv{ndim}d"
    x, weight = jax.numpy.asarray(x), jax.numpy.asarray(weight)
    bias = None if bias is None else jax.numpy.asarray(bias)
    one_of(op, "data_format", data_format, LAYOUTS)
    batch, _, sizes = split_input(op, ndim, x.shape, data_format)
    if weight.ndim != ndim + 2:
        raise ValueError(f"{op}: weight must have {ndim + 2} axes, got shape {weight.shape}")
    stride, dilation = (
        as_ints(op, name, value, ndim, 1) for name, value in (("stride", stride), ("dilation", dilation))
    )
    pads = resolve_padding(op, padding, sizes, weight.shape[2:], stride, dilation)
    outputs = conv_output(op, sizes, weight.shape[2:], stride, dilation, pads)
    shape = (
        (*outputs, weight.shape[0]) if data_format == "channels_last" else (weight.shape[0], *outputs)
    )
    shape = (batch, *shape) if x.ndim == ndim + 2 else shape
    options = dict(
        stride=stride, padding=pads, dilation=dilation, groups=groups, data_format=data_format
    )
    return _convolve(x, weight, bias, ndim, shape, tuple(options.items()))


def conv1d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, data_format="channels_first"
):
    """As `fastconv.conv1d`, for JAX."""
    return _call(1, input, weight, bias, stride, padding, dilation, groups, data_format)


def conv2d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, data_format="channels_first"
):
    """As `fastconv.conv2d`, for JAX: within `jax.jit`, and with gradients.

    Parameters
    ----------
    input, weight, bias, stride, padding, dilation, groups, data_format
        As in `fastconv.conv2d`; arrays of JAX, or what it makes arrays of.

    Returns
    -------
    jax.Array

    Raises
    ------
    ValueError, TypeError
        For wrong arguments.

    Examples
    --------
    >>> import jax.numpy as jnp, fastconv.jax
    >>> fastconv.jax.conv2d(jnp.ones((1, 8, 8)), jnp.ones((4, 1, 3, 3)), padding="same").shape
    (4, 8, 8)
    """
    return _call(2, input, weight, bias, stride, padding, dilation, groups, data_format)


def conv3d(
    input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, data_format="channels_first"
):
    """As `fastconv.conv3d`, for JAX."""
    return _call(3, input, weight, bias, stride, padding, dilation, groups, data_format)

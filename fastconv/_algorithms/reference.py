# Convolution in plain NumPy: one sum of products per kernel tap over a strided view of the padded
# input. Slow, small, and right: the oracle for every other room. `einsum` keeps to loops of its own,
# in one order and one thread; BLAS would be quicker, but it is among what is tested against this.

from math import prod

import numpy as np

from .._core import integers
from .._core.padding import pad

name = "reference"
kinds = ("conv", "separable")
local = True


def supports(problem):
    return None


def estimate(problem, machine, prepacked):
    outputs = problem.batch * prod(problem.output) * problem.taps
    return machine.seconds(
        name,
        flops=machine.threads * 2 * problem.macs,
        tiles=machine.threads * problem.batch * problem.groups * problem.taps,
        moved=machine.threads * outputs * (problem.in_channels + problem.out_channels),
        rows=0,
        weights=0,
    )


def workspace(problem, threads):
    return 0


def compile(problem):
    return problem


def prepare(problem, weight, threads):
    if problem.kind == "conv":
        return weight
    columns, rows = weight
    return (columns[:, :, None] * rows[:, None]).reshape(problem.weight_shape)


@np.errstate(over="ignore", invalid="ignore")
def run(problem, packed, inputs, outputs, threads):
    x, bias = inputs
    (y,) = outputs
    p = problem
    last = p.layout == "channels_last"
    if last:
        x, y = np.moveaxis(x, -1, 1), np.moveaxis(y, -1, 1)
    wide = _accumulator(x, packed, bias, p.padding_value)
    # Pad first: zeros put among Python integers would be NumPy's.
    padded = pad(problem, x).astype(wide, copy=False)
    weight = packed.astype(wide, copy=False)
    grouped = padded.reshape(p.batch, p.groups, p.in_channels // p.groups, *padded.shape[2:])
    weight = weight.reshape(p.groups, p.out_channels // p.groups, *weight.shape[1:])
    total = np.zeros((p.batch, p.groups, p.out_channels // p.groups, *p.output), wide)
    flat = (p.batch, p.groups, p.in_channels // p.groups, int(np.prod(p.output)))
    for tap in np.ndindex(*p.kernel):
        window = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, d, o, s in zip(tap, p.dilation, p.output, p.stride)
        )
        columns = grouped[(..., *window)].reshape(flat)
        total += np.einsum("gkc,ngcp->ngkp", weight[(..., *tap)], columns).reshape(total.shape)
    total = total.reshape(y.shape)
    if bias is not None:
        total += bias.astype(wide).reshape(-1, *(1,) * p.ndim)
    if p.relu:
        total[total < 0] = 0
    if y.dtype.kind in "iu":
        integers.store(total, y)
    else:
        y[...] = total


def _accumulator(x, weight, bias, around):
    """The dtype of the sums: wide integers, or double precision."""
    if x.dtype.kind in "iu":
        return integers.accumulator(integers.bound(x, weight, bias, around))
    return np.complex128 if x.dtype.kind == "c" else np.float64

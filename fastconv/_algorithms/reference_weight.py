# Weight gradients in plain NumPy: one sum of products per kernel tap, over the outputs where that
# tap meets an element of the input. Slow, small, and right: the oracle for every other room of the
# kind.

from math import prod

import numpy as np

from .._core import integers
from .._core.padding import pad

name = "reference"
kinds = ("grad_weight",)
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
    return None


def run(problem, packed, inputs, outputs, threads):
    x, grad_output = inputs
    (grad_weight,) = outputs
    p = problem
    if p.layout == "channels_last":
        x, grad_output = np.moveaxis(x, -1, 1), np.moveaxis(grad_output, -1, 1)
    if p.padding_mode != "zeros":
        x = pad(p, x)
        p = p._replace(input=x.shape[2:], pad_begin=(0,) * p.ndim)
    wide = _accumulator(x, grad_output)
    x = x.astype(wide, copy=False).reshape(p.batch, p.groups, p.in_channels // p.groups, *p.input)
    grad_output = grad_output.astype(wide, copy=False)
    grad_output = grad_output.reshape(p.batch, p.groups, p.out_channels // p.groups, *p.output)
    total = np.zeros((p.groups, grad_output.shape[2], x.shape[2], *p.kernel), wide)
    for tap in np.ndindex(*p.kernel):
        reach = [_reach(p, axis, t) for axis, t in enumerate(tap)]
        rows = grad_output[(..., *(outer for outer, _ in reach))]
        columns = x[(..., *(inner for _, inner in reach))]
        rows, columns = (a.reshape(*a.shape[:3], prod(a.shape[3:])) for a in (rows, columns))
        total[(..., *tap)] = np.einsum("ngkp,ngcp->gkc", rows, columns)
    total = total.reshape(grad_weight.shape)
    if grad_weight.dtype.kind in "iu":
        integers.store(total, grad_weight)
    else:
        grad_weight[...] = total


def _reach(problem, axis, tap):
    """Slices of the outputs that meet the input at `tap` along `axis`, and of what they meet."""
    size, stride = problem.input[axis], problem.stride[axis]
    shift = tap * problem.dilation[axis] - problem.pad_begin[axis]
    start = max(-(shift // stride), 0)
    stop = max(min((size - 1 - shift) // stride + 1, problem.output[axis]), start)
    if start == stop:
        return slice(0, 0), slice(0, 0)
    first = start * stride + shift
    return slice(start, stop), slice(first, first + (stop - start - 1) * stride + 1, stride)


def _accumulator(x, grad_output):
    """The dtype of the sums: wide integers, or double precision."""
    if x.dtype.kind in "iu":
        return integers.accumulator(integers.bound(x, np.moveaxis(grad_output, 1, 0)))
    return np.complex128 if x.dtype.kind == "c" else np.float64

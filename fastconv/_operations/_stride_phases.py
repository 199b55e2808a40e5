"""Gradients to the input of a convolution, alias transposed convolutions, as plain convolutions.

Output ``i`` of a convolution sees input ``o = i * stride + tap * dilation - pad`` at a tap. Of the
inputs whose ``o + pad`` leave the same remainder by the stride, a *phase*, all are seen by the same
taps, and neighbours by neighbouring outputs: along each axis a phase of the gradient is a
convolution of the output's gradient, with stride 1, the phase's taps in reverse order, and a
padding that may be negative. With channels and filters exchanged, that goes for all axes at once.
"""

from itertools import product
from math import gcd, prod
from typing import NamedTuple

import numpy as np

from .._planner import planner
from ._asked import Asked


class Phase(NamedTuple):
    """A part of a gradient to the input that is one convolution."""

    problem: object  # the Problem, of kind "conv"
    taps: tuple  # of the kernel, one slice per axis
    inputs: tuple  # of the gradient, one slice per axis


class _Axis(NamedTuple):
    """What a phase is along one axis."""

    taps: slice
    inputs: slice
    kernel: int
    dilation: int
    pad: int
    output: int


def phases(problem):
    """The Phases of a `problem` of kind "grad_input"; inputs in none of them meet no tap."""
    p = problem
    axes = [list(_phases_along(p, axis)) for axis in range(p.ndim)]
    for parts in product(*axes):
        sizes = (p.output, *zip(*((a.kernel, 1, a.dilation, a.pad, a.output) for a in parts)))
        outer, kernel, stride, dilation, pad, output = sizes
        # What the last window leaves unused is cropped, what it lacks is padded.
        end = tuple(
            n - 1 + d * (k - 1) + 1 - before - size
            for n, d, k, before, size in zip(output, dilation, kernel, pad, outer)
        )
        conv = p._replace(
            kind="conv", in_channels=p.out_channels, out_channels=p.in_channels, input=outer,
            kernel=kernel, stride=stride, dilation=dilation, pad_begin=pad, pad_end=end,
            output=output,
        )  # fmt: skip
        yield Phase(conv, tuple(a.taps for a in parts), tuple(a.inputs for a in parts))


def _phases_along(problem, axis):
    """The _Axis of every phase that has taps and inputs."""
    p = problem
    kernel, stride, dilation = p.kernel[axis], p.stride[axis], p.dilation[axis]
    pad, size = p.pad_begin[axis], p.input[axis]
    # Taps so far apart are in the same phase, which sees them as neighbours `spread` apart.
    period = stride // gcd(stride, dilation)
    spread = period * dilation // stride
    for tap in range(min(period, kernel)):
        first = (tap * dilation - pad) % stride
        if first >= size:
            continue
        count = -(-(kernel - tap) // period)
        seen = (first + pad - tap * dilation) // stride  # the output that sees `first` at `tap`
        yield _Axis(
            taps=slice(tap + (count - 1) * period, None, -period),
            inputs=slice(first, None, stride),
            kernel=count,
            dilation=spread if count > 1 else 1,
            pad=(count - 1) * spread - seen,
            output=-(-(size - first) // stride),
        )


class InputGradient:
    """A problem of kind "grad_input" with the rooms that run its phases, one after another.

    It has the face of an `Executable`. The weight has the filters of the result first:
    ``(in_channels, out_channels // groups, *kernel)`` in the terms of the problem; the inputs are
    the gradient of the output and a bias for the result, or None.
    """

    def __init__(self, problem, settings, prepacked=False):
        self.problem = problem
        self.phases = tuple(phases(problem))
        self._executables = [
            planner.choose(phase.problem, settings, prepacked=prepacked, exchanged=True)
            for phase in self.phases
        ]
        covered = sum(prod(phase.problem.output) for phase in self.phases)
        self._gaps = covered < prod(problem.input)

    def asked(self, settings, packs=False, note=""):
        """An Asked for every different phase, the one with most work first."""
        executables = {executable.problem: executable for executable in self._executables}
        count, asked = len(self.phases), []
        for one in sorted(executables.values(), key=lambda e: e.problem.macs, reverse=True):
            which = "one" if asked else "the largest"
            part = f"{which} of {count} stride phases" if count > 1 else "with the kernel reversed"
            what = f"{note}; {part}" if note else part
            asked.append(Asked(one.problem, settings, one, packs, what, exchanged=True))
        return asked

    def prepare(self, weight):
        """Packed weights for `run`, one for each phase."""
        return [
            executable.prepare(weight[(..., *phase.taps)])
            for phase, executable in zip(self.phases, self._executables)
        ]

    def run(self, weight, packed, inputs, outputs):
        """Compute; `packed` as prepared from `weight`, or None to pack now."""
        _, bias = inputs
        (y,) = outputs
        last = self.problem.layout == "channels_last"
        if self._gaps:
            fill(self.problem, bias, y)
        packed = packed or [None] * len(self.phases)
        for phase, executable, weights in zip(self.phases, self._executables, packed):
            part = (slice(None), *phase.inputs) if last else (..., *phase.inputs)
            executable.run(weight[(..., *phase.taps)], weights, inputs, (y[part],))


def exchanged(weight, groups):
    """`weight` with filters and channels exchanged: (K, C // groups, ...) to (C, K // groups, ...)."""
    if groups == 1:
        return weight.swapaxes(0, 1)
    filters, channels, *kernel = weight.shape
    grouped = weight.reshape(groups, filters // groups, channels, *kernel).swapaxes(1, 2)
    return grouped.reshape(groups * channels, filters // groups, *kernel)


def fill(problem, bias, y):
    """Set `y` to what sums of no products are: the bias, through the activation."""
    y[...] = 0
    if bias is not None and y.size:
        channel_axis = -1 if problem.layout == "channels_last" else 1
        np.moveaxis(y, channel_axis, -1)[...] = np.maximum(bias, 0) if problem.relu else bias

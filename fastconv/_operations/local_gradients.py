"""Gradients of locally connected layers to their input, their weight and their bias."""

from functools import partial
from math import prod

import numpy as np

from .._core import integers
from .._core.arguments import as_array
from .._core.arrays import native
from .._core.settings import current
from . import _calls
from ._arguments import PER_SAMPLE, check_gradient, check_needs
from ._asked import axes_of
from .local import LocalCall, gathered, margins, rows_at_once, windows_of

names = {f"grad.locally_connected{ndim}d": ("input", "grad_output") for ndim in (1, 2, 3)}


def differentiate(
    op, ndim, input, weight, grad_output, stride, padding, dilation, needs, data_format
):
    """What the public functions do with their arguments; `op` is the name, for errors."""
    input, weight, grad_output = map(as_array, (input, weight, grad_output))
    settings = current()
    key = (
        op, *((a.shape, a.dtype) for a in (input, weight, grad_output)),
        # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
        *map(repr, (stride, padding, dilation, needs, data_format)), settings,
    )  # fmt: skip
    call = _calls.find(key)
    if call is None:
        call = LocalGradCall(
            op, ndim, input, weight, grad_output, stride, padding, dilation, needs, data_format,
            settings,
        )  # fmt: skip
        _calls.keep(key, call)
    return call.run(weight, input, grad_output)


def parse(name, arguments, settings, prepacked=False):
    """The LocalGradCall of a public function's `arguments`, by name."""
    a = arguments
    return LocalGradCall(
        name, axes_of(name), a["input"], a["weight"], a["grad_output"], a["stride"], a["padding"],
        a["dilation"], a["needs"], a["data_format"], settings,
    )  # fmt: skip


class LocalGradCall:
    """Gradients of the layer that a LocalCall checked, as far as `needs` says."""

    unasked = "matrix products for each output position: there is nothing to choose"

    def __init__(
        self, op, ndim, x, weight, grad_output, stride, padding, dilation, needs, data_format, settings
    ):  # fmt: skip
        needs = check_needs(op, needs)
        layer = LocalCall(
            op, ndim, x, weight, None, stride, padding, dilation, data_format, settings
        )
        check_gradient(op, x, weight, grad_output, layer.output_shape)
        self.op, self.settings, self.dtype = op, settings, layer.dtype
        self.problem = layer.problem
        self._unbatched = x.ndim == ndim + 1
        self._last = data_format == "channels_last"
        self._per_sample = PER_SAMPLE in needs
        self._needs = "input" in needs, self._per_sample or "weight" in needs, "bias" in needs
        per_sample = self._per_sample and not self._unbatched
        self._shapes = (
            x.shape,
            (len(x), *weight.shape) if per_sample else weight.shape,
            (self.problem.out_channels, *self.problem.output),
        )

    @property
    def output_shape(self):
        """The shapes of the gradients; None for those that are not needed."""
        return tuple(shape if need else None for shape, need in zip(self._shapes, self._needs))

    def asked(self, arguments):
        """Nothing: there is one way."""
        return []

    def prepare(self, arguments):
        """The weight, of the plan's own."""
        return (np.array(arguments["weight"]),)

    def bind(self, prepared):
        """`run` with what was prepared."""
        return partial(self.run, *prepared)

    def run(self, weight, input, grad_output, out=None):
        """New arrays."""
        if out is not None:
            raise TypeError(f"{self.op}: gradients take no out")
        x, g = (self._planes(native(a)) for a in (input, grad_output))
        found = (
            self._grad_input(weight, g) if self._needs[0] else None,
            self._grad_weight(x, g) if self._needs[1] else None,
            g.sum(axis=0, dtype=_sum_dtype(self.dtype, len(g), g)) if self._needs[2] else None,
        )
        return tuple(
            None if total is None else self._stored(total, shape)
            for total, shape in zip(found, self._shapes)
        )

    def _planes(self, array):
        """`array` with a batch, channels first."""
        array = array[None] if self._unbatched else array
        return np.moveaxis(array, -1, 1) if self._last else array

    def _stored(self, total, shape):
        """Sums in the dtype of the result."""
        result = np.empty(shape, self.dtype)
        if self.dtype.kind in "iu":
            integers.store(total.reshape(shape), result)
        else:
            with np.errstate(over="ignore"):
                result[...] = total.reshape(shape)
        return result

    def _grad_input(self, weight, g):
        """Sums of what every output position passes back to its window."""
        p = self.problem
        wide = _sum_dtype(self.dtype, p.out_channels * p.taps, weight, g)
        grow, crop, need = margins(p)
        seen = np.zeros((len(g), p.in_channels, *need), wide)
        terms = p.in_channels * p.taps
        step = rows_at_once(len(g), terms, p.output, wide)
        for start in range(0, p.output[0], step):
            kernels = weight[start : start + step].astype(wide, copy=False)
            # (places, terms, out_channels) times (places, out_channels, N).
            right = _places(g, start, step, wide)
            matrices = kernels.reshape(len(right), p.out_channels, terms).swapaxes(1, 2).conj()
            passed = np.matmul(matrices, right)
            passed = passed.reshape(*kernels.shape[: p.ndim], p.in_channels, *p.kernel, len(g))
            passed = np.moveaxis(passed, (-1, p.ndim), (0, 1))
            for tap in np.ndindex(*p.kernel):
                first = [t * d for t, d in zip(tap, p.dilation)]
                first[0] += start * p.stride[0]
                window = tuple(
                    slice(f, f + (n - 1) * s + 1, s)
                    for f, n, s in zip(first, passed.shape[2:], p.stride)
                )
                seen[(..., *window)] += passed[(..., *tap)]
        whole = np.zeros(
            (*seen.shape[:2], *(n + sum(pads) for n, pads in zip(p.input, grow))), wide
        )
        whole[(..., *crop)] = seen
        inside = (slice(before, before + n) for n, (before, _) in zip(p.input, grow))
        total = whole[(..., *inside)]
        return np.moveaxis(total, 1, -1) if self._last else total

    def _grad_weight(self, x, g):
        """Products of every output position's gradients and its window, summed over images or not."""
        p = self.problem
        wide = _sum_dtype(self.dtype, 1 if self._per_sample else len(x), x, g)
        terms = p.in_channels * p.taps
        windows = windows_of(x, p)
        lead = (len(x),) if self._per_sample else ()
        total = np.empty((*lead, prod(p.output), p.out_channels, terms), wide)
        step = rows_at_once(len(x), terms, p.output, wide)
        per_row = prod(p.output[1:])
        for start in range(0, p.output[0], step):
            # (places, out_channels, N) and (places, N, terms).
            left = _places(g, start, step, wide)
            right = gathered(windows, start, step, wide).swapaxes(1, 2).conj()
            here = slice(start * per_row, start * per_row + len(left))
            if self._per_sample:
                left, right = np.moveaxis(left, -1, 0)[..., None], right.swapaxes(0, 1)[:, :, None]
                np.multiply(left, right, out=total[:, here])
            else:
                np.matmul(left, right, out=total[here])
        return total


def _places(g, start, step, wide):
    """Some rows of `g` (N, out_channels, *output) as (places, out_channels, N)."""
    block = np.moveaxis(g[:, :, start : start + step], (0, 1), (-1, -2))
    places = prod(block.shape[:-2])
    return block.astype(wide, order="C").reshape(places, g.shape[1], len(g))


def _sum_dtype(dtype, terms, *factors):
    """The dtype that every sum of so many products fits."""
    if dtype.kind in "iu":
        limit = terms
        for factor in factors:
            limit *= integers.bound(factor, np.ones((1, 1)))
        return integers.accumulator(limit)
    return np.float32 if dtype.itemsize == 2 else dtype

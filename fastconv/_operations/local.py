"""Locally connected layers: a convolution whose kernel is another one at every output position."""

from functools import partial
from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .._core import integers
from .._core.arguments import as_array, as_ints, one_of, split_input
from .._core.arrays import native
from .._core.dtypes import row_of
from .._core.problem import LAYOUTS, Problem
from .._core.processor import memory
from .._core.settings import current
from .._core.sizes import check_total, conv_output, effective_kernel, resolve_padding
from . import _calls
from ._arguments import check_dtypes
from ._asked import axes_of

names = {f"locally_connected{ndim}d": ("input",) for ndim in (1, 2, 3)}

# Bytes of windows gathered at a time; a block should stay in the outer cache.
_BLOCK_BYTES = 2**22


def locally_connected(ndim, input, weight, bias, stride, padding, dilation, data_format):
    """What the public functions do with their arguments."""
    op = f"locally_connected{ndim}d"
    input, weight = as_array(input), as_array(weight)
    bias = None if bias is None else as_array(bias)
    settings = current()
    key = (
        op, input.shape, input.dtype, weight.shape, weight.dtype,
        None if bias is None else (bias.shape, bias.dtype),
        # Equal as keys are 1, 1.0 and True, but not equally valid as arguments.
        *map(repr, (stride, padding, dilation, data_format)), settings,
    )  # fmt: skip
    call = _calls.find(key)
    if call is None:
        call = LocalCall(
            op, ndim, input, weight, bias, stride, padding, dilation, data_format, settings
        )
        _calls.keep(key, call)
    return call.run(weight, bias, input)


def parse(name, arguments, settings, prepacked=False):
    """The LocalCall of a public function's `arguments`, by name."""
    a = arguments
    return LocalCall(
        name, axes_of(name), a["input"], a["weight"], a["bias"], a["stride"], a["padding"],
        a["dilation"], a["data_format"], settings,
    )  # fmt: skip


class LocalCall:
    """Arguments checked against each other, and the `problem` they pose.

    `run` takes arrays of the shapes and dtypes it was made for.
    """

    unasked = "one matrix product for each output position: there is nothing to choose"

    def __init__(
        self, op, ndim, x, weight, bias, stride, padding, dilation, data_format, settings
    ):
        self.op, self.settings = op, settings
        one_of(op, "data_format", data_format, LAYOUTS)
        row_of(op, x.dtype)
        batch, channels, sizes = split_input(op, ndim, x.shape, data_format)
        check_dtypes(op, x, None, weight=weight)
        if weight.ndim != 2 * ndim + 2 or min(weight.shape[ndim + 2 :]) < 1:
            raise ValueError(
                f"{op}: weight must have {2 * ndim + 2} axes (*output, out_channels, in_channels, "
                f"*kernel), none of the kernel's empty; got shape {weight.shape}"
            )
        out_channels, kernel = weight.shape[ndim], weight.shape[ndim + 2 :]
        stride = as_ints(op, "stride", stride, ndim, 1)
        dilation = as_ints(op, "dilation", dilation, ndim, 1)
        pads = resolve_padding(op, padding, sizes, kernel, stride, dilation)
        output = conv_output(op, sizes, kernel, stride, dilation, pads)
        expected = (*output, out_channels, channels, *kernel)
        if weight.shape != expected:
            raise ValueError(
                f"{op}: input of shape {x.shape} has {channels} channels and {output} outputs, so "
                f"weight must have shape {expected}; got {weight.shape}"
            )
        if bias is not None:
            check_dtypes(op, x, None, bias=bias)
            if bias.shape != (out_channels, *output):
                raise ValueError(
                    f"{op}: bias must have shape {(out_channels, *output)}; got {bias.shape}"
                )
        self.dtype = x.dtype.newbyteorder("=")
        self.problem = Problem(
            "local", self.dtype.name, data_format, batch, channels, out_channels, 1, sizes, kernel,
            stride, dilation, *(tuple(p) for p in zip(*pads)), output, bias=bias is not None,
        )  # fmt: skip
        shape = self.problem.output_shape
        check_total(op, "the result", shape, x.itemsize)
        padded = [n + max(before, 0) + max(after, 0) for n, (before, after) in zip(sizes, pads)]
        padded = self.problem.shape(channels, padded)
        check_total(op, "the padded input", padded, x.itemsize, memory())
        self._unbatched = x.ndim == ndim + 1
        self.output_shape = shape[1:] if self._unbatched else shape

    def asked(self, arguments):
        """Nothing: there is one way."""
        return []

    def prepare(self, arguments):
        """The weight and the bias, of the plan's own."""
        bias = arguments["bias"]
        return np.array(arguments["weight"]), None if bias is None else np.array(bias)

    def bind(self, prepared):
        """`run` with what was prepared."""
        return partial(self.run, *prepared)

    def run(self, weight, bias, input, out=None):
        """A new array."""
        if out is not None:
            raise TypeError(f"{self.op}: locally connected layers take no out")
        p = self.problem
        x = native(input)
        wide = _sum_dtype(x, weight, bias)
        x = x[None] if self._unbatched else x
        last = p.layout == "channels_last"
        total = _products(windows_of(np.moveaxis(x, -1, 1) if last else x, p), weight, wide)
        if bias is not None:
            total += bias.astype(wide)
        total = np.moveaxis(total, 1, -1) if last else total
        result = np.empty(self.output_shape, self.dtype)
        if self.dtype.kind in "iu":
            integers.store(total.reshape(self.output_shape), result)
        else:
            result[...] = total.reshape(self.output_shape)
        return result


def _sum_dtype(x, weight, bias):
    """The dtype that every sum fits."""
    if x.dtype.kind in "iu":
        terms = prod(weight.shape[weight.ndim // 2 :])
        filters = weight.reshape(-1, terms) if weight.size else np.zeros((1, 1))
        return integers.accumulator(integers.bound(x, filters, bias))
    return np.float32 if x.itemsize == 2 else x.dtype


def margins(problem):
    """What the windows touch along each axis: pairs to pad by, slices to crop to, and their sizes."""
    p = problem
    grow, crop, need = [], [], []
    for i, (before, kernel) in enumerate(zip(p.pad_begin, p.kernel)):
        reach = (p.output[i] - 1) * p.stride[i] + effective_kernel(kernel, p.dilation[i])
        grow.append((min(max(before, 0), reach), max(reach - before - p.input[i], 0)))
        crop.append(slice(max(-before, 0), max(-before, 0) + reach))
        need.append(reach)
    return grow, crop, need


def windows_of(x, problem):
    """Read-only view (N, C, *output, *kernel) of the padded `x`, channels first."""
    p = problem
    grow, crop, _ = margins(p)
    padded = np.pad(x, [(0, 0), (0, 0), *grow])[(..., *crop)]
    extent = tuple(map(effective_kernel, p.kernel, p.dilation))
    view = sliding_window_view(padded, extent, axis=tuple(range(2, x.ndim)))
    steps = tuple(slice(None, None, step) for step in (*p.stride, *p.dilation))
    return view[(slice(None), slice(None), *steps)]


def rows_at_once(batch, terms, output, wide):
    """Rows of the output whose windows, of so many terms, make a block."""
    row_bytes = batch * terms * prod(output[1:]) * np.dtype(wide).itemsize
    return max(_BLOCK_BYTES // max(row_bytes, 1), 1)


def gathered(windows, start, rows, wide):
    """The windows of some rows as (places, terms, N)."""
    ndim = (windows.ndim - 2) // 2
    block = np.moveaxis(windows[:, :, start : start + rows], (0, 1), (-1, ndim))
    places, terms = prod(block.shape[:ndim]), prod(block.shape[ndim:-1])
    return block.astype(wide, order="C").reshape(places, terms, len(windows))


def _products(windows, weight, wide):
    """Sums (N, out_channels, *output) of windows times weights, one matrix product per output.

    Works in blocks of rows of the output, so that the copy of the windows stays small.
    """
    ndim = (weight.ndim - 2) // 2
    batch = len(windows)
    output, out_channels = weight.shape[:ndim], weight.shape[ndim]
    terms = prod(weight.shape[ndim + 1 :])
    total = np.empty((batch, out_channels, *output), wide)
    rows = rows_at_once(batch, terms, output, wide)
    for start in range(0, output[0], rows):
        kernels = weight[start : start + rows].astype(wide, copy=False)
        # The windows of one place are the columns of its matrix product.
        block = gathered(windows, start, rows, wide)
        sums = np.matmul(kernels.reshape(len(block), out_channels, terms), block)
        sums = sums.reshape(*kernels.shape[:ndim], out_channels, batch)
        total[:, :, start : start + rows] = np.moveaxis(sums, (-1, -2), (0, 1))
    return total

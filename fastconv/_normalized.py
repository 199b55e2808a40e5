"""Normalised convolution and its gradients: two convolutions, of what is there and of where it is.

With v = 1 where an element counts and 0 where it is left out, the result is
``conv(v x, w) / conv(v, w)``. Both are sums in which every product is rounded for itself: no transform and
no Winograd, which mix elements, so that a sum of nothing is zero, and not nearly so.
"""

from functools import lru_cache

import numpy as np

from . import conv
from ._core.arguments import as_ints, one_of, split_input
from ._core.dtypes import row_of
from ._core.problem import LAYOUTS
from ._core.settings import current
from ._core.sizes import resolve_padding
from ._kernels.isa import active
from ._operations import _passes
from ._operations.gradients import differentiate as gradients_of
from .planning import explain

_CONV = (None, conv.conv1d, conv.conv2d, conv.conv3d)
# Algorithms that multiply an input with a weight and nothing else.
_PLAIN = ("direct", "separable", "im2col", "reference")
NANS = ("ignore", "propagate")


class Parts:
    """What both convolutions take: data without what is left out, where it counts, and options."""

    def __init__(self, op, ndim, input, weight, mask, nan, padding_mode, padding_value, options):
        one_of(op, "nan", nan, NANS)
        one_of(op, "data_format", options["data_format"], LAYOUTS)
        left_out = None
        if isinstance(input, np.ma.MaskedArray):
            left_out, input = np.ma.getmaskarray(input), input.data
        input, weight = np.asarray(input), np.asarray(weight)
        row_of(op, input.dtype)
        if weight.dtype.kind == "c":
            raise TypeError(f"{op}: weight of dtype {weight.dtype}: a mean needs real weights")
        row_of(op, weight.dtype, name="weight")
        self.batch, self.channels, self.spatial = split_input(
            op, ndim, input.shape, options["data_format"]
        )
        wide = np.result_type(input, np.float64 if input.dtype.kind in "iub" else np.float16)
        self.op, self.ndim = op, ndim
        self.dtype = wide
        self.x = input.astype(np.float32 if wide == np.float16 else wide, copy=False)
        real = np.zeros(0, self.x.dtype).real.dtype
        self.weight = weight.astype(real, copy=False)
        if nan == "ignore" and wide.kind in "fc":
            missing = np.isnan(self.x)
            if missing.any():
                left_out = missing if left_out is None else left_out | missing
        if mask is not None:
            mask = np.asarray(mask)
            if mask.dtype != bool:
                raise TypeError(
                    f"{op}: mask must be of bools, True where an element is left out; got {mask.dtype}"
                )
            try:
                mask = np.broadcast_to(mask, input.shape)
            except ValueError:
                raise ValueError(
                    f"{op}: mask of shape {mask.shape} does not broadcast to input {input.shape}"
                ) from None
            left_out = mask if left_out is None else left_out | mask
        self.left_out = left_out
        self.there = np.ones(input.shape, real)
        if left_out is not None:
            self.there[left_out] = 0
            self.x = np.where(left_out, np.zeros((), self.x.dtype), self.x)
        # Padding counts, whatever it holds, but for NaN.
        self.options = self.of_there = {**options, "padding_mode": padding_mode}
        if padding_mode == "zeros":
            self.of_there = {**options, "padding_mode": "constant", "padding_value": 1}
        elif padding_mode == "constant":
            nothing = nan == "ignore" and padding_value != padding_value
            self.options = {**self.options, "padding_value": 0 if nothing else padding_value}
            self.of_there = {**self.options, "padding_value": 0 if nothing else 1}
        else:
            self.options = self.of_there = {**self.options, "padding_value": padding_value}

    def sums(self):
        """(sums of products, sums of weights), as new arrays."""
        return self._sum(self.x, self.options), self._sum(self.there, self.of_there)

    def _sum(self, x, options):
        run = _CONV[self.ndim]
        algorithm = None
        if not _is_plain(run, x.shape, x.dtype, self.weight.shape, tuple(options.items())):
            outer = self.weight.shape[1] == 1 and _passes.factors(self.weight) is not None
            algorithm = _passes.NAME if outer and self.ndim > 1 else "direct"
        try:
            return run(x, self.weight, algorithm=algorithm, **options)
        except ValueError:
            if algorithm != _passes.NAME:
                raise
            return run(x, self.weight, algorithm="direct", **options)

    def total(self):
        """The sum of the absolute weights of every filter, in the shape of a result without a batch."""
        total = np.abs(self.weight).sum(axis=tuple(range(1, self.weight.ndim)), dtype=np.float64)
        ones = (1,) * self.ndim
        return (
            total.reshape(*ones, -1)
            if self.options["data_format"] == "channels_last"
            else total.reshape(-1, *ones)
        )


def _is_plain(run, shape, dtype, weight, options):
    """Whether the algorithm for such arrays multiplies an input with a weight and nothing else."""
    try:
        return _chosen(run, shape, dtype, weight, options, current(), active())
    except TypeError:  # an option of no hash
        return _chosen.__wrapped__(run, shape, dtype, weight, options, current(), active())


@lru_cache(maxsize=512)
def _chosen(run, shape, dtype, weight, options, settings, level):
    told = explain(run, shape, weight, **dict(options), dtype=dtype)
    return told.algorithm is None or told.algorithm.startswith(_PLAIN)


def convolve(
    op, ndim, input, weight, mask, nan, minimum_weight, preserve_nan, return_weights, padding_mode,
    padding_value, out, **options,
):  # fmt: skip
    """What the public functions do with their arguments."""
    parts = Parts(op, ndim, input, weight, mask, nan, padding_mode, padding_value, options)
    if not (isinstance(minimum_weight, (int, float)) and 0 <= minimum_weight <= 1):
        raise ValueError(
            f"{op}: minimum_weight must be a share of the weights, from 0 to 1; got {minimum_weight!r}"
        )
    if not isinstance(preserve_nan, (bool, np.bool_)):
        raise TypeError(f"{op}: preserve_nan must be True or False, got {preserve_nan!r}")
    total, weights = parts.sums()
    y = _divided(parts, total, weights, minimum_weight)
    if preserve_nan and parts.left_out is not None:
        y[_middle_missing(parts, y.shape)] = np.nan
    y = y.astype(parts.dtype, copy=False)
    if out is not None:
        if not isinstance(out, np.ndarray) or out.shape != y.shape or out.dtype != y.dtype:
            raise ValueError(f"{op}: out must be an array of shape {y.shape} and dtype {y.dtype}")
        out[...] = y
        y = out
    return (y, weights) if return_weights else y


def differentiate(
    op, ndim, input, weight, grad_output, mask, needs, nan, minimum_weight, padding_mode, padding_value,
    **options,
):  # fmt: skip
    """The gradients of what `convolve` gives to its input and its weight."""
    needs = tuple(needs)
    for name in needs:
        one_of(op, "needs", name, ("input", "weight"))
    parts = Parts(op, ndim, input, weight, mask, nan, padding_mode, padding_value, options)
    total, weights = parts.sums()
    y = _divided(parts, total, weights, minimum_weight)
    grad_output = np.asarray(grad_output)
    if grad_output.shape != y.shape:
        raise ValueError(
            f"{op}: grad_output must have the shape of the result, {y.shape}; got {grad_output.shape}"
        )
    with np.errstate(all="ignore"):
        of_total = np.where(np.isnan(y), 0, grad_output / weights).astype(y.dtype)
        # y = total / weights: the gradient to the weights is -y times that to the total.
        of_weights = np.where(np.isnan(y), 0, -(y * np.conj(of_total)).real).astype(parts.weight.dtype)
    grad_input = grad_weight = None
    if "input" in needs:
        grad_input = _gradients(parts, parts.x, of_total, "input", parts.options)[0]
        if parts.left_out is not None:
            grad_input[parts.left_out] = 0
        grad_input = grad_input.astype(parts.dtype, copy=False)
    if "weight" in needs:
        grad_weight = _gradients(parts, parts.x, of_total, "weight", parts.options)[1].real
        grad_weight = (
            grad_weight + _gradients(parts, parts.there, of_weights, "weight", parts.of_there)[1]
        )
    return grad_input, grad_weight


def _gradients(parts, x, grad_output, which, options):
    o = options
    return gradients_of(
        parts.op, parts.ndim, x, parts.weight, grad_output, o["stride"], o["padding"], o["dilation"],
        o["groups"], (which,), o["data_format"], o["padding_mode"], o.get("padding_value", 0), o["flip"], None,
        None, None, None,
    )  # fmt: skip


def _divided(parts, total, weights, minimum_weight):
    """Means; NaN where too little of a filter remains."""
    with np.errstate(all="ignore"):
        y = np.divide(total, weights, out=total)
        y[~(np.abs(weights) > minimum_weight * parts.total())] = np.nan
    return y


def _middle_missing(parts, shape):
    """Where all elements under the middle of a kernel are left out, in the shape of the result."""
    o = parts.options
    last = o["data_format"] == "channels_last"
    unbatched = parts.left_out.ndim == parts.ndim + 1
    missing = parts.left_out[None] if unbatched else parts.left_out
    missing = np.moveaxis(missing, -1, 1) if last else missing
    groups = o["groups"]
    missing = missing.reshape(len(missing), groups, -1, *missing.shape[2:]).all(axis=2)
    stride, dilation = (
        as_ints(parts.op, name, o[name], parts.ndim, 1) for name in ("stride", "dilation")
    )
    kernel = parts.weight.shape[2:]
    pads = resolve_padding(parts.op, o["padding"], parts.spatial, kernel, stride, dilation)
    sizes = (shape if unbatched else shape[1:])[: parts.ndim] if last else shape[-parts.ndim :]
    for i in range(parts.ndim):
        at = np.arange(sizes[i]) * stride[i] - pads[i][0] + dilation[i] * (kernel[i] // 2)
        inside = (at >= 0) & (at < parts.spatial[i])
        missing = missing.take(at.clip(0, parts.spatial[i] - 1), axis=2 + i)
        missing &= inside.reshape(-1, *(1,) * (parts.ndim - 1 - i))
    missing = missing.repeat(len(parts.weight) // groups, axis=1)
    missing = np.moveaxis(missing, 1, -1) if last else missing
    return missing[0] if unbatched else missing

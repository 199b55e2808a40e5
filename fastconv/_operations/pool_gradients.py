"""Gradients of pooling: of averages and norms from sizes, of maxima from where these came from."""

from functools import reduce
from math import prod

import numpy as np

from .._core import dtypes, sizes
from .._core.arguments import as_array, as_shape, one_of, split_input
from .._core.arrays import Form, native
from .._core.outputs import stand_in
from .._core.problem import LAYOUTS, Problem
from .._core.settings import current
from .._core.windows_of import counts_along
from .._kernels.isa import active
from .._planner import planner
from . import _calls, pooling, unpooling
from ._asked import Asked, axes_of

names = {
    **{f"grad.{kind}_pool{n}d": ("grad_output",) for kind in ("avg", "adaptive_avg") for n in (1, 2, 3)},
    **{f"grad.lp_pool{n}d": ("grad_output", "input") for n in (1, 2, 3)},
    "grad.global_avg_pool": ("grad_output",),
    "grad.global_lp_pool": ("grad_output", "input"),
}  # fmt: skip


def avg_pool(op, grad_output, input_size, *windows, data_format, out):
    """What the public functions do with their arguments; `windows` are those of `_of_average`."""
    g = as_array(grad_output)
    return _call(op, g, _of_average, input_size, *windows, data_format).run(g, out)


def adaptive_avg_pool(op, grad_output, input_size, data_format, out):
    """What the public functions do with their arguments."""
    g = as_array(grad_output)
    return _call(op, g, _of_parts, input_size, data_format).run(g, out)


def global_avg_pool(op, grad_output, input_size, data_format, out):
    """What the public function does with its arguments."""
    g = as_array(grad_output)
    return _call(op, g, _of_all, input_size, data_format).run(g, out)


def lp_pool(op, grad_output, input, norm_type, *windows, data_format, out):
    """What the public functions do with their arguments; `windows` are those of `_of_norm`."""
    g, x = as_array(grad_output), as_array(input)
    call = _call(op, g, _of_norm, x.shape, x.dtype, norm_type, *windows, data_format)
    return call.run(g, x, out)


def max_pool(op, grad_output, indices_or_cache, input_size, data_format, out):
    """What the public functions do with their arguments."""
    g = as_array(grad_output)
    if isinstance(indices_or_cache, pooling.ArgmaxCache):
        settings = current()
        problem = indices_or_cache.problem
        key = op, g.dtype, problem, settings, active()
        call = _calls.find(key) or _calls.keep(key, MaximumCall(op, g.dtype, problem, settings))
        return call.run(g, indices_or_cache, input_size, out)
    ndim = g.ndim - 2 if "global" in op else axes_of(op)
    one_of(op, "data_format", data_format, LAYOUTS)
    if input_size is None:
        raise ValueError(f"{op}: indices do not tell the size of the input; give input_size")
    shape = _shape(op, ndim, g.shape, input_size, data_format)
    indices = as_array(indices_or_cache)
    return unpooling.scattered(
        op, "grad_output", g, indices, shape, ndim, data_format, out, add=True
    )


def max_unpool(op, grad_output, indices, data_format, out):
    """What the public functions do with their arguments."""
    one_of(op, "data_format", data_format, LAYOUTS)
    g, indices = as_array(grad_output), as_array(indices)
    return unpooling.gathered(op, "grad_output", g, indices, axes_of(op), data_format, out)


def parse(name, arguments, settings, prepacked=False):
    """The call of a public function's `arguments`, by name."""
    a = {"kernel_size": None, "stride": None, "count_include_pad": True, "divisor_override": None, **arguments}
    windows = [a.get(key) for key in ("kernel_size", "stride", "padding", "dilation", "ceil_mode")]
    g, data_format = a["grad_output"], a["data_format"]
    if "lp_pool" in name:
        x = a["input"]
        return _of_norm(name, g, x.shape, x.dtype, a["norm_type"], *windows, data_format, settings)
    if "adaptive" in name:
        return _of_parts(name, g, a["input_size"], data_format, settings)
    if "global" in name:
        return _of_all(name, g, a["input_size"], data_format, settings)
    return _of_average(
        name, g, a["input_size"], *windows, a["count_include_pad"], a["divisor_override"], data_format,
        settings,
    )  # fmt: skip


def _call(op, g, make, *arguments):
    """The call that ``make(op, g, *arguments, settings)`` makes, from the cache if it is there."""
    settings = current()
    key = (op, g.shape, g.dtype, *map(pooling.spelled, arguments), settings, active())
    return _calls.find(key) or _calls.keep(key, make(op, g, *arguments, settings))


def _shape(op, ndim, gradient, input_size, data_format):
    """The shape of the input, given as such or as spatial sizes, with `gradient`'s batch and channels."""
    batch, channels, _ = split_input(op, ndim, gradient, data_format)
    given = as_shape(op, "input_size", input_size)
    spatial = given
    if len(given) == len(gradient):
        *others, spatial = split_input(op, ndim, given, data_format)
        if others != [batch, channels]:
            raise ValueError(f"{op}: input_size {given} does not fit grad_output of shape {gradient}")
    if len(spatial) != ndim:
        raise ValueError(f"{op}: input_size must be a shape of {len(gradient)} sizes; got {given}")
    middle = (*spatial, channels) if data_format == "channels_last" else (channels, *spatial)
    return middle if len(gradient) == ndim + 1 else (batch, *middle)


def _spatial(op, g, ndim, input_size, data_format):
    one_of(op, "data_format", data_format, LAYOUTS)
    shape = _shape(op, ndim, g.shape, input_size, data_format)
    return split_input(op, ndim, shape, data_format)[2]


def _of_average(
    op, g, input_size, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad,
    divisor_override, data_format, settings,
):  # fmt: skip
    """The call for windows of one size, some steps apart."""
    spatial = _spatial(op, g, axes_of(op), input_size, data_format)
    pooling.check_flags(op, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    windows = pooling.sliding(op, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    options = dict(
        count_include_pad=bool(count_include_pad), divisor=pooling.divisor_of(op, divisor_override)
    )
    return AverageCall(op, g.shape, g.dtype, len(spatial), windows, data_format, settings, **options)


def _of_parts(op, g, input_size, data_format, settings):
    """The call for windows that part the input evenly; there are as many as elements of `g`."""
    spatial = _spatial(op, g, axes_of(op), input_size, data_format)
    parts = split_input(op, axes_of(op), g.shape, data_format)[2]
    windows, adaptive = pooling.parting(op, spatial, parts)
    return AverageCall(
        op, g.shape, g.dtype, len(spatial), windows, data_format, settings, adaptive=adaptive
    )


def _of_all(op, g, input_size, data_format, settings):
    """The call for one window, that is the whole input."""
    pooling.check_batched(op, "grad_output", g)
    spatial = _spatial(op, g, g.ndim - 2, input_size, data_format)
    windows = pooling.sliding(op, spatial, spatial, None, 0, 1, False)
    return AverageCall(op, g.shape, g.dtype, len(spatial), windows, data_format, settings)


def _of_norm(
    op, g, shape, dtype, norm_type, kernel_size, stride, padding, dilation, ceil_mode, data_format,
    settings,
):  # fmt: skip
    """The call for norms of windows of one size or, of a global one, of the whole input."""
    ndim = len(shape) - 2 if "global" in op else axes_of(op)
    spatial = _spatial(op, g, ndim, shape, data_format)
    if "global" in op:
        kernel_size, stride, padding, dilation, ceil_mode = spatial, None, 0, 1, False
    pooling.check_flags(op, ceil_mode=ceil_mode)
    windows = pooling.sliding(op, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    return NormCall(op, g.shape, g.dtype, shape, dtype, norm_type, windows, data_format, settings)


class AverageCall:
    """The gradient of averages: every window passes its share to all of its elements.

    What a window divides by is the same for all, or else the gradient is divided before. Windows one
    step apart pass back what a pooling of the gradient gives, with padding at the other side.
    """

    def __init__(self, op, shape, dtype, ndim, windows, data_format, settings, **options):
        self.op, self.settings = op, settings
        row = dtypes.row_of(op, dtype)
        if row.family == "integer":
            raise TypeError(f"{op}: grad_output has dtype {dtype}, whose averages are no integers")
        batch, channels, spatial = split_input(op, ndim, shape, data_format)
        if tuple(spatial) != windows.output:
            raise ValueError(
                f"{op}: grad_output has shape {shape}, but these windows of an input of sizes "
                f"{windows.input} make {windows.output}"
            )
        problem = Problem(
            "grad_avg_pool", row.carrier, data_format, batch, channels, channels, channels, *windows, **options
        )  # fmt: skip
        self.dtype = dtype.newbyteorder("=")
        sizes.check_total(op, "the result", problem.input_shape, self.dtype.itemsize)
        self._family, self._carrier = row.family, np.dtype(row.carrier)
        self._unbatched = len(shape) == ndim + 1
        self._counts = None
        if not problem.divisor:
            problem = problem._replace(divisor=self._share(problem))
        self.output_shape = problem.input_shape[1:] if self._unbatched else problem.input_shape
        self._form = Form(self.output_shape, self.dtype)
        self._whole = problem.input_shape
        self.problem = _mirrored(problem)
        self._executable = planner.choose(self.problem, settings)

    def _share(self, problem):
        """What windows divide by; 1 if it differs, and is divided by before."""
        along = counts_along(problem)
        if not all((counts == counts[:1]).all() for counts in along):
            counts = np.maximum(reduce(np.multiply.outer, along), 1).astype(self._carrier)
            self._counts = counts[..., None] if problem.layout == "channels_last" else counts
            return 1
        return max(prod(int(counts[0]) for counts in along if len(counts)), 1)

    def asked(self, arguments):
        """What the planner is asked, as a list of Asked."""
        if not self.problem.macs:
            return []
        note = "" if self.problem.kind == "grad_avg_pool" else "a pooling of the gradient"
        return [Asked(self.problem, self.settings, self._executable, note=note)]

    def prepare(self, arguments):
        """Nothing."""

    def bind(self, nothing):
        """`run`."""
        return self.run

    def run(self, g, out):
        """The gradient to the input: `out` if given, or a new array."""
        g = native(g)
        if out is None:
            out = target = self._form.empty(g)
        elif self._form.takes_result(out, g):
            target = out
        else:
            target = stand_in(self.op, out, self.output_shape, self.dtype)
        if not target.size:
            return out
        if self._family == "complex":
            pairs = (g.real, target.real), (g.imag, target.imag)
        else:
            pairs = ((g, target),)
        for given, result in pairs:
            self._pass_back(given, result)
        if target is not out:
            out[...] = target
        return out

    def _pass_back(self, g, x):
        if self._unbatched:
            g, x = g[None], x[None]
        if not g.size:
            x[...] = 0
            return
        g = g.astype(self._carrier, copy=False)
        if self._counts is not None:
            g = g / self._counts
        made = x if x.dtype == self._carrier else np.empty(self._whole, self._carrier)
        self._executable.run(None, None, (g,), (made,))
        if made is not x:
            with np.errstate(over="ignore"):
                x[...] = made


def _mirrored(problem):
    """The pooling of the gradient that passes the same back, if there is one; or `problem`."""
    p = problem
    # Of a single window there is nothing to add up.
    if p.adaptive or set(p.stride) != {1} or min(p.pad_end) < 0 or prod(p.output) < 2 or p.divisor < 0:
        return problem
    reach = [(k - 1) * d for k, d in zip(p.kernel, p.dilation)]
    before = tuple(r - pad for r, pad in zip(reach, p.pad_begin))
    after = tuple(n + r - m - b for n, r, m, b in zip(p.input, reach, p.output, before))
    return p._replace(
        kind="avg_pool", input=p.output, output=p.input, pad_begin=before, pad_end=after,
        count_include_pad=True,
    )  # fmt: skip


class NormCall:
    """The gradient of norms: ``x ** (p - 1)`` times what windows pass back of ``g * y ** (1 - p)``."""

    def __init__(self, op, shape, dtype, input_shape, input_dtype, norm_type, windows, data_format, settings):
        self.op, self.settings = op, settings
        self._p = pooling.norm_of(op, norm_type)
        if dtype != input_dtype:
            raise TypeError(f"{op}: grad_output has dtype {dtype}, input has {input_dtype}")
        ndim = len(windows.kernel)
        stand = np.broadcast_to(np.zeros((), dtype), input_shape)
        self._norms = pooling.NormCall(op, stand, ndim, windows, norm_type, data_format, settings)
        wide = np.dtype(dtypes.row_of(op, dtype).carrier)
        self._back = AverageCall(op, shape, wide, ndim, windows, data_format, settings, divisor=1)
        self.problem, self.dtype, self._wide = self._back.problem, self._norms.dtype, wide
        self.output_shape = tuple(input_shape)
        self._form = Form(self.output_shape, self.dtype)

    def asked(self, arguments):
        """What the planner is asked, as a list of Asked."""
        return self._back.asked(arguments) + self._norms.asked(arguments)

    def prepare(self, arguments):
        """Nothing."""

    def bind(self, nothing):
        """`run`."""
        return self.run

    def run(self, g, x, out):
        """The gradient to the input: `out` if given, or a new array."""
        if out is not None and not self._form.takes_result(out, g, x):
            stand_in(self.op, out, self.output_shape, self.dtype)
        x, g = (native(a).astype(self._wide, copy=False) for a in (x, g))
        p = self._p
        with np.errstate(all="ignore"):
            if p == 1:
                result = self._back.run(g, None)
            else:
                y = self._norms.run(x, None).astype(self._wide, copy=False)
                # Where a norm is zero it has no derivative; as in PyTorch, 0 stands for it.
                shares = np.where(y == 0, g.dtype.type(0), g * pooling.power(y, 1 - p))
                result = self._back.run(shares, None)
                result *= pooling.power(x, p - 1)
            if out is None:
                return result.astype(self.dtype, copy=False)
            out[...] = result
        return out


class MaximumCall:
    """The gradient of maxima whose places an ArgmaxCache tells: every window passes all to its maximum."""

    def __init__(self, op, dtype, problem, settings):
        self.op = op
        row = dtypes.row_of(op, dtype)
        if row.family == "complex":
            raise TypeError(f"{op}: grad_output of dtype {dtype}: complex numbers have no order")
        self.dtype = dtype.newbyteorder("=")
        self._computed = np.dtype(dtype.name if row.family == "integer" else row.carrier)
        self.problem = problem._replace(kind="grad_max_pool", dtype=self._computed.name)
        self._executable = planner.choose(self.problem, settings)

    def run(self, g, cache, input_size, out):
        """The gradient to the input: `out` if given, or a new array."""
        p = self.problem
        if g.shape != cache.shape:
            raise ValueError(f"{self.op}: grad_output has shape {g.shape}, the cache is of {cache.shape}")
        unbatched = g.ndim == p.ndim + 1
        shape = p.input_shape[1:] if unbatched else p.input_shape
        if input_size is not None and _shape(self.op, p.ndim, g.shape, input_size, p.layout) != shape:
            raise ValueError(f"{self.op}: input_size {input_size} is not that of the cache, {shape}")
        g = native(g).astype(self._computed, copy=False)
        form = Form(shape, self.dtype)
        if out is None:
            out = target = form.empty(g)
        elif form.takes_result(out, g):
            target = out
        else:
            target = stand_in(self.op, out, shape, self.dtype)
        made = target if self.dtype == self._computed else np.empty(shape, self._computed)
        if g.size:
            arrays = [a[None] if unbatched else a for a in (g, cache.codes, made)]
            self._executable.run(None, None, arrays[:2], arrays[2:])
        else:
            made[...] = 0
        if made is not target:
            with np.errstate(over="ignore"):
                target[...] = made
        if target is not out:
            out[...] = target
        return out

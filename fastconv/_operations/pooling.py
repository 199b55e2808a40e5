"""Maxima, averages and norms of windows that slide, part the input evenly, or are all of it."""

from functools import partial
from math import inf, prod
from typing import NamedTuple

import numpy as np

from .._core import dtypes, sizes, winners
from .._core.arguments import LARGEST, as_array, as_int, as_ints, as_window_counts, one_of, split_input
from .._core.arrays import Form, native
from .._core.outputs import stand_in
from .._core.problem import LAYOUTS, Problem
from .._core.settings import current
from .._kernels.isa import active
from .._planner import planner
from . import _calls
from ._asked import Asked, axes_of

_KINDS = ("max_pool", "avg_pool", "lp_pool")
names = {
    **{f"{kind}{ndim}d": ("input",) for kind in _KINDS for ndim in (1, 2, 3)},
    **{f"adaptive_{kind}{ndim}d": ("input",) for kind in _KINDS[:2] for ndim in (1, 2, 3)},
    **{f"global_{kind}": ("input",) for kind in _KINDS},
}
# Integers are pooled tap by tap, but where each is seen so often.
_MANY_VISITS = 100
_DEFAULTS = {
    "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True,
    "divisor_override": None, "norm_type": None,
}  # fmt: skip


def max_pool(
    ndim, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, return_cache,
    data_format, out,
):  # fmt: skip
    """What the public functions do with their arguments."""
    op = f"max_pool{ndim}d"
    winners_as = _winners_as(op, return_indices, return_cache)
    x = as_array(input)
    call = _call(
        op, x, _slide, kernel_size, stride, padding, dilation, ceil_mode, True, None, None, data_format
    )
    return call.run_as(winners_as, x, out)


def avg_pool(
    ndim, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
    dilation, data_format, out,
):  # fmt: skip
    """What the public functions do with their arguments."""
    x = as_array(input)
    call = _call(
        f"avg_pool{ndim}d", x, _slide, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, None, data_format,
    )  # fmt: skip
    return call.run(x, out)


def lp_pool(
    ndim, input, norm_type, kernel_size, stride, ceil_mode, padding, dilation, data_format, out
):
    """What the public functions do with their arguments."""
    x = as_array(input)
    call = _call(
        f"lp_pool{ndim}d", x, _slide, kernel_size, stride, padding, dilation, ceil_mode, True, None,
        norm_type, data_format,
    )  # fmt: skip
    return call.run(x, out)


def adaptive_pool(kind, ndim, input, output_size, return_indices, return_cache, data_format, out):
    """What the public functions do with their arguments."""
    op = f"adaptive_{kind}{ndim}d"
    winners_as = _winners_as(op, return_indices, return_cache)
    x = as_array(input)
    call = _call(op, x, _part, output_size, data_format)
    return call.run_as(winners_as, x, out)


def global_pool(kind, input, return_indices, return_cache, norm_type, data_format, out):
    """What the public functions do with their arguments."""
    op = f"global_{kind}"
    winners_as = _winners_as(op, return_indices, return_cache)
    x = as_array(input)
    call = _call(op, x, _take_all, norm_type, data_format)
    return call.run_as(winners_as, x, out)


def parse(name, arguments, settings, prepacked=False):
    """The call of a public function's `arguments`, by name."""
    a = {**_DEFAULTS, **arguments}
    if name.startswith("global"):
        return _take_all(name, a["input"], a["norm_type"], a["data_format"], settings)
    if name.startswith("adaptive"):
        return _part(name, a["input"], a["output_size"], a["data_format"], settings)
    return _slide(
        name, a["input"], a["kernel_size"], a["stride"], a["padding"], a["dilation"], a["ceil_mode"],
        a["count_include_pad"], a["divisor_override"], a["norm_type"], a["data_format"], settings,
    )  # fmt: skip


def _winners_as(op, return_indices, return_cache):
    """How the positions of the maxima are to be returned: "indices", "cache" or None."""
    if return_indices and return_cache:
        raise ValueError(
            f"{op}: return_indices and return_cache say the same; ask for one of them"
        )
    return "indices" if return_indices else "cache" if return_cache else None


def _call(op, x, make, *arguments):
    """The call that ``make(op, x, *arguments, settings)`` makes, from the cache if it is there."""
    settings = current()
    key = (op, x.shape, x.dtype, *map(spelled, arguments), settings, active())
    call = _calls.find(key)
    return call or _calls.keep(key, make(op, x, *arguments, settings))


def spelled(value):
    """A key for an argument; 1, 1.0 and True are equal and hash alike, but not equally valid."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    return kind, value if kind is bool else repr(value)


class Windows(NamedTuple):
    """Where windows lie, and how many there are: fields of a Problem."""

    input: tuple
    kernel: tuple
    stride: tuple
    dilation: tuple
    pad_begin: tuple
    pad_end: tuple
    output: tuple


def _slide(
    op, x, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override,
    norm_type, data_format, settings,
):  # fmt: skip
    """The call for windows of one size, some steps apart."""
    _, _, spatial = _split(op, x, axes_of(op), data_format)
    check_flags(op, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    windows = sliding(op, spatial, kernel_size, stride, padding, dilation, ceil_mode)
    options = dict(count_include_pad=bool(count_include_pad), divisor=divisor_of(op, divisor_override))
    return _of_kind(op, x, axes_of(op), windows, norm_type, data_format, settings, **options)


def _part(op, x, output_size, data_format, settings):
    """The call for windows that part the input evenly."""
    _, _, spatial = _split(op, x, axes_of(op), data_format)
    windows, adaptive = parting(op, spatial, output_size)
    return _of_kind(op, x, axes_of(op), windows, None, data_format, settings, adaptive=adaptive)


def _take_all(op, x, norm_type, data_format, settings):
    """The call for one window, that is the whole input."""
    check_batched(op, "input", x)
    _, _, spatial = _split(op, x, x.ndim - 2, data_format)
    if 0 in spatial:
        raise ValueError(f"{op}: input of shape {x.shape} has no elements to pool over")
    windows = sliding(op, spatial, spatial, None, 0, 1, False)
    return _of_kind(op, x, x.ndim - 2, windows, norm_type, data_format, settings)


def _split(op, x, ndim, data_format):
    one_of(op, "data_format", data_format, LAYOUTS)
    return split_input(op, ndim, x.shape, data_format)


def _of_kind(op, x, ndim, windows, norm_type, data_format, settings, **options):
    if "lp_pool" in op:
        return NormCall(op, x, ndim, windows, norm_type, data_format, settings)
    kind = "max_pool" if "max_pool" in op else "avg_pool"
    return PoolCall(op, kind, x.shape, x.dtype, ndim, windows, data_format, settings, **options)


def check_flags(op, **flags):
    """TypeError unless all are True or False."""
    for name, flag in flags.items():
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"{op}: {name} must be True or False, got {flag!r}")


def check_batched(op, what, array):
    """ValueError unless `array` has a batch axis, a channel axis and some more."""
    if array.ndim not in (3, 4, 5):
        raise ValueError(
            f"{op}: {what} must have a batch axis, a channel axis and one to three spatial axes; "
            f"got shape {array.shape}"
        )


def sliding(op, spatial, kernel_size, stride, padding, dilation, ceil_mode):
    """The Windows of one size, some steps apart, in an input of `spatial` sizes."""
    ndim = len(spatial)
    kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
    stride = kernel if stride is None else as_ints(op, "stride", stride, ndim, 1)
    dilation = as_ints(op, "dilation", dilation, ndim, 1)
    pads = sizes.resolve_padding(op, padding, spatial, kernel, stride, dilation)
    _check_range(op, spatial, kernel, dilation, pads)
    # Cropping the end shortens the input, and with it what a last window may hang over.
    kept = tuple(n + min(after, 0) for n, (_, after) in zip(spatial, pads))
    grown = tuple((before, max(after, 0)) for before, after in pads)
    output = sizes.pool_output(op, kept, kernel, stride, dilation, grown, bool(ceil_mode))
    before, after = (tuple(pad[end] for pad in pads) for end in (0, 1))
    return Windows(tuple(spatial), kernel, stride, dilation, before, after, output)


def parting(op, spatial, output_size):
    """The Windows that part `spatial` sizes evenly, and whether their sizes differ."""
    output = as_window_counts(op, "output_size", output_size, spatial)
    ones, zeros = (1,) * len(spatial), (0,) * len(spatial)
    if 0 in spatial:
        raise ValueError(f"{op}: input of spatial sizes {tuple(spatial)} has no elements to pool over")
    if not any(n % count for n, count in zip(spatial, output)):
        kernel = tuple(n // count for n, count in zip(spatial, output))
        return Windows(tuple(spatial), kernel, kernel, ones, zeros, zeros, output), False
    if max(n * count for n, count in zip(spatial, output)) >= LARGEST:
        raise ValueError(f"{op}: output_size {output} is out of range for sizes {tuple(spatial)}")
    kernel = tuple(map(sizes.largest_part, spatial, output))
    return Windows(tuple(spatial), kernel, ones, ones, zeros, zeros, output), True


def _check_range(op, spatial, kernel, dilation, pads):
    """Refuse sizes that would overflow machine integers; all others stay far below."""
    padded = [n + max(b, 0) + max(a, 0) for n, (b, a) in zip(spatial, pads)]
    extents = map(sizes.effective_kernel, kernel, dilation)
    if max(*padded, *extents, prod(kernel)) >= LARGEST:
        raise ValueError(
            f"{op}: padding {pads}, kernel {kernel} and dilation {dilation} are out of range for "
            f"input of spatial sizes {tuple(spatial)}"
        )


def divisor_of(op, divisor_override):
    """`divisor_override` as a field of a Problem."""
    if divisor_override is None:
        return 0
    divisor = as_int(op, "divisor_override", divisor_override)
    if divisor == 0:
        raise ValueError(f"{op}: divisor_override must not be 0")
    return divisor


def norm_of(op, norm_type):
    """The exponent of a norm, as a float."""
    try:
        p = float(norm_type)
    except (TypeError, ValueError):
        raise TypeError(f"{op}: norm_type must be a number, got {norm_type!r}") from None
    if not 0 < p < inf:
        raise ValueError(f"{op}: norm_type must be positive and finite, got {norm_type!r}")
    return p


def power(x, p):
    """``x ** p``; of 1 and 2, as most norms are, at the speed of a copy."""
    return x if p == 1 else x * x if p == 2 else np.power(x, x.dtype.type(p))


def root(total, p):
    """``total ** (1 / p)``, in place."""
    if p == 2:
        np.sqrt(total, out=total)
    elif p != 1:
        np.power(total, total.dtype.type(1 / p), out=total)


class ArgmaxCache:
    """Where the maxima of a max pooling are, in one to four bytes per output.

    Holds the number of the winning tap in each window, and the geometry that turns it into a
    position. Made by ``max_pool2d(..., return_cache=True)`` and its siblings.

    Attributes
    ----------
    codes : ndarray of uint8, uint16 or uint32, read-only, shape of the output
        Row-major numbers of the winning taps; 0, a tap outside, for windows without any element.
    problem : Problem
        What was pooled.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv.pool import max_pool1d
    >>> y, cache = max_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 2, return_cache=True)
    >>> cache.nbytes, cache.indices()
    (2, array([[1, 3]]))
    """

    __slots__ = ("codes", "problem", "_threads")
    codes: np.ndarray
    problem: Problem

    def __init__(self, problem: Problem, codes: np.ndarray, threads: int) -> None:
        codes.flags.writeable = False
        self.codes = codes
        self.problem = problem
        self._threads = threads

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pooled output."""
        return self.codes.shape

    @property
    def nbytes(self) -> int:
        """Bytes of memory held."""
        return self.codes.nbytes

    def indices(self) -> np.ndarray:
        """Positions in the flat plane of the same image and channel, as int64; -1 for none."""
        batched = self.codes.reshape(self.problem.output_shape)
        return winners.indices(self.problem, batched, self._threads).reshape(self.shape)

    def __repr__(self) -> str:
        return f"ArgmaxCache({self.problem}; shape {self.shape}, {self.nbytes} bytes)"


class PoolCall:
    """Arguments checked against each other, the `problem` they pose, and the way it is computed.

    `run` takes an array of the shape and dtype it was made for; no further check is needed but that
    of `out`.
    """

    __slots__ = (
        "op", "problem", "settings", "dtype", "output_shape", "_executable", "_with_codes", "_family",
        "_form", "_unbatched",
    )  # fmt: skip

    def __init__(self, op, kind, shape, dtype, ndim, windows, data_format, settings, **options):
        self.op, self.settings = op, settings
        row = dtypes.row_of(op, dtype)
        _check_kind(op, kind, row, dtype)
        batch, channels, _ = split_input(op, ndim, shape, data_format)
        carrier, self._family = row.carrier, row.family
        if self._family == "integer":
            carrier = dtype.name
            visits = prod(windows.kernel) * prod(windows.output)
            if dtype.itemsize <= 4 and visits >= _MANY_VISITS * max(prod(windows.input), 1):
                # Floats that hold every such integer have rooms for large windows.
                carrier, self._family = "float32" if dtype.itemsize <= 2 else "float64", "narrow"
        self.problem = Problem(
            kind, carrier, data_format, batch, channels, channels, channels, *windows, **options
        )
        self.dtype = dtype.newbyteorder("=")
        pooled = self.problem.output_shape
        sizes.check_total(op, "the result", pooled, self.dtype.itemsize)
        self._unbatched = len(shape) == ndim + 1
        self.output_shape = pooled[1:] if self._unbatched else pooled
        self._form = Form(self.output_shape, self.dtype)
        self._executable = planner.choose(self.problem, settings)
        self._with_codes = None

    def asked(self, arguments):
        """What the planner is asked, as a list of Asked."""
        if not self.problem.macs:
            return []
        note = ""
        if self.problem.dtype != self.dtype.name:
            note = f"{self.dtype.name} by way of {self.problem.dtype}"
        kind = "argmax_pool" if self.prepare(arguments) else self.problem.kind
        chosen = self._choice(kind)
        return [Asked(chosen.problem, self.settings, chosen, note=note)]

    def prepare(self, arguments):
        """How the positions of the maxima are returned, if at all."""
        indices, cache = (arguments.get(f"return_{what}", False) for what in ("indices", "cache"))
        return _winners_as(self.op, indices, cache)

    def bind(self, winners_as):
        """`run_as` with what was prepared."""
        return partial(self.run_as, winners_as)

    def run_as(self, winners_as, input, out):
        """What the public function returns."""
        if winners_as is None:
            return self.run(input, out)
        y, cache = self.with_winners(input, out)
        return y, cache if winners_as == "cache" else cache.indices()

    def with_winners(self, x, out):
        """The pooled output, and the `ArgmaxCache` that says where it comes from."""
        taps = self.problem.taps
        if taps > 2**32:
            raise ValueError(
                f"{self.op}: a window {self.problem.kernel} of {taps} elements is too large for "
                "indices; at most 2**32 can be told apart"
            )
        codes = np.empty(self.output_shape, dtypes.code_dtype(taps))
        y = self.run(x, out, codes)
        return y, ArgmaxCache(self.problem, codes, self._choice("argmax_pool").threads)

    def _choice(self, kind):
        """What the planner chose, without winners or with them."""
        if kind == self.problem.kind:
            return self._executable
        if self._with_codes is None:
            self._with_codes = planner.choose(self.problem._replace(kind=kind), self.settings)
        return self._with_codes

    def run(self, x, out, codes=None):
        """The pooled output: `out` if given, or a new array."""
        x = native(x)
        if out is None:
            out = target = self._form.empty(x)
        elif self._form.takes_result(out, x):
            target = out
        else:
            target = stand_in(self.op, out, self.output_shape, self.dtype)
        y = target
        if self._unbatched:
            x, y = x[None], y[None]
            codes = None if codes is None else codes[None]
        run = self._executable.run if codes is None else self._choice("argmax_pool").run
        if self._family in ("half", "narrow"):
            wide = np.empty(y.shape, self.problem.dtype)
            run(None, None, (x.astype(wide.dtype),), (wide, codes))
            if self._family == "narrow":  # windows without any element
                np.maximum(wide, dtypes.lowest(self.dtype), out=wide)
            with np.errstate(over="ignore"):
                y[...] = wide
        elif self._family == "complex":
            run(None, None, (x.real,), (y.real,))
            run(None, None, (x.imag,), (y.imag,))
        elif codes is None:
            run(None, None, (x,), (y,))
        else:
            run(None, None, (x,), (y, codes))
        if target is not out:
            out[...] = target
        return out


def _check_kind(op, kind, row, dtype):
    if kind == "max_pool" and row.family == "complex":
        raise TypeError(f"{op}: input of dtype {dtype}: complex numbers have no order")
    if kind == "avg_pool" and row.family == "integer":
        raise TypeError(
            f"{op}: input has dtype {dtype}, whose averages are no integers; "
            "convert it, e.g. input.astype(np.float32)"
        )


class NormCall:
    """Norms of windows: powers, their sums as an average that divides by one, and roots."""

    def __init__(self, op, x, ndim, windows, norm_type, data_format, settings):
        self.op, self.settings = op, settings
        self._p = norm_of(op, norm_type)
        row = dtypes.row_of(op, x.dtype)
        if row.family not in ("native", "half"):
            raise TypeError(f"{op}: input must be of a real floating dtype, got {x.dtype}")
        self.dtype = x.dtype.newbyteorder("=")
        self._wide = np.dtype(row.carrier)
        self._sums = PoolCall(
            op, "avg_pool", x.shape, self._wide, ndim, windows, data_format, settings, divisor=1
        )
        self.problem, self.output_shape = self._sums.problem, self._sums.output_shape
        self._form = Form(self.output_shape, self.dtype)

    def asked(self, arguments):
        """What the planner is asked, as a list of Asked."""
        note = f"sums of elements to the power of {self._p:g}"
        return [one._replace(note=note) for one in self._sums.asked(arguments)]

    def prepare(self, arguments):
        """Nothing."""

    def bind(self, nothing):
        """`run`."""
        return self.run

    def run_as(self, winners_as, input, out):
        """What the public function returns."""
        return self.run(input, out)

    def run(self, x, out):
        """The norms: `out` if given, or a new array."""
        if out is not None and not self._form.takes_result(out, x):
            stand_in(self.op, out, self.output_shape, self.dtype)
        with np.errstate(all="ignore"):
            total = self._sums.run(power(native(x).astype(self._wide, copy=False), self._p), None)
            root(total, self._p)
            if out is None:
                return total if self._wide == self.dtype else total.astype(self.dtype)
            out[...] = total
        return out

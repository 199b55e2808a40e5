"""Max and average pooling, of windows and of whole planes."""

from functools import partial
from math import prod

import numpy as np

from .._core import dtypes, sizes, winners
from .._core.arguments import LARGEST, as_int, as_ints, one_of, split_input
from .._core.arrays import Form, native
from .._core.outputs import stand_in
from .._core.problem import LAYOUTS, Problem
from .._core.settings import current
from .._kernels.isa import active
from .._planner import planner
from . import _calls
from ._asked import Asked, axes_of


names = {
    **{f"{kind}{ndim}d": ("input",) for kind in ("max_pool", "avg_pool") for ndim in (1, 2, 3)},
    **{f"global_{kind}": ("input",) for kind in ("max_pool", "avg_pool")},
}


def max_pool(
    ndim, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices, return_cache,
    data_format, out,
):  # fmt: skip
    """What the public functions do with their arguments."""
    op = f"max_pool{ndim}d"
    winners_as = _winners_as(op, return_indices, return_cache)
    x = np.asarray(input)
    call = _call(
        op, "max_pool", ndim, x, kernel_size, stride, padding, dilation, ceil_mode, True, None,
        data_format,
    )  # fmt: skip
    return call.run_as(winners_as, x, out)


def avg_pool(
    ndim, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override,
    dilation, data_format, out,
):  # fmt: skip
    """What the public functions do with their arguments."""
    x = np.asarray(input)
    call = _call(
        f"avg_pool{ndim}d", "avg_pool", ndim, x, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, data_format,
    )  # fmt: skip
    return call.run(x, out)


def global_pool(kind, input, data_format):
    """What the public functions do with their arguments."""
    x = np.asarray(input)
    op = f"global_{kind}"
    planes = _planes(op, x, data_format)
    call = _call(op, kind, x.ndim - 2, x, planes, None, 0, 1, False, True, None, data_format)
    return call.run(x, None)


def _planes(op, x, data_format):
    """The spatial sizes, which are the window."""
    if x.ndim not in (3, 4, 5):
        raise ValueError(
            f"{op}: input must have a batch axis, a channel axis and one to three spatial axes; "
            f"got shape {x.shape}"
        )
    spatial = x.shape[1:-1] if data_format == "channels_last" else x.shape[2:]
    if 0 in spatial:
        raise ValueError(f"{op}: input of shape {x.shape} has no elements to pool over")
    return spatial


def _winners_as(op, return_indices, return_cache):
    """How the positions of the maxima are to be returned: "indices", "cache" or None."""
    if return_indices and return_cache:
        raise ValueError(
            f"{op}: return_indices and return_cache say the same; ask for one of them"
        )
    return "indices" if return_indices else "cache" if return_cache else None


def parse(name, arguments, settings, prepacked=False):
    """The PoolCall of a public function's `arguments`, by name."""
    a = {
        "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False, "count_include_pad": True,
        "divisor_override": None, **arguments,
    }  # fmt: skip
    x = a["input"]
    if name.startswith("global"):
        kind, ndim = name.removeprefix("global_"), x.ndim - 2
        a["kernel_size"] = _planes(name, x, a["data_format"])
    else:
        kind, ndim = name[:-2], axes_of(name)
    return PoolCall(
        name, kind, ndim, x, a["kernel_size"], a["stride"], a["padding"], a["dilation"],
        a["ceil_mode"], a["count_include_pad"], a["divisor_override"], a["data_format"], settings,
    )  # fmt: skip


def _call(op, kind, ndim, x, kernel_size, stride, padding, *others):
    settings = current()
    key = (
        op, x.shape, x.dtype, _spelled(kernel_size), _spelled(stride), _spelled(padding),
        *map(_spelled, others), settings, active(),
    )  # fmt: skip
    call = _calls.find(key)
    if call is None:
        call = PoolCall(op, kind, ndim, x, kernel_size, stride, padding, *others, settings)
        _calls.keep(key, call)
    return call


def _spelled(value):
    """A key for an argument; 1, 1.0 and True are equal and hash alike, but not equally valid."""
    kind = type(value)
    if kind is int or kind is str or value is None:
        return value
    return kind, value if kind is bool else repr(value)


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

    def __init__(self, problem, codes, threads):
        codes.flags.writeable = False
        self.codes = codes
        self.problem = problem
        self._threads = threads

    @property
    def shape(self):
        """Shape of the pooled output."""
        return self.codes.shape

    @property
    def nbytes(self):
        """Bytes of memory held."""
        return self.codes.nbytes

    def indices(self):
        """Positions in the flat plane of the same image and channel, as int64; -1 for none."""
        batched = self.codes.reshape(self.problem.output_shape)
        return winners.indices(self.problem, batched, self._threads).reshape(self.shape)

    def __repr__(self):
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

    def __init__(
        self, op, kind, ndim, x, kernel_size, stride, padding, dilation, ceil_mode,
        count_include_pad, divisor_override, data_format, settings,
    ):  # fmt: skip
        self.op, self.settings = op, settings
        one_of(op, "data_format", data_format, LAYOUTS)
        for name, flag in (("ceil_mode", ceil_mode), ("count_include_pad", count_include_pad)):
            if not isinstance(flag, (bool, np.bool_)):
                raise TypeError(f"{op}: {name} must be True or False, got {flag!r}")
        row = dtypes.row_of(op, x.dtype)
        _check_kind(op, kind, row, x)
        batch, channels, spatial = split_input(op, ndim, x.shape, data_format)
        kernel = as_ints(op, "kernel_size", kernel_size, ndim, 1)
        stride = kernel if stride is None else as_ints(op, "stride", stride, ndim, 1)
        dilation = as_ints(op, "dilation", dilation, ndim, 1)
        pads = sizes.resolve_padding(op, padding, spatial, kernel, stride, dilation)
        _check_range(op, x, spatial, kernel, dilation, pads)
        # Cropping the end shortens the input, and with it what a last window may hang over.
        kept = tuple(n + min(after, 0) for n, (_, after) in zip(spatial, pads))
        grown = tuple((before, max(after, 0)) for before, after in pads)
        output = sizes.pool_output(op, kept, kernel, stride, dilation, grown, bool(ceil_mode))
        self.problem = Problem(
            kind, x.dtype.name if row.family == "integer" else row.carrier, data_format,
            batch, channels, channels, channels, spatial, kernel, stride, dilation,
            tuple(before for before, _ in pads), tuple(after for _, after in pads), output,
            count_include_pad=bool(count_include_pad), divisor=_divisor(op, divisor_override),
        )  # fmt: skip
        self.dtype = x.dtype.newbyteorder("=")
        shape = self.problem.output_shape
        sizes.check_total(op, "the result", shape, self.dtype.itemsize)
        self._family = row.family
        self._unbatched = x.ndim == ndim + 1
        self.output_shape = shape[1:] if self._unbatched else shape
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
        if self._family == "half":
            wide = np.empty(y.shape, np.float32)
            run(None, None, (x.astype(np.float32),), (wide, codes))
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


def _check_kind(op, kind, row, x):
    if kind == "max_pool" and row.family == "complex":
        raise TypeError(f"{op}: input of dtype {x.dtype}: complex numbers have no order")
    if kind == "avg_pool" and row.family == "integer":
        raise TypeError(
            f"{op}: input has dtype {x.dtype}, whose averages are no integers; "
            "convert it, e.g. input.astype(np.float32)"
        )


def _check_range(op, x, spatial, kernel, dilation, pads):
    """Refuse sizes that would overflow machine integers; all others stay far below."""
    padded = [n + max(b, 0) + max(a, 0) for n, (b, a) in zip(spatial, pads)]
    extents = map(sizes.effective_kernel, kernel, dilation)
    if max(*padded, *extents, prod(kernel)) >= LARGEST:
        raise ValueError(
            f"{op}: padding {pads}, kernel {kernel} and dilation {dilation} are out of range for "
            f"input of shape {x.shape}"
        )


def _divisor(op, divisor_override):
    if divisor_override is None:
        return 0
    divisor = as_int(op, "divisor_override", divisor_override)
    if divisor == 0:
        raise ValueError(f"{op}: divisor_override must not be 0")
    return divisor

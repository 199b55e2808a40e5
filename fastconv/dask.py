"""Convolutions, poolings and filters of Dask arrays: lazily, chunk by chunk (extra ``dask``).

Functions have the signatures of those without Dask. Arrays may be chunked along batch and space in any way;
every output chunk is computed from the inputs that its windows see, sliced from the chunks that hold them:
results do not depend on chunks. Channels are brought into one chunk.

>>> import dask.array as da, numpy as np, fastconv.dask
>>> x = da.ones((1, 1, 400, 400), chunks=(1, 1, 100, 150))
>>> y = fastconv.dask.conv2d(x, np.ones((1, 1, 3, 3)), padding="same")
>>> y.chunks[2:], y[0, 0, 200, 200].compute()
(((100, 100, 100, 100), (150, 150, 100)), np.float64(9.0))

`fastconv.dask.ndimage` has the filters of `fastconv.ndimage`, with one `mode` for all axes.

A task computes with its share of the processors: all of them if it is alone, one thread where the
scheduler runs as many tasks as there are processors.
"""

import multiprocessing
import threading
from inspect import signature
from itertools import pairwise, product
from types import SimpleNamespace

import numpy as np

try:
    import dask.array as da
    from dask.base import tokenize
except ImportError as error:
    raise ImportError('fastconv.dask needs Dask: pip install "fastconv[dask]"') from error

from . import conv as _conv, conv_transpose as _transposed, ndimage as _filters, pool as _pool
from ._core import threads as _threads
from ._core.arguments import as_ints, one_of, split_input
from ._core.padding import origin
from ._core.problem import LAYOUTS, PADDING_MODES
from ._core.sizes import (
    conv_output,
    effective_kernel,
    pool_output,
    resolve_padding,
    sizeless_padding,
    transposed_output,
)
from .config import config
from .planning import plan

__all__ = [
    *(f"{name}{n}d" for name in ("conv", "conv_transpose", "max_pool", "avg_pool") for n in (1, 2, 3)),
    "ndimage",
]
# Packed weights that a process keeps, by what they are of.
_MOST_PLANS = 32
_plans, _lock = {}, threading.Lock()


def share_of_threads():
    """How many threads a task may use here, so that all tasks together use the processors once."""
    available = _threads.available()
    try:
        from distributed import get_worker

        worker = get_worker()
        return max(available // max(worker.state.nthreads * _workers_here(worker), 1), 1)
    except (ImportError, ValueError):
        pass
    alone = threading.current_thread() is threading.main_thread()
    return available if alone and multiprocessing.parent_process() is None else 1


def _workers_here(worker):
    """Processes of workers that share the machine: those of a nanny are as many as it can have threads."""
    return max(_threads.available() // max(worker.state.nthreads, 1), 1) if worker.nanny else 1


class _Layer:
    """A convolution of one kernel, that travels; weights are packed once in a process."""

    def __init__(self, function, weight, bias, options):
        self._function, self._weight, self._bias, self._options = function, weight, bias, options
        self._token = tokenize(function.__name__, weight, bias, sorted(options.items()))

    def __dask_tokenize__(self):
        return self._token

    def __call__(self, x, padding, place=None):
        x = np.ascontiguousarray(x)
        threads = share_of_threads()
        key = self._token, x.shape[1:], x.dtype, padding, threads
        with _lock:
            made = _plans.get(key)
        if made is None:
            options = {**self._options, "padding": padding}
            with config(threads=threads):
                made = plan(self._function, x, self._weight, self._bias, **options)
            with _lock:
                if len(_plans) >= _MOST_PLANS:
                    _plans.clear()
                _plans[key] = made
        return made(x)


def _spatial(op, ndim, x, data_format):
    """(spatial sizes, their axes, the channel axis); `x` has its channels in one chunk and a batch."""
    one_of(op, "data_format", data_format, LAYOUTS)
    _, _, sizes = split_input(op, ndim, x.shape, data_format)
    if any(n != n for n in x.shape):
        raise ValueError(f"{op}: the sizes of chunks must be known; call x.compute_chunk_sizes()")
    first = 1 if data_format == "channels_last" else 2
    channel = ndim + 1 if data_format == "channels_last" else 1
    return sizes, tuple(range(first, first + ndim)), channel


def _output_chunks(chunks, outputs, stride, before):
    """Bounds of output chunks along an axis: outputs stay with the chunk that the middle of their window is in.

    `before` is how many inputs before the first one the middle of the first window is.
    """
    bounds, at = [0], 0
    for length in chunks[:-1]:
        at += length
        bounds.append(min(max(-(-(at + before) // stride), bounds[-1]), outputs))
    bounds.append(outputs)
    return sorted(set(bounds))


def _assembled(parts, shape, axes):
    """Blocks of a grid, in row-major order, as one array."""
    for axis, count in zip(reversed(axes), reversed(shape)):
        parts = [da.concatenate(parts[i : i + count], axis) for i in range(0, len(parts), count)]
    return parts[0]


def _extended(x, axes, pads, mode, value):
    """`x` with explicit padding along some axes."""
    for axis, (before, after) in zip(axes, pads):
        if before <= 0 and after <= 0:
            continue
        size = x.shape[axis]
        parts = []
        for begin, end in ((-before, 0), (size, size + after)):
            count = max(end - begin, 0)
            if mode == "constant":
                shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
                chunks = (*x.chunks[:axis], (count,), *x.chunks[axis + 1 :])
                parts.append(da.full(shape, value, dtype=x.dtype, chunks=chunks))
            else:
                table = origin(size, max(before, 0), max(after, 0), mode)
                table = table[:count] if begin < 0 else table[max(before, 0) + size :]
                parts.append(da.take(x, table, axis))
        x = da.concatenate([parts[0], x, parts[1]] if before > 0 else [x, parts[1]], axis)
    return x


def _windows(x, axes, channel, bounds, reach, run, channels, dtype):
    """Blocks of outputs: ``run(block, padding, place)`` of the inputs that their windows see.

    `place` is (first, stop) of the outputs along every axis, `bounds` where they are cut. `reach` gives for an axis and two outputs the first input, and the one behind the last, that they see.
    """
    blocks, grid = [], [list(pairwise(b)) for b in bounds]
    for place in product(*grid):
        index, padding = [slice(None)] * x.ndim, []
        for i, (axis, (first, stop)) in enumerate(zip(axes, place)):
            begin, end = reach(i, first, stop)
            size = x.shape[axis]
            low, high = min(max(begin, 0), size), max(min(end, size), 0)
            high = max(high, low)
            index[axis] = slice(low, high)
            padding.append((low - begin, end - high))
        part = x[tuple(index)]
        part = part.rechunk(dict.fromkeys((*axes, channel), -1))
        chunks = list(part.chunks)
        for axis, (first, stop) in zip(axes, place):
            chunks[axis] = (stop - first,)
        if channels is not None:
            chunks[channel] = (channels,)
        blocks.append(
            part.map_blocks(
                run,
                tuple(padding),
                place,
                dtype=dtype,
                chunks=tuple(chunks),
                meta=np.empty((0,) * x.ndim, dtype),
            )
        )
    return _assembled(blocks, [len(b) for b in grid], axes)


def _reach(steps, pads, extents):
    """What `_windows` asks of windows of one size, some steps apart."""

    def reach(i, first, stop):
        begin = first * steps[i] - pads[i][0]
        return begin, begin + (stop - 1 - first) * steps[i] + extents[i]

    return reach


def _batched(x, ndim):
    return x[None] if x.ndim == ndim + 1 else x


def _like(x, sizes, channel):
    """A small array of zeros with the channels and the dtype of `x`, for the checks of a function."""
    shape = (1, *sizes, x.shape[channel]) if channel > 1 else (1, x.shape[channel], *sizes)
    return np.zeros(shape, x.dtype)


def _convolution(name, ndim):
    original = getattr(_conv, name)

    def function(
        input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *,
        data_format="channels_first", padding_mode="zeros", padding_value=0, flip=False,
        activation=None, precision=None, algorithm=None, dtype=None, overflow="error",
    ):  # fmt: skip
        x, weight = _batched(da.asarray(input), ndim), np.asarray(weight)
        bias = None if bias is None else np.asarray(bias)
        one_of(name, "padding_mode", padding_mode, PADDING_MODES)
        sizes, axes, channel = _spatial(name, ndim, x, data_format)
        kernel = weight.shape[2:]
        steps, holes = (
            as_ints(name, what, value, ndim, 1)
            for what, value in (("stride", stride), ("dilation", dilation))
        )  # fmt: skip
        pads = resolve_padding(name, padding, sizes, kernel, steps, holes)
        extents = tuple(map(effective_kernel, kernel, holes))
        options = dict(
            stride=steps, dilation=holes, groups=groups, data_format=data_format, flip=flip,
            activation=activation, precision=precision, algorithm=algorithm, dtype=dtype, overflow=overflow,
        )  # fmt: skip
        # What else may be wrong, the function itself says.
        result = original(_like(x, extents, channel), weight, bias, **options)
        outputs = conv_output(name, sizes, kernel, steps, holes, pads)
        bounds = [
            _output_chunks(x.chunks[axis], n, s, before - (extent - 1) // 2)
            for axis, n, s, extent, (before, _) in zip(axes, outputs, steps, extents, pads)
        ]  # fmt: skip
        if padding_mode not in ("zeros", "constant") or padding_value != 0:
            x = _extended(x, axes, pads, padding_mode, padding_value)
            # It is there now; what is negative crops still.
            pads = tuple((min(before, 0), min(after, 0)) for before, after in pads)

        reach = _reach(steps, pads, extents)
        y = _windows(
            x,
            axes,
            channel,
            bounds,
            reach,
            _Layer(original, weight, bias, options),
            len(weight),
            result.dtype,
        )
        return y if np.ndim(input) == ndim + 2 else y[0]

    return _named(function, name)


class _Transposed(_Layer):
    """A transposed convolution of one kernel, that travels."""

    def __init__(self, function, weight, bias, options, axes, pads):
        super().__init__(function, weight, bias, options)
        self._axes, self._pads = axes, pads

    def __call__(self, x, padding, place):
        around = [(0, 0)] * x.ndim
        for axis, pair in zip(self._axes, padding):
            around[axis] = pair  # inputs that do not exist are zeros
        y = super().__call__(np.pad(x, around), 0)
        index = [slice(None)] * y.ndim
        for axis, (before, _), step, extent, (first, stop) in zip(
            self._axes, self._pads, self._options["stride"], self._extents, place
        ):
            start = first + before - _first_seen(first, before, step, extent) * step
            index[axis] = slice(start, start + stop - first)
        return y[tuple(index)]

    @property
    def _extents(self):
        return tuple(map(effective_kernel, self._weight.shape[2:], self._options["dilation"]))


def _first_seen(first, before, step, extent):
    """The first input that may reach an output of a transposed convolution."""
    return (first + before - extent + 1) // step


def _transposition(name, ndim):
    original = getattr(_transposed, name)

    def function(
        input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1, *,
        data_format="channels_first", activation=None, precision=None, algorithm=None,
    ):  # fmt: skip
        x, weight = _batched(da.asarray(input), ndim), np.asarray(weight)
        bias = None if bias is None else np.asarray(bias)
        sizes, axes, channel = _spatial(name, ndim, x, data_format)
        steps, holes = (
            as_ints(name, what, value, ndim, 1)
            for what, value in (("stride", stride), ("dilation", dilation))
        )  # fmt: skip
        options = dict(
            stride=steps, groups=groups, dilation=holes, data_format=data_format, activation=activation,
            precision=precision, algorithm=algorithm,
        )  # fmt: skip
        extra = as_ints(name, "output_padding", output_padding, ndim, 0)
        result = original(_like(x, (1,) * ndim, channel), weight, bias, output_padding=extra, **options)
        kernel = weight.shape[2:]
        pads = sizeless_padding(name, padding, kernel, holes)
        extents = tuple(map(effective_kernel, kernel, holes))
        outputs = transposed_output(name, sizes, kernel, steps, holes, pads, extra)
        bounds = []
        for axis, n, step, (before, _) in zip(axes, outputs, steps, pads):
            cuts = (int(cut) * step - before for cut in np.cumsum(x.chunks[axis])[:-1])
            bounds.append(sorted({0, n, *(min(max(cut, 0), n) for cut in cuts)}))

        def reach(i, first, stop):
            low = _first_seen(first, pads[i][0], steps[i], extents[i])
            # One input more than reaches them: its window ends behind all of them.
            return low, (stop - 1 + pads[i][0]) // steps[i] + 2

        run = _Transposed(original, weight, bias, options, axes, pads)
        y = _windows(x, axes, channel, bounds, reach, run, result.shape[channel], result.dtype)
        return y if np.ndim(input) == ndim + 2 else y[0]

    return _named(function, name)


class _Pooling:
    """A pooling, that travels."""

    def __init__(self, function, args, options):
        self._function, self._args, self._options = function, args, options

    def __dask_tokenize__(self):
        return tokenize(self._function.__name__, self._args, sorted(self._options.items()))

    def __call__(self, x, padding, place=None):
        with config(threads=share_of_threads()):
            return self._function(x, *self._args, padding=padding, **self._options)


def _pooling(name, ndim):
    original, mean = getattr(_pool, name), name.startswith("avg")

    def function(
        input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, *, count_include_pad=True,
        divisor_override=None, data_format="channels_first",
    ):  # fmt: skip
        x = _batched(da.asarray(input), ndim)
        sizes, axes, channel = _spatial(name, ndim, x, data_format)
        kernel = as_ints(name, "kernel_size", kernel_size, ndim, 1)
        steps = kernel if stride is None else as_ints(name, "stride", stride, ndim, 1)
        holes = as_ints(name, "dilation", dilation, ndim, 1)
        pads = resolve_padding(name, padding, sizes, kernel, steps, holes)
        if ceil_mode and mean:
            raise ValueError(f"{name}: ceil_mode is for maxima only, where arrays are chunked")
        extents = tuple(map(effective_kernel, kernel, holes))
        options = dict(dilation=holes, data_format=data_format)
        if mean:
            options.update(count_include_pad=count_include_pad, divisor_override=divisor_override)
        result = original(_like(x, extents, channel), kernel, steps, **options)
        outputs = pool_output(name, sizes, kernel, steps, holes, pads, bool(ceil_mode))
        bounds = [
            _output_chunks(x.chunks[axis], n, s, before - (extent - 1) // 2)
            for axis, n, s, extent, (before, _) in zip(axes, outputs, steps, extents, pads)
        ]  # fmt: skip

        reach = _reach(steps, pads, extents)
        run = _Pooling(original, (kernel, steps), options)
        y = _windows(x, axes, channel, bounds, reach, run, None, result.dtype)
        return y if np.ndim(input) == ndim + 2 else y[0]

    return _named(function, name)


class _Filter:
    """A filter of blocks that have a margin, that travels."""

    def __init__(self, function, arguments, margin):
        self._function, self._arguments, self._margin = function, arguments, margin

    def __dask_tokenize__(self):
        return tokenize(self._function.__name__, sorted(self._arguments.items(), key=str), self._margin)

    def __call__(self, x, padding, place=None):
        with config(threads=share_of_threads()):
            y = self._function(x, **self._arguments)
        return y[tuple(slice(n, size - n) for n, size in zip(self._margin, y.shape))]


# Filters that are passes along the axes: what is beyond the border in the second is not what the first made of it.
_PASSES = (
    "gaussian_filter",
    "gaussian_laplace",
    "gaussian_gradient_magnitude",
    "sobel",
    "prewitt",
    "uniform_filter",
)


def _margins(name, a, ndim):
    """How far windows reach along each axis, at most."""
    axes = a.get("axes")
    axes = tuple(range(ndim)) if axes is None else tuple(np.atleast_1d(axes) % ndim)
    if "axis" in a and name not in ("sobel", "prewitt"):
        axes = (a["axis"] % ndim,)
    found = [0] * ndim
    if name in ("sobel", "prewitt", "laplace"):
        sizes = [1] * len(axes)
    elif "sigma" in a:
        truncate, radius = a.get("truncate", 4.0), a.get("radius")
        sigmas, radii = (
            np.broadcast_to(v, len(axes)) for v in (a["sigma"], -1 if radius is None else radius)
        )
        sizes = [int(truncate * s + 0.5) if r < 0 else int(r) for s, r in zip(sigmas, radii)]
    else:
        windows = [a.get(key) for key in ("footprint", "structure", "weights")]
        window = next((np.shape(w) for w in windows if w is not None), None)
        sizes = np.broadcast_to(a["size"], len(axes)).tolist() if window is None else window
    for axis, n in zip(
        sorted(axes) if "weights" in a or a.get("footprint") is not None else axes, sizes
    ):
        found[axis] = int(n)
    return tuple(found)


def _filter(name):
    original = getattr(_filters, name)
    known = signature(original)

    def function(*args, **kwargs):
        bound = known.bind(*args, **kwargs)
        bound.apply_defaults()
        a = dict(bound.arguments)
        a.update(a.pop("kwargs", {}))
        x = da.asarray(a.pop("input"))
        mode, value = a.pop("mode"), a.pop("cval")
        if not isinstance(mode, str):
            raise ValueError(f"{name}: of chunked arrays all axes have one mode, got {mode!r}")
        if isinstance(a.get("output"), np.ndarray):
            raise TypeError(f"{name}: output may be a dtype only, where arrays are chunked")
        ours = _filters._arguments.mode_of(mode)
        if ours == "constant" and value and name in _PASSES:
            raise ValueError(f"{name}: mode 'constant' with cval {value!r} needs whole arrays")
        small = original(np.ones((1,) * x.ndim, x.dtype), **a)
        margin = _margins(name, a, x.ndim)
        axes = tuple(range(x.ndim))
        wide = _extended(x, axes, [(n, n) for n in margin], ours, value)
        bounds = [[0, *np.cumsum(chunks).tolist()] for chunks in x.chunks]

        def reach(i, first, stop):
            return first, stop + 2 * margin[i]

        # The margin is wide enough: nothing that is kept has seen a block's border.
        run = _Filter(original, {**a, "mode": "nearest"}, margin)
        return _windows(wide, axes, 0, bounds, reach, run, None, small.dtype)

    return _named(function, name)


def _named(function, name):
    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"As the function `{name}` of fastconv, of a Dask array; gives one that is not computed yet."
    )
    return function


for _n in (1, 2, 3):
    globals()[f"conv{_n}d"] = _convolution(f"conv{_n}d", _n)
    globals()[f"conv_transpose{_n}d"] = _transposition(f"conv_transpose{_n}d", _n)
    globals()[f"max_pool{_n}d"] = _pooling(f"max_pool{_n}d", _n)
    globals()[f"avg_pool{_n}d"] = _pooling(f"avg_pool{_n}d", _n)
ndimage = SimpleNamespace(**{name: _filter(name) for name in _filters.__all__})

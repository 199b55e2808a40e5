"""What the fuzzer tries: for each operation, random arguments and what they give by `fuzz_oracle`."""

from dataclasses import dataclass, field
from math import prod

import numpy as np
import scipy.ndimage
import scipy.signal

import fastconv
from fastconv import ndimage, signal

try:
    import fuzz_oracle as oracle
except ImportError:
    from . import fuzz_oracle as oracle

FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
HALVES = ("float16", "bfloat16")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
MODES = ("zeros", "constant", *oracle.PAD_MODES)
# Multiply-adds of a case, mostly; some are large enough for several boxes and threads.
SMALL, LARGE = 1 << 14, 1 << 20


@dataclass
class Trial:
    """A call, in channels-first arrays, and its results."""

    function: object
    arrays: dict  # those in the data format; what else the function takes is in `others` and `options`
    expected: list  # wide arrays
    others: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    bounds: list = None  # sums of absolute values, for tolerances; None: exact in every room
    in_layout: tuple = (True,)  # of the results
    out: str | None = "out"
    formats: bool = True  # takes data_format=
    unbatched: bool = True
    dtypes: tuple = ()  # of the results, if not that of the first array
    whole: bool = True  # of whole numbers times a power of two: exact where rooms are local


class Draw:
    """Random choices of one case."""

    def __init__(self, *seed):
        self.rng = np.random.default_rng(seed)

    def one(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p):
        return self.rng.random() < p

    def int(self, low, high):
        """Both included, small ones more often."""
        return low + int((high - low + 1) * self.rng.random() ** 1.7)

    def dtype(self, *families):
        """Mostly one of the first family."""
        return str(self.one(*(families[0] if self.chance(0.6) else self.one(*families))))

    def numbers(self, shape, dtype, style="whole", largest=4):
        """Values that are exact in `dtype`, as it has them."""
        small = tuple(1 if self.chance(0.04) else n for n in shape)  # the same along an axis
        whole = self.rng.integers(0 if dtype.startswith("u") else -largest, largest + 1, small)
        if dtype.startswith("complex"):
            whole = whole + 1j * self.rng.integers(-largest, largest + 1, small)
        x = whole if style != "normal" else self.rng.standard_normal(small)
        x = np.ascontiguousarray(np.broadcast_to(x, shape)).astype(dtype_of(dtype))
        wide = dtype in ("float64", "complex128")
        if style == "tiny":
            x *= x.dtype.type(2.0 ** (-1072 if wide else -147))
        elif style == "huge":
            x *= x.dtype.type(2.0 ** (440 if wide else 110))
        elif style == "special" and x.size:
            for value in (np.nan, np.inf, -np.inf):
                at = tuple(self.rng.integers(0, n, 1 + x.size // 300) for n in shape)
                x[at] = value if self.chance(0.7) else x[at]
        return x

    def style(self, dtype):
        if dtype not in FLOATS:
            return "whole"
        return self.one("whole", "whole", "normal", "special", "tiny", "huge")


def dtype_of(name):
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def wide(x):
    """What the oracle computes with."""
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


def sized(name, ndim):
    """The public function of so many axes."""
    function = fastconv
    for part in f"{name}{ndim}d".split("."):
        function = getattr(function, part)
    return function


class Window:
    """Random sizes along every axis, such that some window fits."""

    def __init__(self, draw, ndim, *, modes=("zeros",), ceil=False, crop=True, most=SMALL, padded=True):
        budget = max(2, round((most if draw.chance(0.9) else LARGE) ** (0.5 / ndim)))
        self.mode = draw.one(*modes) if draw.chance(0.5) else modes[0]
        self.ceil = ceil and draw.chance(0.4)
        self.axes, self.maps = [], []
        while len(self.maps) < ndim:
            size, kernel = (
                draw.int(1, budget),
                draw.int(1, min(7, budget) if draw.chance(0.9) else budget),
            )
            stride = 1 if draw.chance(0.5) else draw.int(1, 5)
            dilation = 1 if draw.chance(0.7) else draw.int(1, 4)
            reach = dilation * (kernel - 1)
            pads = (0, 0)
            if padded and draw.chance(0.6):
                low = -min(2, size // 3) if crop and self.mode in ("zeros", "constant") else 0
                pads = tuple(draw.int(low, reach + 2) for _ in range(2))
            if draw.chance(0.03):
                stride = draw.one(size, size + 7, 2**31, 2**62 - 1)
            if kernel == 1 and draw.chance(0.05):
                dilation = draw.one(2**31, 2**62 - 1)
            # Longer steps than the axis give one window, as this does.
            step = min(stride, size + max(sum(pads), 0) + 1)
            at = oracle.axis_map(
                size, kernel, step, 1 if kernel == 1 else dilation, pads, self.mode, self.ceil
            )
            if at is not None:
                self.axes.append((size, kernel, stride, dilation, pads))
                self.maps.append(at)
        self.sizes, self.kernel, self.stride, self.dilation, self.padding = zip(*self.axes)
        self.outputs = tuple(map(len, self.maps))
        self.work = prod(self.outputs) * prod(self.kernel)

    def channels(self, draw, most=SMALL):
        """(batch, groups, channels and filters per group), within the budget."""
        most = most if draw.chance(0.9) else LARGE
        found = [1, 1, 1, 1]
        for i in draw.rng.permutation(4):
            room = most // max(1, self.work * prod(found))
            high = max(1, min(room, (4, 20, 40, 40)[i]))
            found[i] = draw.int(1, high) if draw.chance(0.8) else high
        if draw.chance(0.2):
            found[3] = 1
        if draw.chance(0.03):
            found[0] = 0
        return found

    def options(self):
        """As the functions of convolution take them."""
        return dict(stride=self.stride, padding=self.padding, dilation=self.dilation)


def _operands(draw, window, families):
    """(dtype, style, batch, groups, x, w) of a convolution."""
    dtype = draw.dtype(*families)
    style = draw.style(dtype)
    n, g, c, k = window.channels(draw)
    x = draw.numbers((n, g * c, *window.sizes), dtype, style)
    w = draw.numbers((g * k, c, *window.kernel), dtype, "normal" if style == "normal" else "whole", 3)
    return dtype, style, n, g, x, w


def reach(finite, w):
    """What a sum may come to; transforms err by parts of it, also where windows see less."""
    return finite.max(initial=0) * np.abs(wide(w)).sum()


def _turned(draw, w, ndim):
    """(weight as the call has it, its option) for taps as the oracle has them."""
    if draw.chance(0.15):
        return np.flip(w, tuple(range(2, 2 + ndim))).copy(), {"flip": True}
    return w, {}


def conv(draw, ndim):
    window = Window(draw, ndim, modes=MODES)
    dtype, style, _, g, x, w = _operands(draw, window, (FLOATS, COMPLEX, HALVES, INTEGERS))
    fill = 0
    options = {**window.options(), "groups": g, "padding_mode": window.mode}
    if window.mode == "constant":
        options["padding_value"] = fill = 2
    y = oracle.conv(wide(x), wide(w), window.maps, g, fill)
    finite = np.where(np.isfinite(x), np.abs(wide(x)), 0)
    bound = oracle.conv(finite, np.abs(wide(w)), window.maps, g, abs(fill)) + reach(finite, w)
    others = {}
    if draw.chance(0.5):
        bias = draw.numbers((len(w),), dtype)
        others["bias"] = bias
        y = y + wide(bias).reshape(-1, *(1,) * ndim)
        bound = bound + np.abs(wide(bias)).reshape(-1, *(1,) * ndim)
    if not dtype.startswith("complex") and draw.chance(0.3):
        options["activation"] = "relu"
        y = np.where(y < 0, 0, y)
    w, turned = _turned(draw, w, ndim)
    return Trial(
        sized("conv", ndim), {"input": x}, [y], {"weight": w, **others}, {**options, **turned}, [bound],
        whole=style in ("whole", "special") or (style in ("tiny", "huge") and not (others or fill)),
    )  # fmt: skip


def conv_transpose(draw, ndim):
    window = Window(draw, ndim, crop=False, padded=False)
    while max(window.stride) > 99 or max(window.dilation) > 99:
        window = Window(draw, ndim, crop=False, padded=False)
    dtype = draw.dtype(FLOATS, COMPLEX, HALVES, INTEGERS)
    style = draw.style(dtype)
    n, g, c, k = window.channels(draw)
    x = draw.numbers((n, g * k, *window.outputs), dtype, style)
    w = draw.numbers((g * k, c, *window.kernel), dtype, "normal" if style == "normal" else "whole", 3)
    # Sizes from the output: all of the reach, padding taken off, more at the end.
    sizes, pads, extra = [], [], []
    for outputs, (_, kernel, stride, dilation, _) in zip(window.outputs, window.axes):
        whole = (outputs - 1) * stride + dilation * (kernel - 1) + 1
        more = draw.int(0, max(stride, dilation) - 1) if draw.chance(0.3) else 0
        pad = draw.int(0, (whole - 1) // 2) if draw.chance(0.5) else 0
        sizes.append(whole - 2 * pad + more)
        pads.append(pad)
        extra.append(more)
    maps = [
        np.where((at >= 0) & (at < size), at, oracle.FILLED)
        for size, pad, at in zip(
            sizes, pads, (_steps(*axis) for axis in zip(window.outputs, window.axes, pads))
        )
    ]
    y = oracle.back(wide(x), wide(w), maps, g, sizes)
    finite = np.where(np.isfinite(x), np.abs(wide(x)), 0)
    bound = oracle.back(finite, np.abs(wide(w)), maps, g, sizes) + reach(finite, w)
    options = dict(
        stride=window.stride,
        padding=tuple(pads),
        output_padding=tuple(extra),
        groups=g,
        dilation=window.dilation,
    )
    return Trial(
        sized("conv_transpose", ndim),
        {"input": x},
        [y],
        {"weight": w},
        options,
        [bound],
        whole=style != "normal",
    )


def _steps(outputs, axis, pad):
    _, kernel, stride, dilation, _ = axis
    return np.arange(outputs)[:, None] * stride + np.arange(kernel) * dilation - pad


def conv_gradients(draw, ndim):
    window = Window(draw, ndim, modes=MODES)
    dtype, style, n, g, x, w = _operands(draw, window, (FLOATS, COMPLEX, HALVES, ("int32", "int64")))
    style = "whole" if style in ("tiny", "huge", "special") else style
    x = draw.numbers(x.shape, dtype, style)
    grad = draw.numbers((n, len(w), *window.outputs), dtype, style, 2)
    fill = 2 if window.mode == "constant" else 0
    options = {**window.options(), "groups": g, "padding_mode": window.mode}
    if fill:
        options["padding_value"] = fill
    wx, ww, wg = wide(x), wide(w), wide(grad)
    if dtype.startswith("complex"):
        wx, ww = wx.conj(), ww.conj()
    expected = [
        oracle.back(wg, ww, window.maps, g, window.sizes),
        oracle.weight_gradient(wx, wg, window.maps, g, fill), wg.sum(axis=(0, *range(2, 2 + ndim))),
    ]  # fmt: skip
    bounds = [
        oracle.back(np.abs(wg), np.abs(ww), window.maps, g, window.sizes) + reach(np.abs(wg), w),
        oracle.weight_gradient(np.abs(wx), np.abs(wg), window.maps, g, abs(fill)),
        np.abs(wg).sum(axis=(0, *range(2, 2 + ndim))),
    ]  # fmt: skip
    return Trial(
        sized("grad.conv", ndim), {"input": x, "grad_output": grad}, expected, {"weight": w}, options, bounds,
        in_layout=(True, False, False), out=None, whole=style != "normal",
    )  # fmt: skip


def local(draw, ndim):
    window = Window(draw, ndim)
    dtype = draw.dtype(FLOATS, COMPLEX, ("int32",))
    n, _, c, k = window.channels(draw)
    x = draw.numbers((n, c, *window.sizes), dtype)
    w = draw.numbers((*window.outputs, k, c, *window.kernel), dtype)
    y = oracle.local(wide(x), wide(w), window.maps)
    bias = draw.numbers((k, *window.outputs), dtype)
    return Trial(
        sized("locally_connected", ndim), {"input": x}, [y + wide(bias)], {"weight": w, "bias": bias},
        window.options(), out=None,
    )  # fmt: skip


def local_gradients(draw, ndim):
    window = Window(draw, ndim)
    dtype = draw.dtype(FLOATS)
    n, _, c, k = window.channels(draw)
    x, w = (
        draw.numbers((n, c, *window.sizes), dtype),
        draw.numbers((*window.outputs, k, c, *window.kernel), dtype),
    )
    grad = draw.numbers((n, k, *window.outputs), dtype)
    expected = oracle.local_gradients(wide(x), wide(w), wide(grad), window.maps)
    return Trial(
        sized("grad.locally_connected", ndim), {"input": x, "grad_output": grad}, list(expected), {"weight": w},
        window.options(), in_layout=(True, False, False), out=None,
    )  # fmt: skip


def _pooled(draw, ndim, families, special=True):
    """(window, dtype, x, options) of a pooling."""
    window = Window(draw, ndim, ceil=True, most=1 << 13)
    dtype = draw.dtype(*families)
    n, g, c, _ = window.channels(draw, 1 << 13)
    style = draw.style(dtype) if special else "whole"
    x = draw.numbers((n, g * c, *window.sizes), dtype, style, 100 if draw.chance(0.3) else 4)
    options = dict(kernel_size=window.kernel, **window.options())
    if window.ceil:
        options["ceil_mode"] = True
    return window, dtype, x, options


def _lowest(dtype):
    return -np.inf if dtype.kind not in "iu" else np.iinfo(dtype).min


def _maxima(x, maps):
    if x.dtype.kind not in "iu":
        return oracle.largest(wide(x), maps, -np.inf)
    return oracle.largest(
        x.astype(object) if x.dtype == np.uint64 else x.astype(np.int64), maps, _lowest(x.dtype)
    )


def max_pool(draw, ndim):
    window, _, x, options = _pooled(draw, ndim, (FLOATS, INTEGERS, HALVES))
    y, where = _maxima(x, window.maps)
    if draw.chance(0.5):
        return Trial(sized("max_pool", ndim), {"input": x}, [y], {}, options)
    options["return_indices"] = True
    return Trial(
        sized("max_pool", ndim), {"input": x}, [y, where], {}, options, in_layout=(True, True),
        dtypes=(x.dtype, np.dtype(np.int64)), out=None,
    )  # fmt: skip


def max_pool_gradient(draw, ndim):
    window, dtype, x, _ = _pooled(draw, ndim, (FLOATS, HALVES), special=False)
    _, where = _maxima(x, window.maps)
    grad = draw.numbers(where.shape, dtype)
    total = np.zeros((*x.shape[:2], prod(window.sizes) + 1))
    n, c = (np.arange(size) for size in x.shape[:2])
    flat = where.reshape(*where.shape[:2], prod(where.shape[2:]))
    np.add.at(total, (n[:, None, None], c[:, None], flat), wide(grad).reshape(flat.shape))
    expected = total[..., :-1].reshape(x.shape)
    shape = (*x.shape[:2], *window.sizes)
    return Trial(
        sized("grad.max_pool", ndim), {"grad_output": grad, "indices_or_cache": where}, [expected], {},
        {"input_size": shape},
    )  # fmt: skip


def avg_pool(draw, ndim):
    window, _, x, options = _pooled(draw, ndim, (FLOATS, HALVES, COMPLEX))
    include = draw.chance(0.5)
    divisor = draw.one(None, None, 3, 8)
    y = oracle.over_windows(wide(x), window.maps)
    bound = oracle.over_windows(np.where(np.isfinite(x), np.abs(wide(x)), 0), window.maps)
    under = oracle.divisors(window.maps, include, divisor)
    options |= dict(count_include_pad=include, divisor_override=divisor)
    return Trial(
        sized("avg_pool", ndim), {"input": x}, [y / under], {}, options, [bound / under], whole=False
    )


def avg_pool_gradient(draw, ndim):
    window, dtype, x, options = _pooled(draw, ndim, (FLOATS, HALVES), special=False)
    include = draw.chance(0.5)
    outputs, kernel = oracle.counts(window.maps)
    grad = draw.numbers((*x.shape[:2], *outputs), dtype)
    share = wide(grad) / oracle.divisors(window.maps, include, None)
    values = np.broadcast_to(share.reshape(*share.shape, *(1,) * ndim), (*share.shape, *kernel))
    y = oracle.scatter(values, window.maps, window.sizes)
    bound = oracle.scatter(np.abs(values), window.maps, window.sizes)
    options |= dict(input_size=(*x.shape[:2], *window.sizes), count_include_pad=include)
    return Trial(
        sized("grad.avg_pool", ndim), {"grad_output": grad}, [y], {}, options, [bound], whole=False,
    )  # fmt: skip


def lp_pool(draw, ndim):
    window, _, x, options = _pooled(draw, ndim, (FLOATS, HALVES), special=False)
    x = np.abs(x)
    p = draw.one(1, 2, 3, 2.5)
    y = oracle.over_windows(wide(x) ** p, window.maps) ** (1 / p)
    return Trial(
        sized("lp_pool", ndim), {"input": x}, [y], {}, {"norm_type": p, **options}, [y], whole=False
    )  # fmt: skip


def adaptive(draw, ndim):
    dtype = draw.dtype(FLOATS, HALVES)
    shape = (draw.int(1, 3), draw.int(1, 20), *(draw.int(1, 24 if ndim < 3 else 9) for _ in range(ndim)))
    x = draw.numbers(shape, dtype, draw.style(dtype), 100)
    whole = draw.chance(0.3)
    parts = (1,) * ndim if whole else tuple(draw.int(1, size + 3) for size in shape[2:])
    maps = [oracle.part_map(size, part) for size, part in zip(shape[2:], parts)]
    kind = draw.one("max", "avg")
    options = {} if whole else {"output_size": parts}
    if kind == "max":
        y, bound = _maxima(x, maps)[0], None
    else:
        under = oracle.divisors(maps, False, None)
        y = oracle.over_windows(wide(x), maps) / under
        bound = [oracle.over_windows(np.where(np.isfinite(x), np.abs(wide(x)), 0), maps) / under]
    function = (
        getattr(fastconv, f"global_{kind}_pool") if whole else sized(f"adaptive_{kind}_pool", ndim)
    )
    return Trial(function, {"input": x}, [y], {}, options, bound, whole=False, unbatched=not whole)


def unpool(draw, ndim):
    dtype = draw.dtype(FLOATS, INTEGERS, HALVES)
    kernel = tuple(draw.int(1, 4) for _ in range(ndim))
    shape = (draw.int(1, 3), draw.int(1, 9), *(draw.int(1, 9 if ndim < 3 else 4) for _ in range(ndim)))
    sizes = tuple(n * k for n, k in zip(shape[2:], kernel))
    x = draw.numbers(shape, dtype)
    where = draw.rng.integers(-1 if draw.chance(0.2) else 0, prod(sizes), shape)
    y = np.zeros((*shape[:2], prod(sizes) + 1))
    for n, c in np.ndindex(*shape[:2]):
        y[n, c, where[n, c].ravel()] = wide(x[n, c]).ravel()
    y = y[..., :-1].reshape(*shape[:2], *sizes)
    return Trial(
        sized("max_unpool", ndim), {"input": x, "indices": where}, [y], {}, {"kernel_size": kernel}
    )


def columns(draw, ndim):
    window = Window(draw, ndim)
    dtype = draw.dtype(FLOATS, HALVES, COMPLEX, INTEGERS)
    n, g, c, _ = window.channels(draw)
    x = draw.numbers((n, g * c, *window.sizes), dtype, draw.style(dtype))
    outputs, kernel = oracle.counts(window.maps)
    seen = oracle.gather(wide(x), window.maps)
    order = (0, 1, *range(2 + ndim, 2 + 2 * ndim), *range(2, 2 + ndim))
    y = seen.transpose(order).reshape(n, g * c * prod(kernel), prod(outputs))
    options = dict(kernel_size=window.kernel, **window.options())
    if draw.chance(0.5):
        return Trial(
            fastconv.im2col, {"input": x}, [y], {}, options, out=None, formats=False, unbatched=False
        )
    dtype = draw.dtype(FLOATS, COMPLEX)
    cols = draw.numbers(y.shape, dtype)
    values = wide(cols).reshape(n, g * c, *kernel, *outputs)
    values = values.transpose(0, 1, *range(2 + ndim, 2 + 2 * ndim), *range(2, 2 + ndim))
    options["output_size"] = window.sizes
    return Trial(
        fastconv.col2im, {"cols": cols}, [oracle.scatter(values, window.maps, window.sizes)], {}, options,
        out=None, formats=False, unbatched=False,
    )  # fmt: skip


def normalized(draw, ndim):
    window = Window(draw, ndim, modes=tuple(oracle.PAD_MODES))
    dtype = draw.dtype(FLOATS)
    n, g, c, _ = window.channels(draw)
    x = draw.numbers((n, g * c, *window.sizes), dtype)
    x[draw.rng.random(x.shape) < draw.one(0.0, 0.1, 0.9)] = np.nan
    w = np.abs(draw.numbers((g * draw.int(1, 3), c, *window.kernel), dtype, largest=9)) + 1
    there = np.isfinite(x)
    total = oracle.conv(np.where(there, wide(x), 0), wide(w), window.maps, g)
    size = oracle.conv(np.where(there, np.abs(wide(x)), 0), wide(w), window.maps, g)
    weights = oracle.conv(there.astype(float), wide(w), window.maps, g)
    with np.errstate(all="ignore"):
        y = np.where(weights > 0, total / weights, np.nan)
    bound = size / np.maximum(weights, 1)
    options = {**window.options(), "groups": g, "padding_mode": window.mode}
    return Trial(
        sized("normalized_conv", ndim), {"input": x}, [y], {"weight": w}, options, [bound], whole=False,
    )  # fmt: skip


def stream(draw, ndim):
    channels, taps = draw.int(1, 3), draw.one(1, 2, 9, 70, 2100)
    dtype = draw.dtype(FLOATS, COMPLEX)
    dilation = draw.int(1, 3) if taps < 100 else 1
    x = draw.numbers((channels, draw.int(0, 5000)), dtype, "normal")
    w = draw.numbers((channels, 1, taps), dtype, "normal")
    cuts = sorted(draw.rng.integers(0, x.shape[1] + 1, draw.int(0, 6)))

    def function(input, weight):
        filtered = fastconv.Stream(weight, channels=channels, dilation=dilation)
        pieces = [filtered(part) for part in np.split(input, cuts, axis=1)]
        return np.concatenate(pieces, axis=1)

    kernels = np.zeros((channels, (taps - 1) * dilation + 1), wide(w).dtype)
    kernels[:, ::dilation] = wide(w)[:, 0]
    size = x.shape[1]
    y, bound = np.zeros(x.shape, wide(x).dtype), np.zeros(x.shape)
    for c in range(channels if size else 0):
        y[c] = np.convolve(wide(x)[c], kernels[c, ::-1])[:size]
        bound[c] = np.convolve(np.abs(x[c]), np.abs(kernels[c, ::-1]))[:size]
    return Trial(
        function,
        {"input": x},
        [y],
        {"weight": w},
        {},
        [bound],
        out=None,
        formats=False,
        unbatched=False,
        whole=False,
    )


def as_scipy(draw, ndim):
    """Filters with SciPy's names, beside SciPy's."""
    dtype = draw.dtype(FLOATS, INTEGERS)
    shape = tuple(draw.int(1, (400, 40, 12)[ndim - 1]) for _ in range(ndim))
    x = draw.numbers(shape, dtype, "normal" if dtype in FLOATS else "whole", 100)
    mode = draw.one("reflect", "nearest", "mirror", "wrap", "constant")
    size = draw.int(1, 6)
    w = draw.numbers((size,) * ndim, "float64")
    name, others, options = draw.one(
        ("correlate", {"weights": w}, {}), ("convolve", {"weights": w}, {}), ("uniform_filter", {}, {"size": size}),
        ("maximum_filter", {}, {"size": size}), ("minimum_filter", {}, {"size": size}),
        ("gaussian_filter", {}, {"sigma": draw.one(0.5, 1.0, 2.5)}), ("sobel", {}, {}),
        ("correlate1d", {"weights": w.ravel()[:size].copy()}, {"axis": draw.int(0, ndim - 1)}),
    )  # fmt: skip
    options |= {"mode": mode}
    y = getattr(scipy.ndimage, name)(x, **others, **options)
    bound = np.full(y.shape, np.abs(wide(x)).max() * max(1.0, np.abs(w).sum(), 2.0**ndim * 2))
    return Trial(
        getattr(ndimage, name), {"input": x}, [y], others, options, [bound] if dtype in FLOATS else None,
        out="output", formats=False, unbatched=False, whole=False,
    )  # fmt: skip


def as_scipy_signal(draw, ndim):
    dtype = draw.dtype(("float64",), ("float32",))
    x, w = (draw.numbers((draw.int(1, most),), dtype, "normal") for most in (3000, 200))
    mode = draw.one("full", "same", "valid")
    name = draw.one("convolve", "correlate", "fftconvolve", "oaconvolve", "lfilter")
    if name == "lfilter":
        arrays, options = {"b": w, "a": np.ones(1, dtype), "x": x}, {}
    else:
        arrays, options = {"in1": x, "in2": w}, {"mode": mode}
    y = getattr(scipy.signal, name)(**arrays, **options)
    bound = np.full(y.shape, np.linalg.norm(wide(x)) * np.linalg.norm(wide(w)))
    return Trial(
        getattr(signal, name), arrays, [y], {}, options, [bound], out=None, formats=False, unbatched=False,
        whole=False, dtypes=(y.dtype,),
    )  # fmt: skip


# How often each is tried.
OPERATIONS = {
    conv: 10, conv_transpose: 4, conv_gradients: 4, local: 1, local_gradients: 1, max_pool: 3, max_pool_gradient: 1,
    avg_pool: 2, avg_pool_gradient: 1, lp_pool: 1, adaptive: 2, unpool: 1, columns: 1, normalized: 1, stream: 1,
    as_scipy: 2, as_scipy_signal: 1,
}  # fmt: skip

"""What the tests of single rooms share: convolutions of whole numbers, and what all must keep."""

import numpy as np
from hypothesis import strategies as st

import fastconv
from fastconv._kernels import isa

LAYOUTS = ("channels_first", "channels_last")
# (layout, level, threads) of a call
WAYS = st.tuples(*map(st.sampled_from, (LAYOUTS, isa.available(), (1, 2, 3, 5))))


def normal(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def in_layout(x, layout):
    """Channels-first `x` in a layout, contiguous."""
    return x if layout == "channels_first" else np.ascontiguousarray(np.moveaxis(x, 1, -1))


def in_pieces(x):
    """The same values with neighbours apart."""
    return np.repeat(x, 2, axis=-1)[..., ::2]


def spatial_size(sizes, kernel, dilation, padding):
    """`sizes`, or more where the padded input would be smaller than the kernel."""
    return [
        max(size, (k - 1) * d + 1 - sum(p))
        for size, k, d, p in zip(sizes, kernel, dilation, padding, strict=True)
    ]


def whole_numbers(draw, largest, x, w, **options):
    """(input, weight, bias or None, options) of these shapes, drawn."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    x, w = (rng.integers(-largest, largest + 1, shape).astype(dtype) for shape in (x, w))
    b = draw(st.sampled_from([None, rng.integers(-9, 9, len(w)).astype(dtype)]))
    options["activation"] = draw(st.sampled_from([None, "relu"]))
    options["flip"] = draw(st.booleans())
    return x, w, b, options


def assert_exact(problem, room, layout, level, threads):
    """`room` gives the sums of the reference, also from and into memory with gaps."""
    x, w, b, options = problem
    convolve = getattr(fastconv, f"conv{x.ndim - 2}d")
    x = in_layout(x, layout)
    expected = convolve(x, w, b, algorithm="reference", data_format=layout, **options)
    out = in_pieces(np.full(expected.shape, np.nan, x.dtype))
    with isa.use(level), fastconv.config(threads=threads, algorithm=room):
        y = convolve(x, w, b, data_format=layout, **options)
        convolve(in_pieces(x), w, b, data_format=layout, out=out, **options)
    assert np.array_equal(y, expected)
    assert np.array_equal(out, expected)


def assert_same_bits(*operands, **options):
    """Of conv2d, for any number of threads."""
    results = set()
    for threads in (1, 2, 3, 5, 17):
        with fastconv.config(threads=threads):
            results.add(fastconv.conv2d(*operands, **options).tobytes())
    assert len(results) == 1

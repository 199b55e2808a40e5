"""Kernels that are outer products: found by their values, run as passes, and no less right for it."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, WAYS, in_layout, in_pieces, spatial_size

import fastconv
from fastconv._kernels import isa
from fastconv._operations import _passes

CONV = {2: fastconv.conv2d, 3: fastconv.conv3d}

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


def outer(factors):
    """(filters, 1, *kernel) of arrays (filters, taps)."""
    kernel = factors[0]
    for factor in factors[1:]:
        kernel = kernel[..., None] * factor[:, *(None,) * (kernel.ndim - 1)]
    return kernel[:, None]


@st.composite
def problems(draw):
    ndim = draw(st.integers(2, 3))
    kernel = [draw(st.integers(1, 3)) for _ in range(ndim - 2)]
    kernel += [draw(st.sampled_from([2, 3, 5, 7, 8, 9, 14, 31])) for _ in range(2)]
    stride = [draw(st.sampled_from([1, 1, 2, 3])) for _ in kernel]
    padding = [draw(st.tuples(st.integers(-1, 9), st.integers(-1, 9))) for _ in kernel]
    sizes = [draw(st.integers(1, 5)) for _ in range(ndim - 2)]
    sizes += [draw(st.integers(1, 70)), draw(st.integers(1, 400))]
    spatial = spatial_size(sizes, kernel, (1,) * ndim, padding)
    channels, ratio = draw(st.sampled_from([(1, 1), (1, 2), (3, 1), (2, 2)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    factors = [rng.integers(-1, 2, (channels * ratio, taps)) for taps in kernel]
    for factor in factors:
        factor[:, 0] = 1
    x, b = rng.integers(-2, 3, (2, channels, *spatial)), rng.integers(-9, 9, channels * ratio)
    modes = ["zeros", "zeros", "reflect", "circular"] + ["constant"] * (ndim == 2 or kernel[0] == 1)
    mode = draw(st.sampled_from(modes))
    options = dict(
        stride=stride, padding=padding, groups=channels, padding_mode=mode,
        padding_value=int(mode == "constant") * 2, activation=draw(st.sampled_from([None, "relu"])),
        flip=draw(st.booleans()),
    )  # fmt: skip
    return x, outer(factors), draw(st.sampled_from([None, b])), options


@settings(max_examples=80, deadline=None)
@given(problems(), WAYS, st.sampled_from(["float32", "float64", "int16", "int64"]))
def test_passes_are_exact(problem, way, dtype):
    x, w, b, options = problem
    layout, level, threads = way
    x, w = in_layout(x, layout), w.astype(dtype)
    b = None if b is None else b.astype(dtype)
    convolve = CONV[w.ndim - 2]
    expected = convolve(x, w.astype(int), None if b is None else b.astype(int), data_format=layout, **options)
    with isa.use(level), fastconv.config(threads=threads, algorithm="separable"):
        y = convolve(x.astype(dtype), w, b, data_format=layout, **options)
        plan = fastconv.plan(convolve, x.astype(dtype), w, b, data_format=layout, **options)
        out = in_pieces(np.zeros(expected.shape, dtype))
        plan(in_pieces(x.astype(dtype)), out=out)
    assert y.dtype == dtype and np.array_equal(y, expected)
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [5, 9, 31])
def test_a_gaussian_is_found_and_as_accurate_as_blas(size, layout):
    rng = np.random.default_rng(size)
    x = rng.standard_normal((1, 3, 300, 280))
    kernel = fastconv.filters.gaussian(size / 5, radius=size // 2)
    w = np.broadcast_to(kernel, (3, 1, *kernel.shape))
    options = dict(padding="same", groups=3, data_format=layout)
    single, w32 = in_layout(x.astype(np.float32), layout), w.astype(np.float32)
    # What was asked for is the sum with the rounded kernel.
    truth = fastconv.conv2d(single.astype(float), w32.astype(float), algorithm="reference", **options)

    def error(algorithm):
        y = fastconv.conv2d(single, w32, algorithm=algorithm, **options)
        return np.linalg.norm(y - truth)

    assert error("separable") <= 2 * error("im2col")
    told = fastconv.explain(fastconv.conv2d, single, w32, **options)
    if size > 5:
        assert told.algorithm == "separable" and "outer product" in repr(told)


def test_what_is_no_outer_product_is_not_taken_for_one():
    rng = np.random.default_rng(1)
    column, row = rng.standard_normal((2, 1, 9))
    w = outer([column, row])
    assert _passes.factors(w) is not None and _passes.factors(w.astype(np.float32)) is not None
    for bit in (1e-14, 1e-3, np.nan, np.inf):
        other = w.copy()
        other[0, 0, 4, 4] += bit
        assert _passes.factors(other) is None
    other = w.astype(np.float32)
    other[0, 0, 4, 4] *= 1 + 1e-5
    assert _passes.factors(other) is None
    assert _passes.factors(rng.standard_normal((1, 1, 9, 9))) is None
    assert _passes.factors(outer([column, row]), exact=True) is None
    with pytest.raises(ValueError, match="is for kernels that are outer products"):
        fastconv.conv2d(np.ones((1, 1, 20, 20)), other.astype(float), algorithm="separable")
    with pytest.raises(ValueError, match="separable: is for planes, without dilation"):
        fastconv.conv2d(np.ones((1, 1, 20, 20)), np.ones((1, 1, 3, 3)), dilation=2, algorithm="separable")
    with pytest.raises(ValueError, match="separable: is for kernels and strides of at most"):
        fastconv.conv2d(np.ones((1, 1, 8, 8)), np.ones((1, 1, 3, 3)), stride=2**61, padding=2**61, algorithm="separable")
    with pytest.raises(ValueError, match="'separable' does not do conv"):
        fastconv.conv2d(np.ones((1, 2, 20, 20)), np.ones((1, 2, 3, 3)), algorithm="separable")


def test_factors_of_special_kernels():
    sobel = fastconv.filters.sobel()[None, None]
    for kernel in (sobel, np.zeros((2, 1, 3, 5)), np.eye(1, 9).reshape(1, 1, 3, 3) * 7e300):
        column, row = _passes.factors(kernel)
        assert np.allclose(column[:, :, None] * row[:, None], kernel[:, 0], rtol=1e-15, atol=0)
    # Whole numbers are taken apart into whole numbers.
    column, row = _passes.factors(np.outer([2, 4, 6], [3, -9])[None, None], exact=True)
    assert column.tolist() == [[1, 2, 3]] and row.tolist() == [[6, -18]]
    # One filter that is none is enough.
    both = np.stack([sobel[0], fastconv.filters.laplace()[None]])
    assert _passes.factors(both) is None


def test_plans_take_the_kernel_apart_once_and_travel(monkeypatch):
    import pickle

    x = np.random.default_rng(2).standard_normal((1, 200, 300))
    w = outer([np.hanning(23)[None, 1:-1], np.hanning(19)[None, 1:-1]])
    plan = fastconv.plan(fastconv.conv2d, x, w, padding="same", padding_mode="reflect")
    assert plan.algorithm == "separable"
    expected = fastconv.conv2d(x, w, padding="same", padding_mode="reflect", algorithm="reference")
    copied = pickle.loads(pickle.dumps(plan))
    monkeypatch.setattr(_passes, "factors", lambda *_: pytest.fail("taken apart again"))
    assert np.allclose(plan(x), expected, rtol=0, atol=1e-13)
    monkeypatch.undo()
    assert np.array_equal(copied(x), plan(x))


@pytest.mark.parametrize("planned, called", [(1, 8), (8, 1), (1, 64), (64, 1)])
@pytest.mark.parametrize("size", [40, 64, 100])
def test_plans_for_other_batches(size, planned, called):
    """Of which some may be too small for passes to pay."""
    x = np.random.default_rng(0).standard_normal((64, 1, size, size))
    w = outer([np.hanning(17)[None, 1:-1]] * 2)
    plan = fastconv.plan(fastconv.conv2d, x[:planned], w, padding=7)
    expected = fastconv.conv2d(x[:called], w, padding=7, algorithm="im2col")
    assert np.allclose(plan(x[:called]), expected, rtol=0, atol=1e-12)


def test_numbers_that_are_none_reach_what_sees_them():
    x = np.zeros((1, 80, 400), np.float32)
    x[0, 40, 100], x[0, 20, 300] = np.nan, np.inf
    w = np.ones((1, 1, 15, 15), np.float32)
    y = fastconv.conv2d(x, w, padding=7, algorithm="separable")[0]
    expected = fastconv.conv2d(x, w, padding=7, algorithm="reference")[0]
    assert np.array_equal(y, expected, equal_nan=True)


def test_the_same_bits_for_any_number_of_threads():
    x = np.random.default_rng(3).standard_normal((3, 700, 900)).astype(np.float32)
    w = np.broadcast_to(fastconv.filters.gaussian(4.0, radius=10).astype(np.float32), (3, 1, 21, 21))
    results = set()
    for threads in (1, 2, 3, 5, 17):
        with fastconv.config(threads=threads):
            results.add(fastconv.conv2d(x, w, groups=3, padding=10, algorithm="separable").tobytes())
    assert len(results) == 1

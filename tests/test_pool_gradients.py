"""Gradients of pooling, unpooling, norms, and windows that part the input."""

import math
from functools import partial

import numpy as np
import pool_oracle as oracle
import pytest
from hypothesis import given, settings, strategies as st
from pool_oracle import INTEGERS, LAYOUTS, NATIVE, from_layout, read_only, same, to_layout

import fastconv
from fastconv import config, grad
from fastconv._algorithms import direct_pool_gradients, reference_pool_gradients, reference_pooling
from fastconv._core.dtypes import code_dtype
from fastconv._core.sizes import largest_part
from fastconv._core.windows_of import counts_of
from fastconv._kernels import isa

RECORDS = oracle.records()


def whole(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def problem_of(record, kind, dtype, layout, **options):
    sizes = (tuple(record[key]) for key in ("in", "kernel", "stride", "dilation", "pad_begin", "pad_end", "out"))
    return oracle.Problem(
        kind, dtype, layout, record["N"], *(record["C"],) * 3, *sizes, **options
    )  # fmt: skip


def run_gradient(room, problem, inputs, threads):
    """Channels-first gradient by a room, to memory that held nonsense before."""
    assert room.supports(problem) is None
    x = np.full(problem.input_shape, np.nan, problem.dtype)
    arrays = tuple(to_layout(array, problem.layout) for array in inputs)
    room.run(room.compile(problem), None, arrays, (x,), threads)
    return from_layout(x, problem.layout)


# ---- rooms


@pytest.mark.parametrize("dtype", NATIVE)
@pytest.mark.parametrize("index", range(len(RECORDS)), ids=lambda i: oracle.label(RECORDS[i]))
def test_rooms_equal_the_reference_and_are_adjoint(index, dtype):
    record = RECORDS[index]
    forward = partial(problem_of, record, dtype=dtype, layout="channels_first")
    x = whole(forward(kind="max_pool").input_shape, dtype, index)
    g = whole(forward(kind="max_pool").output_shape, dtype, index + 1)
    maxima, codes = np.empty_like(g), np.empty(g.shape, code_dtype(math.prod(record["kernel"])))
    reference_pooling.run(forward(kind="argmax_pool"), None, (x,), (maxima, codes), 1)
    sums = np.empty_like(g)
    reference_pooling.run(forward(kind="avg_pool", divisor=1), None, (x,), (sums,), 1)
    for kind, inputs, y in (("grad_max_pool", (g, codes), maxima), ("grad_avg_pool", (g,), sums)):
        expected = run_gradient(reference_pool_gradients, forward(kind=kind, divisor=1), inputs, 1)
        # <pool(x), g> == <x, gradient>, exactly: a window without elements is worth nothing.
        there = np.isfinite(y)
        assert float(np.sum(np.where(there, y, 0) * g, dtype=np.float64)) == float(
            np.sum(x * expected, dtype=np.float64)
        )
        for layout in LAYOUTS:
            problem = problem_of(record, kind, dtype, layout, divisor=1)
            for level in isa.available():
                for threads in (1, 2, 3, 5):
                    with isa.use(level):
                        same(run_gradient(direct_pool_gradients, problem, inputs, threads), expected)


@st.composite
def geometries(draw):
    """Poolings with everything odd: dilation, crops, large padding, windows over the end."""
    ndim = draw(st.integers(1, 3))

    def number(low, high):
        return draw(st.integers(low, high))

    spatial = [number(1, 9) for _ in range(ndim)]
    return dict(
        shape=(number(1, 2), draw(st.sampled_from((1, 3, 5, 17))), *spatial),
        kernel_size=tuple(number(1, 4) for _ in range(ndim)),
        stride=tuple(number(1, 4) for _ in range(ndim)),
        dilation=tuple(number(1, 3) for _ in range(ndim)),
        padding=tuple((number(-1, 5), number(-1, 5)) for _ in range(ndim)),
        ceil_mode=draw(st.booleans()),
    )


@settings(max_examples=300, deadline=None)
@given(
    geometries(), st.sampled_from(LAYOUTS), st.booleans(), st.sampled_from([None, 2]),
    st.sampled_from(["direct", "reference", None]), st.sampled_from([1, 3]), st.sampled_from(NATIVE),
)  # fmt: skip
def test_public_gradients_are_adjoint(geometry, layout, include_pad, divisor, algorithm, threads, dtype):
    shape, ndim = geometry.pop("shape"), len(geometry["kernel_size"])
    max_pool, avg_pool, grad_max, grad_avg = (
        getattr(module, f"{kind}_pool{ndim}d") for module in (fastconv, grad) for kind in ("max", "avg")
    )
    x = to_layout(whole(shape, dtype), layout)
    counted = dict(count_include_pad=include_pad, divisor_override=divisor)
    with config(algorithm=algorithm, threads=threads):
        try:
            y, cache = max_pool(x, **geometry, return_cache=True, data_format=layout)
        except ValueError:  # no window fits
            return
        g = to_layout(whole(from_layout(y, layout).shape, dtype, 1), layout)
        there = np.isfinite(y)
        out = np.full(x.shape, np.nan, dtype)
        assert grad_max(g, cache, out=out) is out
        assert np.sum(np.where(there, y, 0) * g) == np.sum(x * out)
        same(grad_max(g, cache.indices(), x.shape, data_format=layout), out)
        # Divided by the counts, sums are not exact, but those of both sides are the same up to rounding.
        y = avg_pool(x.astype("f8"), **geometry, **counted, data_format=layout)
        found = grad_avg(g.astype("f8"), x.shape, **geometry, **counted, data_format=layout)
        assert np.isclose(np.sum(y * g), np.sum(x * found), rtol=1e-12, atol=1e-9)
        narrow = grad_avg(read_only(g), x.shape, **geometry, **counted, data_format=layout)
        np.testing.assert_allclose(narrow, found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["grad_max_pool", "grad_avg_pool"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_bits_for_any_number_of_threads(kind, layout):
    for channels, kernel, stride in ((1, 3, 1), (3, 3, 2), (20, 5, 2), (8, 9, 1), (3, 2, 2)):
        x = np.random.default_rng(0).standard_normal((1, channels, 40, 37)).astype(np.float32)
        y, cache = fastconv.max_pool2d(to_layout(x, layout), kernel, stride, 1, return_cache=True, data_format=layout)
        g = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        problem = cache.problem._replace(kind=kind, divisor=3)
        inputs = (g, cache.codes) if kind == "grad_max_pool" else (g,)
        results = set()
        for threads in (1, 2, 3, 5, 16):
            out = np.full(x.shape if layout == "channels_first" else cache.problem.input_shape, np.nan, np.float32)
            room = direct_pool_gradients
            room.run(room.compile(problem), None, inputs, (out,), threads)
            results.add(out.tobytes())
        assert len(results) == 1


def test_windows_that_many_rows_of_windows_see():
    x = whole((1, 2, 1, 700, 3))
    for pool, backward in ((fastconv.avg_pool3d, grad.avg_pool3d),):
        options = dict(kernel_size=(1, 650, 2), stride=(1, 1, 1), divisor_override=1)
        y = pool(x.astype("f8"), **options)
        g = whole(y.shape, "f8")
        assert np.sum(y * g) == np.sum(x * backward(g, x.shape, **options))
        strided = dict(options, stride=(1, 1, 2))
        y = pool(x.astype("f8"), **strided)
        g = whole(y.shape, "f8")
        for layout in LAYOUTS:
            found = backward(to_layout(g, layout), x.shape[2:], **strided, data_format=layout)
            assert np.sum(y * g) == np.sum(x * from_layout(found, layout))


@pytest.mark.parametrize("kernel", [(2, 3), (17, 19), (300, 250)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_codes_of_all_sizes(kernel, layout):
    x = to_layout(whole((1, 5, 310, 260), "float64"), layout)
    y, cache = fastconv.max_pool2d(x, kernel, 7, return_cache=True, data_format=layout)
    assert cache.codes.itemsize == {6: 1, 323: 2, 75000: 4}[math.prod(kernel)]
    g = np.ones_like(y)
    same(grad.max_pool2d(g, cache), grad.max_pool2d(g, cache.indices(), x.shape, data_format=layout))
    with config(algorithm="reference"):
        if math.prod(kernel) < 1000:
            same(grad.max_pool2d(g, cache), grad.max_pool2d(g, cache.indices(), x.shape, data_format=layout))


def test_codes_that_lie_write_nothing_outside():
    x = whole((1, 2, 6, 6))
    _, cache = fastconv.max_pool2d(x, 3, 2, 1, return_cache=True)
    codes = np.full(cache.codes.shape, 255, np.uint8)
    memory = np.zeros((1, 2, 18, 6), np.float32)
    out = memory[:, :, 6:12]
    for layout in LAYOUTS:
        problem = cache.problem._replace(kind="grad_max_pool", layout=layout)
        room = direct_pool_gradients
        g = np.ones(cache.codes.shape, np.float32)
        arrays = tuple(to_layout(a, layout) for a in (g, codes))
        result = out if layout == "channels_first" else np.zeros((1, 6, 6, 2), np.float32)
        room.run(room.compile(problem), None, arrays, (result,), 1)
        assert not memory.any() and not result.any()


# ---- dtypes, arrays


@pytest.mark.parametrize("dtype", [*INTEGERS, "float16", "bfloat16"])
def test_other_dtypes(dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    x = whole((2, 3, 7, 6)).astype(dtype)
    y, cache = fastconv.max_pool2d(x, 3, 2, 1, return_cache=True)
    g = abs(whole(y.shape)).astype(dtype)
    expected = grad.max_pool2d(g.astype(np.float64), cache)
    found = grad.max_pool2d(g, cache)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.astype(np.float64), expected)
    same(grad.max_pool2d(g, cache.indices(), x.shape), found)
    unpooled = fastconv.max_unpool2d(y, cache.indices(), 3, 2, 1, output_size=(7, 6))
    assert unpooled.dtype == dtype
    back = grad.max_unpool2d(unpooled, cache.indices())
    assert back.dtype == dtype
    np.testing.assert_array_equal(back.astype(float), y.astype(float))
    if np.dtype(dtype).kind in "iu":
        with pytest.raises(TypeError, match="no integers"):
            grad.avg_pool2d(g, x.shape, 3, 2, 1)
        with pytest.raises(TypeError, match="real floating"):
            fastconv.lp_pool2d(x, 2, 3)
    else:
        for found in (grad.avg_pool2d(g, x.shape, 3, 2, 1), fastconv.lp_pool2d(abs(x), 2, 3)):
            assert found.dtype == dtype


def test_complex_averages_have_a_gradient_and_maxima_none():
    g = whole((1, 2, 3, 3)) + 1j * whole((1, 2, 3, 3), seed=1)
    found = grad.avg_pool2d(g, (6, 6), 2)
    np.testing.assert_array_equal(found.real, grad.avg_pool2d(g.real.copy(), (6, 6), 2))
    np.testing.assert_array_equal(found.imag, grad.avg_pool2d(g.imag.copy(), (6, 6), 2))
    with pytest.raises(TypeError, match="no order"):
        grad.max_pool2d(g, np.zeros(g.shape, int), (6, 6))
    with pytest.raises(TypeError, match="no order"):
        fastconv.max_unpool2d(g, np.zeros(g.shape, int), 2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_strided_and_unbatched_arrays_and_out(layout):
    x = whole((2, 3, 8, 9))
    y, cache = fastconv.max_pool2d(to_layout(x, layout), 3, 2, return_cache=True, data_format=layout)
    g = whole(y.shape)
    expected = grad.max_pool2d(g, cache)
    turned = np.asarray(g[..., ::-1].copy()[..., ::-1])
    same(grad.max_pool2d(turned, cache), expected)
    same(grad.max_pool2d(g.astype(">f4"), cache), expected)
    out = np.full((*expected.shape[:-1], 2 * expected.shape[-1]), np.nan, np.float32)[..., ::2]
    assert grad.max_pool2d(g, cache, out=out) is out
    same(np.ascontiguousarray(out), expected)
    indices = cache.indices()
    assert grad.max_pool2d(g, indices, x.shape[2:], data_format=layout, out=out) is out
    same(np.ascontiguousarray(out), expected)
    spread = np.repeat(indices, 2, axis=-1)[..., ::2].astype(np.int32)
    same(grad.max_pool2d(turned, spread, x.shape[2:], data_format=layout), expected)
    averages = grad.avg_pool2d(g, x.shape[2:], 3, 2, data_format=layout)
    same(grad.avg_pool2d(turned, x.shape[2:], 3, 2, data_format=layout, out=out), averages)
    one = fastconv.max_pool2d(to_layout(x, layout)[0], 3, 2, return_cache=True, data_format=layout)[1]
    same(grad.max_pool2d(g[0], one), expected[0])
    same(grad.avg_pool2d(g[0], x.shape[2:], 3, 2, data_format=layout), averages[0])
    shape = x.shape[1:] if layout == "channels_first" else (8, 9, 3)
    same(grad.avg_pool2d(g[0], shape, 3, 2, data_format=layout), averages[0])


def test_out_may_be_the_gradient_itself():
    x = whole((1, 1, 4, 4))
    y, cache = fastconv.max_pool2d(x, 1, return_cache=True)
    g = whole(y.shape)
    expected = g.copy()
    assert grad.max_pool2d(g, cache, out=g) is g
    same(g, expected)


def test_empty_batches():
    for layout in LAYOUTS:
        x = np.zeros((0, 3, 8, 8) if layout == "channels_first" else (0, 8, 8, 3), np.float32)
        y, cache = fastconv.max_pool2d(x, 2, return_cache=True, data_format=layout)
        assert grad.max_pool2d(y, cache).shape == x.shape
        assert grad.max_pool2d(y, cache.indices(), (8, 8), data_format=layout).shape == x.shape
        assert grad.avg_pool2d(y, x.shape, 2, data_format=layout).shape == x.shape
        assert fastconv.max_unpool2d(y, cache.indices(), 2, data_format=layout).shape == x.shape
        assert fastconv.lp_pool2d(x, 2, 2, data_format=layout).shape == y.shape
        assert fastconv.adaptive_avg_pool2d(x, 3, data_format=layout).size == 0


# ---- indices


@pytest.mark.parametrize("wrong", [-2, 36, 10**15, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_indices_are_checked_before_anything_is_written(wrong, layout):
    x = to_layout(whole((2, 3, 6, 6)), layout)
    y, indices = fastconv.max_pool2d(x, 2, return_indices=True, data_format=layout)
    indices[1, 2, 1, 2] = wrong
    out = np.full(x.shape, 7, np.float32)
    for threads in (1, 3):
        with config(threads=threads):
            with pytest.raises(ValueError, match=r"indices\[1, 2, 1, 2\] is .* have 36 elements"):
                grad.max_pool2d(y, indices, x.shape, data_format=layout, out=out)
            with pytest.raises(ValueError, match=r"indices\[1, 2, 1, 2\]"):
                fastconv.max_unpool2d(y, indices, 2, data_format=layout, out=out)
            with pytest.raises(ValueError, match=r"indices\[1, 2, 1, 2\]"):
                grad.max_unpool2d(x, indices, data_format=layout)
    assert (out == 7).all()


def test_minus_one_is_nowhere_and_the_last_of_equals_stays():
    values, indices = np.array([[3.0, 4.0, 5.0]]), np.array([[1, -1, 1]])
    assert fastconv.max_unpool1d(values, indices, 2).tolist() == [[0, 5, 0, 0, 0, 0]]
    assert grad.max_pool1d(values, indices, (1, 6)).tolist() == [[0, 8, 0, 0, 0, 0]]
    assert grad.max_unpool1d(np.arange(6.0)[None], indices).tolist() == [[1, 0, 1]]


def test_unpooling_undoes_pooling_of_either_size():
    for size in (6, 7):
        x = whole((1, 2, size)) + np.arange(size, dtype=np.float32) / 16
        y, indices = fastconv.max_pool1d(x, 2, return_indices=True)
        back = fastconv.max_unpool1d(y, indices, 2, output_size=x.shape)
        assert back.shape == x.shape
        same(np.take_along_axis(back, indices, -1), y)
        assert np.count_nonzero(back) <= y.size


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda v, i: fastconv.max_unpool1d(v, i[..., :1], 2), ValueError, "indices have shape"),
        (lambda v, i: fastconv.max_unpool1d(v, i.astype(float), 2), TypeError, "signed integers"),
        (lambda v, i: fastconv.max_unpool1d(v, i.astype("u8"), 2), TypeError, "signed integers"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2, output_size=(8,)), ValueError, "less than the stride"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2, output_size=(4, 4, 4, 4)), ValueError, "spatial sizes"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2, padding=9), ValueError, "would give planes"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 0), ValueError, "at least 1"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2, out=np.zeros(3)), ValueError, "out has shape"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2**62), ValueError, "out of range"),
        (lambda v, i: fastconv.max_unpool1d(v, i, 2**60), ValueError, "would need"),
        (lambda v, i: grad.max_pool1d(v, i), ValueError, "give input_size"),
        (lambda v, i: grad.max_pool1d(v, i, (3, 6)), ValueError, "does not fit grad_output"),
        (lambda v, i: grad.max_pool1d(v, i, (6, 6, 6)), ValueError, "must be a shape"),
        (lambda v, i: grad.max_pool1d(v, fastconv.max_pool1d(v, 2, return_cache=True)[1]), ValueError, "cache is of"),
        (lambda v, i: grad.max_pool1d(v, fastconv.max_pool1d(v, 1, return_cache=True)[1], (7,)), ValueError,
         "not that of the cache"),
        (lambda v, i: grad.max_unpool1d(v[0], i), ValueError, "input must have shape|indices have shape"),
        (lambda v, i: grad.avg_pool1d(v, (9,), 2), ValueError, "make \\(4,\\)"),
        (lambda v, i: grad.avg_pool1d(v, (6,), 2, ceil_mode=1), TypeError, "True or False"),
        (lambda v, i: grad.avg_pool1d(v, (6,), 2, divisor_override=0), ValueError, "must not be 0"),
        (lambda v, i: grad.lp_pool1d(v, np.zeros((2, 6), "f4"), 2, 2), TypeError, "grad_output has dtype"),
        (lambda v, i: grad.lp_pool1d(v, np.zeros((2, 6)), 0, 2), ValueError, "positive and finite"),
        (lambda v, i: fastconv.lp_pool1d(v, "two", 2), TypeError, "must be a number"),
        (lambda v, i: fastconv.lp_pool1d(v, math.inf, 2), ValueError, "positive and finite"),
        (lambda v, i: fastconv.adaptive_avg_pool1d(v, 0), ValueError, "at least 1"),
        (lambda v, i: fastconv.adaptive_avg_pool1d(v, (1, 2)), ValueError, "one value or 1"),
        (lambda v, i: fastconv.adaptive_max_pool1d(v, 2**62), ValueError, "out of range"),
        (lambda v, i: fastconv.adaptive_max_pool1d(v[:, :0], 2), ValueError, "no elements"),
        (lambda v, i: fastconv.global_max_pool(v), ValueError, "batch axis"),
        (lambda v, i: grad.global_avg_pool(v, (2, 9)), ValueError, "batch axis"),
        (lambda v, i: fastconv.max_pool1d(v, 2, return_indices=True, return_cache=True), ValueError, "say the same"),
        (lambda v, i: fastconv.plan(grad.max_pool1d, v, i), ValueError, "no choice of algorithms"),
    ],
)  # fmt: skip
def test_errors(call, error, message):
    values = np.array([[3.0, 4.0, 5.0], [1.0, 2.0, 0.0]])
    with pytest.raises(error, match=message):
        call(values, np.array([[1, 2, 5], [0, 3, 4]]))


# ---- norms


@pytest.mark.parametrize("p", [1, 2, 3, 1.5])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_norms_and_their_gradient(p, layout):
    rng = np.random.default_rng(3)
    x = rng.uniform(0.5, 2, (2, 3, 7, 6))
    options = dict(kernel_size=(3, 2), stride=2, padding=((1, 0), (0, 2)), dilation=(2, 1), ceil_mode=True)
    lp_pool = partial(fastconv.lp_pool2d, norm_type=p, **options, data_format=layout)
    y = lp_pool(to_layout(x, layout))
    sums = fastconv.avg_pool2d(to_layout(x**p, layout), **options, divisor_override=1, data_format=layout)
    np.testing.assert_allclose(y, sums ** (1 / p), rtol=1e-13)
    g = rng.standard_normal(y.shape)
    found = grad.lp_pool2d(g, to_layout(x, layout), p, **options, data_format=layout)
    direction = rng.standard_normal(found.shape)
    step = 1e-6
    ends = [np.sum(lp_pool(to_layout(x, layout) + s * step * direction) * g) for s in (1, -1)]
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(np.sum(found * direction), rel=1e-6)
    out = np.empty_like(found)
    assert grad.lp_pool2d(g, to_layout(x, layout), p, **options, data_format=layout, out=out) is out
    same(out, found)


def test_a_norm_of_zero_passes_nothing_back():
    x = np.array([[0.0, 0.0, 3.0, -4.0]])
    assert fastconv.lp_pool1d(x, 2, 2).tolist() == [[0, 5]]
    np.testing.assert_allclose(grad.lp_pool1d(np.ones((1, 2)), x, 2, 2), [[0, 0, 0.6, -0.8]])
    # As in PyTorch, powers are of the elements as they are.
    assert fastconv.lp_pool1d(x, 1, 2).tolist() == [[0, -1]]
    assert fastconv.lp_pool1d(np.array([[np.nan, 1, np.inf, 1]]), 2, 2).tolist()[0][1] == np.inf


def test_global_norms():
    x = whole((2, 3, 5, 4), "float64")
    np.testing.assert_allclose(fastconv.global_lp_pool(x)[..., 0, 0], np.sqrt((x**2).sum((2, 3))))
    g = whole((2, 3, 1, 1), "float64")
    np.testing.assert_allclose(grad.global_lp_pool(g, x), g * x / fastconv.global_lp_pool(x))


# ---- windows that part the input


def test_the_largest_part():
    for size in range(1, 40):
        for parts in range(1, 40):
            starts = [i * size // parts for i in range(parts)]
            ends = [-(-(i + 1) * size // parts) for i in range(parts)]
            assert largest_part(size, parts) == max(e - s for s, e in zip(starts, ends))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 3).flatmap(lambda n: st.tuples(*[st.tuples(st.integers(1, 12), st.integers(1, 14))] * n)),
    st.sampled_from((1, 3, 20)), st.sampled_from(LAYOUTS), st.sampled_from([None, "direct", "reference"]),
    st.sampled_from((*NATIVE, "int16", "float16")), st.sampled_from((1, 3)),
)  # fmt: skip
def test_adaptive_pooling_equals_its_definition(axes, channels, layout, algorithm, dtype, threads):
    sizes, parts = zip(*axes)
    x = whole((2, channels, *sizes), dtype, sum(sizes))
    maxima, sums = (np.empty((2, channels, *parts)) for _ in range(2))
    counts = np.empty(parts)
    for place in np.ndindex(*parts):
        window = tuple(slice(i * n // k, -(-(i + 1) * n // k)) for i, n, k in zip(place, sizes, parts))
        part = x[(..., *window)].astype(float).reshape(2, channels, -1)
        maxima[(..., *place)], sums[(..., *place)] = part.max(-1), part.sum(-1)
        counts[place] = part.shape[-1]
    name = f"adaptive_max_pool{len(sizes)}d", f"adaptive_avg_pool{len(sizes)}d"
    given_x = to_layout(x, layout)
    if dtype == "int16" and algorithm == "direct":
        algorithm = None  # gradients of integers have the reference alone
    with config(algorithm=algorithm, threads=threads):
        y, indices = getattr(fastconv, name[0])(given_x, parts, True, data_format=layout)
        same(from_layout(y, layout), maxima.astype(dtype))
        flat = from_layout(indices, layout).reshape(2, channels, -1)
        same(np.take_along_axis(x.reshape(2, channels, -1), flat, -1), maxima.astype(dtype).reshape(flat.shape))
        _, cache = getattr(fastconv, name[0])(given_x, parts, return_cache=True, data_format=layout)
        same(cache.indices(), indices)
        g = to_layout(whole(maxima.shape, dtype, 1), layout)
        found = getattr(grad, name[0])(g, cache)
        same(found, getattr(grad, name[0])(g, indices, x.shape[2:], data_format=layout))
        assert np.sum(y.astype(float) * g) == np.sum(given_x.astype(float) * found)
        if dtype == "int16":
            return
        y = getattr(fastconv, name[1])(given_x, parts, data_format=layout)
        tolerance = 1e-3 if dtype == "float16" else 1e-6
        np.testing.assert_allclose(from_layout(y, layout), sums / counts, rtol=tolerance, atol=tolerance)
        back = getattr(grad, name[1])(g, x.shape[2:], data_format=layout)
        shares = np.zeros(x.shape)
        for place in np.ndindex(*parts):
            window = tuple(slice(i * n // k, -(-(i + 1) * n // k)) for i, n, k in zip(place, sizes, parts))
            passed = from_layout(g, layout)[(..., *place)].astype(float) / counts[place]
            shares[(..., *window)] += passed[(..., *(None,) * len(sizes))]
        np.testing.assert_allclose(from_layout(back, layout), shares, rtol=20 * tolerance, atol=20 * tolerance)


def test_adaptive_sizes_may_be_kept():
    x = whole((1, 2, 6, 9))
    same(fastconv.adaptive_max_pool2d(x, None), x)
    assert fastconv.adaptive_avg_pool2d(x, (None, 2)).shape == (1, 2, 6, 2)
    assert "adaptive" in str(fastconv.explain(fastconv.adaptive_avg_pool2d, x, (4, 4)).problem)
    told = fastconv.explain(fastconv.adaptive_avg_pool2d, x, (4, 4))
    assert fastconv.explain(str(told.problem)).problem == told.problem
    with pytest.raises(ValueError, match="largest parts"):
        fastconv.explain(str(told.problem).replace("f2x3", "f2x2"))


# ---- NaN, infinities, windows of padding: what PyTorch gives, and where it has no such case, what is promised


def test_nan_wins_and_takes_the_gradient():
    nan, inf = np.nan, np.inf
    x = np.array([[1, nan, nan, 5, -inf, -inf, 2, 2]], np.float32)
    y, cache = fastconv.max_pool1d(x, 2, return_cache=True)
    same(y, np.array([[nan, nan, -inf, 2]], np.float32))
    assert cache.indices().tolist() == [[1, 2, 4, 6]]
    g = np.array([[1, 2, 3, 4]], np.float32)
    assert grad.max_pool1d(g, cache).tolist() == [[0, 1, 2, 0, 3, 0, 4, 0]]
    g[0, 0] = nan
    same(grad.max_pool1d(g, cache), np.array([[0, nan, 2, 0, 3, 0, 4, 0]], np.float32))
    y, indices = fastconv.adaptive_max_pool1d(x, 3, True)
    same(y, np.array([[nan, nan, 2]], np.float32))
    assert indices.tolist() == [[1, 2, 6]]


def test_windows_of_padding_alone_pass_nothing_back():
    x = np.ones((1, 3), np.float32)
    y, cache = fastconv.max_pool1d(x, 2, 2, padding=((4, 4),), return_cache=True)
    assert cache.indices().tolist() == [[-1, -1, 0, 2, -1]]
    g = np.full(y.shape, 1, np.float32)
    assert grad.max_pool1d(g, cache).tolist() == [[1, 0, 1]]
    assert grad.max_pool1d(g, cache.indices(), (3,)).tolist() == [[1, 0, 1]]
    alone = grad.avg_pool1d(g, (3,), 2, 2, padding=((4, 4),), count_include_pad=False)
    assert alone.tolist() == [[0.5, 0.5, 1]]


def test_counts_agree_with_the_definition():
    problem = oracle.pose("avg_pool", whole((1, 1, 5, 4)), (3, 2), (2, 3), ((2, 1), (0, 3)), (2, 1), (2, 2))
    for include in (True, False):
        counts = counts_of(problem._replace(count_include_pad=include))
        x = np.ones((1, 1, 5, 4))
        sums = np.empty((1, 1, 2, 2))
        reference_pooling.run(problem._replace(divisor=1), None, (x,), (sums,), 1)
        assert (counts >= sums[0, 0]).all() and (include or (counts == sums[0, 0]).all())

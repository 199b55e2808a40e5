"""Pictures as they are: input, kernel and result of different dtypes, rounded and saturated once."""

import itertools
import pickle
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rooms import LAYOUTS, in_layout, in_pieces, spatial_size

import fastconv
from fastconv._kernels import conversion, isa
from fastconv._operations import _mixed
from fastconv._planner import planner

CONV = {1: fastconv.conv1d, 2: fastconv.conv2d, 3: fastconv.conv3d}
PHOTO = np.random.default_rng(0).integers(0, 256, (1, 120, 90)).astype(np.uint8)

pytestmark = pytest.mark.usefixtures("every_thread_asked_for")


@st.composite
def problems(draw):
    ndim = draw(st.integers(1, 3))

    def sizes(low, high):
        return [draw(st.integers(low, high)) for _ in range(ndim)]

    kernel, stride = sizes(1, 5), sizes(1, 3)
    padding = [draw(st.tuples(st.integers(-1, 6), st.integers(-1, 6))) for _ in kernel]
    spatial = spatial_size(sizes(1, (0, 400, 40, 12)[ndim]), kernel, (1,) * ndim, padding)
    groups, channels, filters = draw(st.sampled_from([(1, 1, 1), (1, 3, 2), (3, 3, 3)]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.integers(0, 100, (2, channels, *spatial))
    w, b = rng.integers(-2, 3, (filters, channels // groups, *kernel)), rng.integers(-5, 5, filters)
    mode = draw(st.sampled_from(["zeros", "constant", "reflect", "symmetric", "circular"]))
    options = dict(
        stride=stride, padding=padding, groups=groups, padding_mode=mode,
        padding_value=7 if mode == "constant" else 0, data_format=draw(st.sampled_from(LAYOUTS)),
        activation=draw(st.sampled_from([None, "relu"])), flip=draw(st.booleans()),
    )  # fmt: skip
    return x, w, b, options


@settings(max_examples=120, deadline=None)
@given(
    problems(), st.sampled_from(["uint8", "int8", "uint16", "int16", "int32", "uint64"]),
    st.sampled_from(["float32", "float64", "int8", "int64"]),
    st.sampled_from([None, "int32", "uint8", "int16", "float32", "float64"]),
    st.sampled_from(isa.available()), st.sampled_from([300, 1 << 21]),
)  # fmt: skip
def test_every_mixture_is_rounded_and_saturated(problem, given, kernel, wanted, level, band):
    x, w, b, options = problem
    w = w + 0.25 if kernel.startswith("float") else w
    result = np.dtype(wanted or given)
    x, w, b = in_layout(x.astype(given), options["data_format"]), w.astype(kernel), b.astype(kernel)
    convolve = CONV[w.ndim - 2]
    operands = (a.astype(float) for a in (x, w, b))
    expected = convolve(*operands, algorithm="reference", **options)
    overflow = "error"
    if result.kind in "iu":
        overflow = "saturate"
        info = np.iinfo(result)
        expected = np.clip(np.rint(expected), info.min, info.max)
    with isa.use(level), pytest.MonkeyPatch.context() as patch:
        patch.setattr(_mixed, "_BAND", band)
        planner.forget()
        y = convolve(x, w, b, dtype=wanted, overflow=overflow, **options)
        plan = fastconv.plan(convolve, x, w, b, dtype=wanted, overflow=overflow, **options)
        out = in_pieces(np.zeros(expected.shape, result))
        plan(in_pieces(x), out=out)
        planner.forget()
    assert y.dtype == result
    tolerance = 0 if result.kind in "iu" else 1e-5 * np.abs(expected).max(initial=0)
    assert np.abs(y - expected).max(initial=0) <= tolerance
    assert np.array_equal(out, y)


def test_a_gaussian_of_a_photograph():
    kernel = fastconv.filters.gaussian(2.0)[None, None]
    y = fastconv.conv2d(PHOTO, kernel, padding="same", padding_mode="symmetric")
    exact = fastconv.conv2d(PHOTO.astype(float), kernel.astype(float), padding="same", padding_mode="symmetric")
    assert y.dtype == np.uint8 and np.abs(y - exact).max() <= 0.5 + 1e-4
    as_floats = fastconv.conv2d(PHOTO, kernel, padding="same", dtype=np.float32)
    assert as_floats.dtype == np.float32
    told = fastconv.explain(fastconv.conv2d, PHOTO, kernel, padding="same")
    assert "uint8 in float32" in told.note and "outer product" in told.note


def test_what_does_not_fit_is_an_error_unless_saturated():
    double = np.array([[[[2.0]]]])
    with pytest.raises(OverflowError, match=re.escape("does not fit uint8: it spans 0 to 510; give a")):
        fastconv.conv2d(np.arange(256, dtype=np.uint8).reshape(1, 1, -1), double)
    y = fastconv.conv2d(PHOTO, double, overflow="saturate")
    assert np.array_equal(y, np.minimum(2 * PHOTO.astype(int), 255))
    with pytest.raises(OverflowError, match="holds NaN, which uint8 does not"):
        fastconv.conv2d(PHOTO, double * np.nan, overflow="saturate")
    for dtype in ("int32", "int64"):
        with pytest.raises(OverflowError, match=f"does not fit {dtype}"):
            fastconv.conv2d(PHOTO, double * 1e30, dtype=dtype)
        y = fastconv.conv2d(PHOTO | 1, double * 1e30, dtype=dtype, overflow="saturate")
        assert (y == np.iinfo(dtype).max).all()


@pytest.mark.parametrize("shape", [(1, 0, 5), (1, 5, 0), (0, 1, 5, 5)])
def test_pictures_without_elements(shape):
    y = fastconv.conv2d(np.ones(shape, np.uint8), np.ones((1, 1, 3, 3)), padding=2)
    assert y.dtype == np.uint8 and not y.any()


def test_whole_numbers_that_no_float_holds():
    x = np.full((1, 1, 9), 2**61)
    y = fastconv.conv1d(x, np.ones((1, 1, 3), np.int8), dtype=np.uint64)
    assert y.dtype == np.uint64 and (y == 3 * 2**61).all()
    y = fastconv.conv1d(x, np.ones((1, 1, 3), np.int8), dtype=np.int32, overflow="saturate")
    assert (y == 2**31 - 1).all()
    with pytest.raises(OverflowError, match="beyond those of int64"):
        fastconv.conv1d(x.astype(np.uint64) * 7, np.ones((1, 1, 3), np.int8), dtype=np.int16)


@pytest.mark.parametrize("given, kernel, wanted", list(itertools.product(
    ("float32", "complex64", "float64", "complex128", "int16", "float16"),
    ("float32", "complex64", "float64", "complex128"),
    (None, "complex64", "complex128", "float32", "float64"))))  # fmt: skip
def test_real_with_complex(given, kernel, wanted):
    rng = np.random.default_rng(1)
    x, w, b = (rng.standard_normal(shape) for shape in ((2, 4, 50), (6, 2, 5), (6,)))
    if given.startswith("complex"):
        x = x + 1j * x[::-1]
    if kernel.startswith("complex"):
        w, b = w + 1j * w[::-1], b - 1j
    x, w, b = (10 * x).astype(given), w.astype(kernel), b.astype(kernel)
    options = dict(groups=2, padding=2, padding_mode="constant", padding_value=3)
    result = np.dtype(wanted or given)
    loses = x.dtype.kind == "c" != result.kind or result.kind != "c" == w.dtype.kind
    narrows = x.dtype.kind == result.kind and result.itemsize < x.dtype.itemsize
    unasked = wanted is None and given in ("float32", "float16", "complex64") and (
        not np.can_cast(w.dtype, given, "safe")
    )  # fmt: skip
    if loses or narrows or unasked:
        with pytest.raises(TypeError):
            fastconv.conv1d(x, w, b, dtype=wanted, **options)
        return
    y = fastconv.conv1d(x, w, b, dtype=wanted, **options)
    expected = fastconv.conv1d(
        x.astype(complex), w.astype(complex), b.astype(complex), algorithm="reference", **options
    )
    expected = np.rint(expected.real) if given == "int16" and wanted is None else expected
    double = result.itemsize == (16 if result.kind == "c" else 8)
    tolerance = 1e-12 if double and given != "int16" else 2e-2 if given == "float16" == result else 1e-4
    tolerance = 0.6 if result.kind == "i" else 0.3 if result == "float16" else tolerance
    assert y.dtype == result and np.abs(y - expected).max() <= tolerance
    fastconv.explain(fastconv.conv1d, x, w, b, dtype=wanted, **options)
    plan = fastconv.plan(fastconv.conv1d, x, w, b, dtype=wanted, **options)
    assert np.array_equal(pickle.loads(pickle.dumps(plan))(x), y)


def test_wrong_mixtures():
    x, w = PHOTO, np.ones((1, 1, 3, 3))
    wrong = {
        "conv2d: overflow must be one of 'error', 'saturate'; got 'wrap'": dict(overflow="wrap"),
        "conv2d: overflow 'saturate' is for integer results": dict(overflow="saturate", dtype="f4"),
        "conv2d: dtype must be a dtype, got 'picture'": dict(dtype="picture"),
        "conv2d: the result has dtype bool": dict(dtype=bool),
    }
    for message, options in wrong.items():
        with pytest.raises((TypeError, ValueError), match=re.escape(message)):
            fastconv.conv2d(x, w, **options)
    with pytest.raises(TypeError, match="dtype uint8 does not hold results for an input of float32"):
        fastconv.conv2d(x.astype("f4"), w, dtype="u1")
    with pytest.raises(TypeError, match=r"convert the input, e\.g\. input\.astype"):
        fastconv.conv2d(x.astype("f4"), w)


@pytest.mark.parametrize("level", isa.available())
@pytest.mark.parametrize("floats", [np.float32, np.float64])
@pytest.mark.parametrize("integers", [np.int8, np.uint8, np.int16, np.uint16])
def test_conversions_of_every_number(integers, floats, level):
    info = np.iinfo(integers)
    every = np.arange(info.min, info.max + 1).astype(integers).reshape(1, -1)
    with isa.use(level):
        wide, back = np.empty(every.shape, floats), np.empty_like(every)
        conversion.from_integers(every, wide, 3)
        assert np.array_equal(wide, every)
        for fraction in (0, 0.25, 0.5, 0.75):
            some = wide[:, 1:-1] + floats(fraction)
            assert not conversion.to_integers(some, back[:, 1:-1], 3)
            assert np.array_equal(back[:, 1:-1], np.rint(some))
        for value in (info.min - 0.75, info.max + 0.5, 1e30, -np.inf, np.nan):
            assert conversion.to_integers(np.array([[0, value]], floats), back[:, :2], 1)
            assert np.isnan(value) or back[0, 1] == np.clip(value, info.min, info.max)

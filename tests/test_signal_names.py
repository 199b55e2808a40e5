"""Functions with the names of `scipy.signal`, beside SciPy's."""

import warnings

import numpy as np
import pytest
import scipy.signal

import fastconv
from fastconv import signal

DTYPES = ("?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "g")
MODES = ("full", "same", "valid")


def numbers(rng, shape):
    dtype = np.dtype(rng.choice(DTYPES))
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    if dtype.kind in "iu":
        return rng.integers(0 if dtype.kind == "u" else -50, 100, shape).astype(dtype)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if dtype.kind == "c" else x).astype(dtype)


def convolution(rng):
    ndim = rng.integers(1, 4)
    most = 200 if ndim == 1 else 10
    arrays = (numbers(rng, tuple(rng.integers(1, most, ndim))) for _ in range(2))
    return tuple(arrays), dict(
        mode=str(rng.choice(MODES)), method=str(rng.choice(["auto", "direct", "fft"]))
    )


def along_axes(rng):
    ndim = int(rng.integers(1, 4))
    first, second = rng.integers(1, 12, ndim).tolist(), rng.integers(1, 8, ndim).tolist()
    options = dict(mode=str(rng.choice(MODES)))
    if rng.random() < 0.6:
        axes = sorted(rng.choice(ndim, rng.integers(1, ndim + 1), replace=False).tolist())
        options["axes"] = axes
        for i in set(range(ndim)) - set(axes):
            second[i] = first[i] if rng.random() < 0.5 else 1
            first[i] = 1 if rng.random() < 0.3 else first[i]
    return (numbers(rng, tuple(first)), numbers(rng, tuple(second))), options


def planar(rng):
    arrays = numbers(rng, tuple(rng.integers(1, 60, 2))), numbers(rng, tuple(rng.integers(1, 9, 2)))
    boundary = str(rng.choice(["fill", "wrap", "symm"]))
    return arrays, dict(
        mode=str(rng.choice(MODES)), boundary=boundary, fillvalue=float(rng.choice([0, 2]))
    )


def fir(rng):
    x = numbers(rng, tuple(rng.integers(1, 20, rng.integers(1, 4))))
    axis = int(rng.integers(-x.ndim, x.ndim))
    b, a = numbers(rng, rng.integers(1, 9)), rng.random(1 if rng.random() < 0.9 else 2) + 1
    options = dict(axis=axis)
    if rng.random() < 0.5:
        state = list(x.shape)
        state[axis] = max(len(a), len(b)) - 1
        options["zi"] = rng.standard_normal(state)
    return (b, a, x), options


def resampled(rng):
    x = numbers(rng, tuple(rng.integers(1, 400, rng.integers(1, 3))))
    rates = tuple(rng.integers(1, 9, 2).tolist())
    padtype = str(rng.choice(["constant", "mean", "median", "edge", "maximum"]))
    return (x, *rates), dict(axis=int(rng.integers(x.ndim)), padtype=padtype)


def rates(rng):
    x = numbers(rng, tuple(rng.integers(1, 300, rng.integers(1, 3))))
    up, down = rng.integers(1, 7, 2).tolist()
    return (numbers(rng, rng.integers(1, 90)), x), dict(up=up, down=down, axis=int(rng.integers(x.ndim)))


def decimated(rng):
    x = numbers(rng, tuple(rng.integers(40, 600, rng.integers(1, 3))))
    options = dict(axis=int(rng.integers(x.ndim)), ftype="fir", zero_phase=bool(rng.random() < 0.5))
    return (x, int(rng.integers(1, 6))), options


CALLS = {
    "convolve": convolution, "correlate": convolution, "fftconvolve": along_axes, "oaconvolve": along_axes,
    "convolve2d": planar, "correlate2d": planar, "lfilter": fir, "upfirdn": rates, "resample_poly": resampled,
    "decimate": decimated,
}  # fmt: skip


def outcome(function, args, kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            return error
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("name", CALLS)
def test_results_are_scipys(name):
    rng = np.random.default_rng(0)
    for _ in range(250):
        args, kwargs = CALLS[name](rng)
        if kwargs.get("method") == "fft" and all(a.dtype == bool for a in args):
            continue  # SciPy takes what rounding leaves for True
        wanted, got = (outcome(getattr(module, name), args, kwargs) for module in (scipy.signal, signal))
        told = f"{name}, {[getattr(a, 'shape', a) for a in args]}, {[getattr(a, 'dtype', a) for a in args]}, {kwargs}"
        if isinstance(wanted, Exception) and "Unsupported type" in str(wanted):
            continue  # by SciPy's sums of bools
        if isinstance(wanted, Exception) or isinstance(got, Exception):
            assert type(wanted) is type(got), (told, wanted, got)
            continue
        low = any(a.dtype.char in "fF" for a in args if isinstance(a, np.ndarray))
        for w, g in zip(wanted, got, strict=True):
            assert (w.shape, w.dtype) == (g.shape, g.dtype), told
            if w.dtype.kind in "iub":
                np.testing.assert_array_equal(g, w, err_msg=told)
            elif w.size:
                eps = 1e-2 if w.dtype.char == "e" else 1e-4 if low or w.dtype.char in "fF" else 1e-9
                size = max(np.nanmax(np.abs(w)), 1)
                np.testing.assert_allclose(g, w, rtol=0, atol=eps * size, err_msg=told)


def test_integers_stay_exact_by_any_method():
    rng = np.random.default_rng(1)
    x, h = rng.integers(-(2**40), 2**40, 3000), rng.integers(-1000, 1000, 400)
    wanted = np.convolve(x, h)
    for method in ("auto", "direct", "fft"):
        np.testing.assert_array_equal(signal.convolve(x, h, method=method), wanted)


def test_nan_stays_where_it_is():
    x, h = np.ones(5000), np.ones(600)
    x[100] = np.nan
    y = signal.convolve(x, h, method="fft")
    assert np.isnan(y).sum() == 600


def test_long_kernels_are_one_transform_no_longer_than_the_result():
    rng = np.random.default_rng(2)
    x, h = rng.standard_normal(30_000), rng.standard_normal(20_011)
    np.testing.assert_allclose(signal.convolve(x, h), scipy.signal.fftconvolve(x, h), atol=1e-9)
    np.testing.assert_allclose(
        signal.correlate(x, h, "valid"), scipy.signal.correlate(x, h, "valid", "fft"), atol=1e-9
    )


def test_a_mask_is_not_lost():
    x = np.ma.masked_greater(np.arange(30.0), 5)
    for call in (
        lambda: signal.convolve(x, np.ones(3)), lambda: signal.correlate(np.ones(40), x),
        lambda: signal.lfilter([1, 2], 1, x), lambda: signal.upfirdn([1, 2], x, 2),
        lambda: signal.resample_poly(x, 2, 1), lambda: signal.decimate(x, 2, ftype="fir"),
        lambda: signal.convolve2d(x[None], np.ones((1, 3))), lambda: signal.oaconvolve(x, np.ones(3)),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="mask"):
            call()


def test_explain_tells_what_was_done():
    x = np.zeros(20_000, np.float32)
    assert "conv1d f32" in str(fastconv.explain(signal.convolve, x, np.ones(30, np.float32)))
    assert "SciPy's lfilter: a filter with feedback" in str(
        fastconv.explain(signal.lfilter, [1.0], [1.0, 0.5], x)
    )
    assert "NumPy" in str(fastconv.explain(signal.convolve, x[:10], x[:3]))

"""Normalised convolution: means of what is there."""

from itertools import product

import numpy as np
import pytest

import fastconv
from fastconv import grad

CONV = (None, fastconv.normalized_conv1d, fastconv.normalized_conv2d, fastconv.normalized_conv3d)
GRAD = (None, grad.normalized_conv1d, grad.normalized_conv2d, grad.normalized_conv3d)


def oracle(x, weight, left_out, pad, stride, groups):
    """One window after the other, in float64; `pad` is (before, value, counts) for all sides."""
    width, value, counts = pad
    around = [(0, 0), (0, 0)] + [(width, width)] * (x.ndim - 2)
    there = np.pad(~left_out, around, constant_values=counts).astype(float)
    x = np.pad(np.where(left_out, 0, x), around, constant_values=value)
    kernel = weight.shape[2:]
    sizes = [(n - k) // stride + 1 for n, k in zip(x.shape[2:], kernel)]
    y = np.empty((len(x), len(weight), *sizes))
    sums = np.empty_like(y)
    per = weight.shape[1]
    for n, k, at in product(range(len(x)), range(len(weight)), np.ndindex(*sizes)):
        first = k // (len(weight) // groups) * per
        window = (
            n,
            slice(first, first + per),
            *(slice(a * stride, a * stride + t) for a, t in zip(at, kernel)),
        )
        sums[n, k, *at] = (weight[k] * there[window]).sum()
        total = (weight[k] * x[window] * there[window]).sum()
        y[n, k, *at] = total / sums[n, k, *at] if sums[n, k, *at] else np.nan
    return y, sums


@pytest.mark.parametrize("ndim, dtype", list(product((1, 2, 3), ("float32", "float64"))))
def test_means_of_what_is_there(ndim, dtype):
    rng = np.random.default_rng(ndim)
    for stride, groups, masked in product((1, 2), (1, 2), (False, True)):
        x = rng.standard_normal((2, 4, *[11, 8, 5][:ndim])).astype(dtype)
        weight = rng.random((6, 4 // groups, *[3, 4, 2][:ndim])).astype(dtype)
        left_out = rng.random(x.shape) < 0.5
        left_out[0, :, :4] = True  # whole windows
        given = x if masked else np.where(left_out, np.nan, x)
        mask = left_out if masked else None
        options = dict(stride=stride, padding=2, groups=groups, return_weights=True)
        wanted, sums = oracle(x, weight, left_out, (2, 0, True), stride, groups)
        tolerance = dict(
            rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-5 if dtype == "float32" else 1e-12
        )
        got, weights = CONV[ndim](given, weight, mask, **options)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, **tolerance)
        np.testing.assert_allclose(weights, sums, **tolerance)
        last = np.moveaxis(given, 1, -1), weight, None if mask is None else np.moveaxis(mask, 1, -1)
        y, _ = CONV[ndim](*last, data_format="channels_last", **options)
        np.testing.assert_allclose(np.moveaxis(y, -1, 1), wanted, **tolerance)
        # Padding of NaN is left out.
        wanted, _ = oracle(x, weight, left_out, (2, 0, False), stride, groups)
        got, _ = CONV[ndim](
            given, weight, mask, **options, padding_mode="constant", padding_value=np.nan
        )
        np.testing.assert_allclose(got, wanted, **tolerance)


def test_whichever_algorithm_would_run_nothing_is_nothing():
    """Large kernels would be transformed, 3x3 ones go by Winograd: their sums of zeros are not zeros."""
    rng = np.random.default_rng(0)
    for shape, kernel in (((1, 1, 200, 200), (1, 1, 41, 41)), ((1, 16, 40, 40), (16, 16, 3, 3))):
        x = rng.standard_normal(shape).astype(np.float32)
        x[..., 60:160, 60:160] = np.nan
        x[..., 10:20, 10:20] = np.nan
        y = fastconv.normalized_conv2d(x, rng.random(kernel).astype(np.float32), padding="same")
        reach = kernel[-1] // 2
        missing = np.isnan(x[0, 0])
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(missing, reach), kernel[2:])
        np.testing.assert_array_equal(np.isnan(y[0, 0]), windows.all(axis=(2, 3)))
        assert np.nanmax(np.abs(y)) < 6


def test_options_of_missing_elements():
    x = np.array([[1.0, np.nan, np.nan, 4.0, 5.0, 6.0]])
    weight = np.ones((1, 1, 3))
    run = fastconv.normalized_conv1d
    np.testing.assert_array_equal(run(x, weight), [[1, 4, 4.5, 5]])
    np.testing.assert_array_equal(run(x, weight, minimum_weight=0.5), [[np.nan, np.nan, 4.5, 5]])
    np.testing.assert_array_equal(run(x, weight, preserve_nan=True), [[np.nan, np.nan, 4.5, 5]])
    np.testing.assert_array_equal(run(x, weight, nan="propagate"), [[np.nan] * 3 + [5]])
    masked = np.ma.masked_invalid(x)
    np.testing.assert_array_equal(run(masked, weight), [[1, 4, 4.5, 5]])
    np.testing.assert_array_equal(run([[1, 100, 3]], weight, [[False, True, False]]), [[2]])
    out = np.empty((1, 4))
    assert run(x, weight, out=out) is out
    half = run(x.astype(np.float16), weight)
    assert half.dtype == np.float16
    shifted = run(x * (1 + 1j), weight)
    np.testing.assert_allclose(shifted, [[1 + 1j, 4 + 4j, 4.5 + 4.5j, 5 + 5j]])


@pytest.mark.parametrize(
    "options, error",
    [
        ({"nan": "drop"}, ValueError), ({"minimum_weight": 2}, ValueError), ({"preserve_nan": 1}, TypeError),
        ({"mask": np.zeros((1, 7), bool)}, ValueError), ({"mask": np.zeros((1, 6))}, TypeError),
        ({"out": np.zeros((1, 5))}, ValueError), ({"stride": 0}, ValueError),
    ],
)  # fmt: skip
def test_wrong_options(options, error):
    with pytest.raises(error):
        fastconv.normalized_conv1d(np.ones((1, 6)), np.ones((1, 1, 3)), **options)


def test_complex_weights_are_no_mean():
    with pytest.raises(TypeError, match="real"):
        fastconv.normalized_conv1d(np.ones((1, 6)), np.ones((1, 1, 3), complex))


@pytest.mark.parametrize("mode", ["zeros", "reflect", "circular", "replicate"])
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_gradients_are_those_of_small_steps(ndim, mode):
    rng = np.random.default_rng(ndim)
    x = rng.standard_normal((2, 4, *[7, 6, 5][:ndim]))
    x[rng.random(x.shape) < 0.3] = np.nan
    weight = rng.random((6, 2, *[3, 3, 2][:ndim]))
    options = dict(padding=1, groups=2, padding_mode=mode)
    grad_output = rng.standard_normal(CONV[ndim](x, weight, **options).shape)
    grad_x, grad_w = GRAD[ndim](x, weight, grad_output, **options)
    assert not grad_x[np.isnan(x)].any()

    def loss(x, weight):
        return np.nansum(grad_output * CONV[ndim](x, weight, **options))

    for _ in range(6):
        step_x, step_w = rng.standard_normal(x.shape), rng.standard_normal(weight.shape)
        small = 1e-6
        wanted = (loss(x + small * step_x, weight) - loss(x - small * step_x, weight)) / (2 * small)
        assert np.isclose((grad_x * step_x).sum(), wanted, rtol=1e-5, atol=1e-5)
        wanted = (loss(x, weight + small * step_w) - loss(x, weight - small * step_w)) / (2 * small)
        assert np.isclose((grad_w * step_w).sum(), wanted, rtol=1e-5, atol=1e-5)
    assert GRAD[ndim](x, weight, grad_output, needs=("weight",), **options)[0] is None


# Some kernels are smaller than what is NaN.
@pytest.mark.filterwarnings("ignore:nan_treatment=.interpolate., however")
def test_astropy_gives_the_same():
    astropy = pytest.importorskip("astropy.convolution")
    rng = np.random.default_rng(5)
    boundaries = {"fill": "zeros", "extend": "replicate", "wrap": "circular"}
    # Data of astropy's own tests, and some at random.
    cases = [
        (np.array([1.0, np.nan, 3.0]), np.ones(3)), (np.array([1.0, 4.0, 9.0]), np.array([0, 1.0, 0])),
        (np.array([[0.0, 0, 0], [0, np.nan, 0], [0, 0, 1]]), np.ones((3, 3))),
        (np.array([[1.0, 2, 3], [4, np.nan, 6], [7, 8, 9]]), np.array([[0, 1.0, 0], [1, 1, 1], [0, 1, 0]])),
        (np.full((3, 3, 3), np.nan) + np.eye(3)[None], np.ones((3, 3, 3))),
    ]  # fmt: skip
    for ndim in (1, 2, 3):
        for _ in range(10):
            x = rng.standard_normal(rng.integers(7, 14, ndim))
            x[rng.random(x.shape) < 0.3] = np.nan
            cases.append((x, rng.random(2 * rng.integers(0, 3, ndim) + 1)))
    for (x, kernel), (boundary, mode), preserve in product(cases, boundaries.items(), (False, True)):
        wanted = astropy.convolve(
            x, kernel, boundary=boundary, nan_treatment="interpolate", preserve_nan=preserve
        )
        got = CONV[x.ndim](
            x[None],
            kernel[None, None],
            padding="same",
            padding_mode=mode,
            flip=True,
            preserve_nan=preserve,
        )[0]
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)

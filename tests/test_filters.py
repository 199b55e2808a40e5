"""The classic filters against SciPy, whose functions are correlations."""

import numpy as np
import pytest
from scipy import ndimage

from fastconv import filters

INTEGER = [filters.sobel, filters.scharr, filters.prewitt]


def image(ndim):
    return np.random.default_rng(0).standard_normal((9, 8, 7)[:ndim])


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_derivatives_are_scipys(name, ndim):
    x = image(ndim)
    for axis in range(-ndim, ndim):
        kernel = getattr(filters, name)(axis, ndim, dtype=float)
        ours = ndimage.correlate(x, kernel, mode="constant")
        np.testing.assert_allclose(
            ours, getattr(ndimage, name)(x, axis, mode="constant"), atol=1e-12
        )


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_laplace_is_scipys(ndim):
    ours = ndimage.correlate(image(ndim), filters.laplace(ndim, dtype=float), mode="wrap")
    np.testing.assert_allclose(ours, ndimage.laplace(image(ndim), mode="wrap"), atol=1e-12)


@pytest.mark.parametrize("ndim", [1, 2, 3])
@pytest.mark.parametrize("sigma, radius", [(1.0, None), (0.4, 2), (2.3, 1), (1e-200, 1)])
def test_gaussian_is_scipys(ndim, sigma, radius):
    kernel = filters.gaussian(sigma, radius=radius, ndim=ndim, dtype=float)
    assert kernel.sum() == pytest.approx(1)
    delta = np.zeros(kernel.shape)
    delta[tuple(n // 2 for n in kernel.shape)] = 1
    # SciPy squares sigma, which underflows for the smallest one; the limit is a delta.
    if sigma > 1e-100:
        delta = ndimage.gaussian_filter(delta, sigma, mode="constant", radius=radius)
    np.testing.assert_allclose(kernel, delta, atol=1e-15)


def test_gaussian_per_axis():
    kernel = filters.gaussian((1.0, 2.0), radius=(1, 3), dtype=float)
    rows, columns = (filters.gaussian(s, radius=r, ndim=1, dtype=float) for s, r in ((1, 1), (2, 3)))
    np.testing.assert_allclose(kernel, np.outer(rows, columns), rtol=1e-15)
    assert filters.gaussian(2.0, truncate=1.0).shape == (5, 5)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_box_is_scipys(ndim):
    ours = ndimage.correlate(image(ndim), filters.box(3, ndim, dtype=float), mode="nearest")
    expected = ndimage.uniform_filter(image(ndim), 3, mode="nearest")
    np.testing.assert_allclose(ours, expected, atol=1e-12)


def test_box_per_axis():
    assert filters.box((1, 4)).tolist() == [[0.25] * 4]


def test_scharr():
    assert filters.scharr(0).tolist() == [[-3, -10, -3], [0, 0, 0], [3, 10, 3]]


def test_textbook_edges():
    assert filters.vertical_edge().tolist() == [[1, 0, -1]] * 3
    np.testing.assert_array_equal(filters.horizontal_edge(), filters.vertical_edge().T)
    np.testing.assert_array_equal(filters.vertical_edge(), -filters.prewitt())


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_dtypes(dtype):
    for make in (*INTEGER, filters.laplace, filters.vertical_edge, filters.horizontal_edge):
        assert make(dtype=dtype).dtype == dtype
    assert filters.gaussian(1, dtype=dtype).dtype == dtype
    assert filters.box(2, dtype=dtype).dtype == dtype


def test_float32_is_the_default():
    assert {f().dtype for f in (*INTEGER, filters.laplace)} == {np.dtype(np.float32)}


def test_each_call_gives_a_new_array():
    filters.vertical_edge()[:] = 7
    assert filters.vertical_edge()[0, 0] == 1


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: filters.sobel(2), ValueError, "sobel: axis 2 is out of range for 2 axes"),
        (lambda: filters.sobel(0.0), TypeError, "sobel: axis must be an integer, got 0.0"),
        (lambda: filters.laplace(4), ValueError, "laplace: ndim must be 1, 2 or 3, got 4"),
        (lambda: filters.box(0), ValueError, "box: size must be at least 1, got 0"),
        (lambda: filters.box(2**40), ValueError, "box: the filter of shape"),
        (lambda: filters.gaussian(0), ValueError, "gaussian: sigma must be positive.* got 0"),
        (lambda: filters.gaussian(np.nan), ValueError, "gaussian: sigma .* got nan"),
        (lambda: filters.gaussian(1e40), ValueError, "gaussian: radius .* out of range"),
        (lambda: filters.gaussian("1"), TypeError, "gaussian: sigma must be a number, got '1'"),
        (lambda: filters.gaussian((1, 2, 3)), ValueError, r"gaussian: sigma .* got \(1, 2, 3\)"),
        (lambda: filters.gaussian(1, radius=-1), ValueError, "gaussian: radius .* got -1"),
        (lambda: filters.gaussian(1, dtype=int), TypeError, "gaussian: int64 cannot hold"),
        (lambda: filters.box(1, dtype=np.uint8), TypeError, "box: uint8 cannot hold"),
        (lambda: filters.sobel(dtype=np.uint8), TypeError, "sobel: uint8 cannot hold"),
        (lambda: filters.sobel(dtype=object), TypeError, "sobel: dtype has dtype object"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()

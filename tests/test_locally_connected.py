"""Locally connected layers: one product per output, against the definition and against conv."""

import numpy as np
import pytest

from fastconv._operations import local as family
from fastconv.conv import conv1d, conv2d, conv3d
from fastconv.linear_maps import im2col
from fastconv.locally_connected import locally_connected1d, locally_connected2d, locally_connected3d
from fastconv.shapes import conv_output_shape

LOCAL = {1: locally_connected1d, 2: locally_connected2d, 3: locally_connected3d}
CONV = {1: conv1d, 2: conv2d, 3: conv3d}

GEOMETRIES = [
    ((9,), (3,), dict()),
    ((9,), (2,), dict(padding="causal", dilation=3)),
    ((6, 7), (3, 2), dict(stride=2, padding=1)),
    ((6, 7), (3, 3), dict(padding=((-1, 2), (3, -2)), dilation=(1, 2))),
    ((5, 6), (2, 3), dict(padding="same", stride=(1, 2))),
    ((4, 5, 6), (2, 3, 2), dict(padding="full", stride=3)),
]


def layer(sizes, kernel, call, dtype=float, batch=2, channels=3, filters=4):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.integers(-5, 6, shape).astype(dtype)

    output = conv_output_shape((1, *sizes), (1, 1, *kernel), **call)[1:]
    return (
        draw(batch, channels, *sizes),
        draw(*output, filters, channels, *kernel),
        draw(filters, *output),
    )


@pytest.mark.parametrize("sizes, kernel, call", GEOMETRIES)
@pytest.mark.parametrize("block", [1, 3000, 2**22])
def test_every_output_has_its_own_kernel(sizes, kernel, call, block, monkeypatch):
    monkeypatch.setattr(family, "_BLOCK_BYTES", block)
    x, weight, bias = layer(sizes, kernel, call)
    local = LOCAL[len(sizes)]
    y = local(x, weight, bias, **call)

    columns = im2col(x, kernel, **call)
    expected = bias + np.zeros_like(y)
    output = y.shape[2:]
    for place in np.ndindex(*output):
        column = columns[:, :, np.ravel_multi_index(place, output)]
        expected[(..., *place)] += column @ weight[place].reshape(len(bias), -1).T
    np.testing.assert_array_equal(y, expected)

    np.testing.assert_array_equal(local(x[0], weight, bias, **call), expected[0])
    last = local(np.moveaxis(x, 1, -1), weight, bias, data_format="channels_last", **call)
    np.testing.assert_array_equal(np.moveaxis(last, -1, 1), expected)


@pytest.mark.parametrize("sizes, kernel, call", GEOMETRIES)
def test_one_kernel_everywhere_is_a_convolution(sizes, kernel, call):
    x, weight, _ = layer(sizes, kernel, call)
    shared = weight[(0,) * len(sizes)]
    y = LOCAL[len(sizes)](x, np.broadcast_to(shared, weight.shape), **call)
    np.testing.assert_array_equal(y, CONV[len(sizes)](x, shared, **call))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "i1", "u8", "i8", ">f8"])
def test_dtypes(dtype):
    x, weight, bias = (np.abs(a).astype(dtype) % 3 if dtype != "c8" else a.astype(dtype)
                       for a in layer((5, 5), (3, 3), {}))  # fmt: skip
    y = locally_connected2d(x, weight, bias)
    assert y.dtype == np.dtype(dtype).newbyteorder("=") and y.dtype.isnative
    wide = [a.astype("c16") for a in (x, weight, bias)]
    np.testing.assert_array_equal(y, locally_connected2d(*wide))


def test_integers_that_do_not_fit_raise():
    with pytest.raises(OverflowError, match="does not fit int8"):
        locally_connected1d(np.full((1, 2), 100, np.int8), np.ones((1, 1, 1, 2), np.int8))


def test_empty_sizes():
    weight = np.ones((3, 4, 2, 3))
    assert locally_connected1d(np.ones((0, 2, 5)), weight).shape == (0, 4, 3)
    bias = np.arange(12.0).reshape(4, 3)
    y = locally_connected1d(np.ones((0, 5)), np.ones((3, 4, 0, 3)), bias)
    np.testing.assert_array_equal(y, bias)
    assert locally_connected1d(np.ones((2, 5), int), np.ones((3, 0, 2, 3), int)).shape == (0, 3)


X, W = np.ones((1, 2, 5)), np.ones((3, 4, 2, 3))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: locally_connected1d(X, W[:2]), ValueError, r"weight must have shape \(3, 4, 2, 3\)"),
        (lambda: locally_connected1d(X, W[..., 0]), ValueError, "weight must have 4 axes"),
        (lambda: locally_connected1d(X, W[:, :, :1]), ValueError, "has 2 channels"),
        (lambda: locally_connected1d(X, W, np.ones(4)), ValueError, r"bias must have shape \(4, 3\)"),
        (lambda: locally_connected1d(X[0, 0], W), ValueError, r"input must have shape .*got \(5,\)"),
        (lambda: locally_connected1d(X, W, stride=0), ValueError, "stride must be at least 1"),
        (lambda: locally_connected1d(X, W, dilation=9), ValueError, "does not fit"),
        (lambda: locally_connected1d(X, W, padding="half"), ValueError, "padding 'half'"),
        (lambda: locally_connected1d(X, W, data_format="NCL"), ValueError, "data_format .*'NCL'"),
        (lambda: locally_connected1d(X.astype("f4"), W), TypeError, "weight of dtype float64"),
        (lambda: locally_connected1d(X.astype(bool), W), TypeError, "input has dtype bool"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match="locally_connected1d: .*" + message):
        call()

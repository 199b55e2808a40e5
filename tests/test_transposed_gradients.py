"""Gradients of transposed convolutions: adjoint to them, exact for integers, in every dtype."""

import itertools

import numpy as np
import pytest

import fastconv
from fastconv import grad

LAYOUT = pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
NDIM = pytest.mark.parametrize("ndim", [1, 2, 3])
GEOMETRIES = [
    dict(stride=stride, padding=padding, dilation=dilation, groups=groups, output_padding=extra)
    for stride, padding, dilation, groups, extra in itertools.product(
        (1, 2, 3), (0, 1), (1, 2), (1, 2), (0, 1)
    )
    if extra < max(stride, dilation)
]


def functions(ndim):
    return getattr(fastconv, f"conv_transpose{ndim}d"), getattr(grad, f"conv_transpose{ndim}d")


def drawn(rng, shape, dtype=np.float64, layout="channels_first"):
    """Small integers; images in `layout`."""
    values = rng.integers(-4, 5, shape).astype(dtype)
    if np.dtype(dtype).kind == "c":
        values += 1j * rng.integers(-4, 5, shape)
    return np.ascontiguousarray(np.moveaxis(values, 1, -1)) if layout == "channels_last" else values


def inner(a, b):
    return (a.conj() * b).sum()


@NDIM
@LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int32"])
def test_adjoint(ndim, layout, dtype):
    rng = np.random.default_rng(0)
    convolve, differentiate = functions(ndim)
    for options in GEOMETRIES[:: 1 if ndim < 3 else 5]:
        groups = options["groups"]
        x = drawn(rng, (2, 4, *(5, 4, 3)[:ndim]), dtype, layout)
        w = drawn(rng, (4, 6 // groups, *(3, 2, 2)[:ndim]), dtype)
        y = convolve(x, w, data_format=layout, **options)
        g = drawn(rng, y.shape, dtype)
        gx, gw, gb = differentiate(x, w, g, data_format=layout, **options)
        assert (gx.shape, gw.shape, gb.shape) == (x.shape, w.shape, (6,))
        assert gx.dtype == gw.dtype == gb.dtype == np.dtype(dtype)
        # Exact, as all numbers are small integers.
        assert inner(y, g) == inner(x, gx) == inner(w, gw) != 0
        others = tuple(range(ndim + 1)) if layout == "channels_last" else (0, *range(2, ndim + 2))
        assert np.array_equal(gb, g.sum(axis=others))


@LAYOUT
def test_they_are_a_convolution_and_its_weight_gradient(layout):
    rng = np.random.default_rng(1)
    x, w = drawn(rng, (3, 8, 9, 7), np.float32, layout), drawn(rng, (8, 5, 4, 3), np.float32)
    options = dict(stride=(2, 3), padding=((1, 2), (0, 1)), data_format=layout)
    g = drawn(rng, fastconv.conv_transpose2d(x, w, **options).shape, np.float32)
    gx, gw, _ = grad.conv_transpose2d(x, w, g, **options)
    # The convolution may see an end that no window of the transposed one wrote to.
    assert np.array_equal(gx, fastconv.conv2d(g, w, **options))
    assert np.array_equal(gw, grad.conv2d_weight(g, w.shape, x, **options))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(dtype):
    dtype = np.dtype(dtype) if dtype == "float16" else pytest.importorskip("ml_dtypes").bfloat16
    rng = np.random.default_rng(2)
    x, w, g = (rng.standard_normal(s).astype(dtype) for s in ((2, 3, 5), (3, 4, 3), (2, 4, 7)))
    found = grad.conv_transpose1d(x, w, g)
    wide = grad.conv_transpose1d(*(a.astype(np.float32) for a in (x, w, g)))
    for a, b in zip(found, wide):
        assert a.dtype == dtype and np.array_equal(a, b.astype(dtype))


def test_without_a_batch_and_only_what_is_needed():
    rng = np.random.default_rng(3)
    x, w = drawn(rng, (1, 3, 5)), drawn(rng, (3, 2, 3))
    g = drawn(rng, (1, 2, 7))
    whole = grad.conv_transpose1d(x, w, g)
    for alone, batched in zip(grad.conv_transpose1d(x[0], w, g[0]), (whole[0][0], *whole[1:])):
        assert np.array_equal(alone, batched)
    for i, name in enumerate(("input", "weight", "bias")):
        some = grad.conv_transpose1d(x, w, g, needs=(name,))
        assert [a is not None for a in some] == [i == n for n in range(3)]
        assert np.array_equal(some[i], whole[i])


@LAYOUT
def test_per_sample_and_activation(layout):
    rng = np.random.default_rng(4)
    x, w = drawn(rng, (3, 4, 5, 5), np.float64, layout), drawn(rng, (4, 6, 3, 3))
    y = fastconv.conv_transpose2d(x, w, stride=2, data_format=layout, activation="relu")
    g = drawn(rng, y.shape)
    options = dict(stride=2, data_format=layout)
    masked = grad.conv_transpose2d(x, w, np.where(y > 0, g, 0), **options)
    found = grad.conv_transpose2d(x, w, g, activation="relu", output=y, **options)
    assert all(map(np.array_equal, found, masked)) and (y == 0).any()
    each = grad.conv_transpose2d(x, w, g, needs=("weight_per_sample",), **options)[1]
    assert each.shape == (3, *w.shape)
    for n in range(3):
        one = grad.conv_transpose2d(x[n : n + 1], w, g[n : n + 1], needs=("weight",), **options)[1]
        assert np.array_equal(each[n], one)


def test_empty_arrays_and_integers_that_do_not_fit():
    gx, gw, gb = grad.conv_transpose1d(np.ones((0, 2, 4)), np.ones((2, 3, 2)), np.ones((0, 3, 5)))
    assert gx.shape == (0, 2, 4) and not gw.any() and not gb.any() and gw.shape == (2, 3, 2)
    x, w, g = np.full((1, 1, 3), 100, np.int8), np.full((1, 1, 1), 2, np.int8), np.ones((1, 1, 3), np.int8)
    assert grad.conv_transpose1d(x, w, g, needs=("input",))[0].tolist() == [[[2, 2, 2]]]
    with pytest.raises(OverflowError, match="does not fit int8: it spans 300"):
        grad.conv_transpose1d(x, w, g, needs=("weight",))


def test_wrong_arguments():
    x, w = np.ones((2, 3, 5)), np.ones((3, 4, 3))
    with pytest.raises(ValueError, match=r"grad.conv_transpose1d: grad_output must have the shape of the result, \(2, 4, 7\)"):
        grad.conv_transpose1d(x, w, np.ones((2, 4, 8)))
    with pytest.raises(TypeError, match=r"grad\.conv_transpose1d: grad_output of dtype complex128"):
        grad.conv_transpose1d(x, w, np.ones((2, 4, 7), complex))
    with pytest.raises(ValueError, match="is for 3 input channels"):
        grad.conv_transpose1d(x[:, :2], w, np.ones((2, 4, 7)))
    with pytest.raises(ValueError, match="needs output"):
        grad.conv_transpose1d(x, w, np.ones((2, 4, 7)), activation="relu")

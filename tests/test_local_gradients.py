"""Gradients of locally connected layers: against a loop over positions, exact for integers."""

import numpy as np
import pytest

import fastconv
from fastconv import grad

LAYOUT = pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
OPTIONS = [
    {}, dict(stride=2, padding=1), dict(dilation=2, padding=2),
    dict(padding=((-1, 2),)), dict(padding="same", stride=2), dict(padding="full"),
]  # fmt: skip


def layer(ndim, options, dtype=np.float64, layout="channels_first", seed=0, batch=3):
    """Input, weight, gradient of the result and options of a small layer of small integers."""
    rng = np.random.default_rng(seed)
    options = dict(options)
    if isinstance(options.get("padding"), tuple):
        options["padding"] = options["padding"] * ndim
    spatial, kernel = (7, 6, 5)[:ndim], (3, 2, 2)[:ndim]
    stand_in = np.zeros((1, 1, *spatial))
    output = getattr(fastconv, f"conv{ndim}d")(stand_in, np.zeros((1, 1, *kernel)), **options).shape[2:]

    def drawn(*shape):
        values = rng.integers(-3, 4, shape).astype(dtype)
        return values + 1j * rng.integers(-3, 4, shape) if values.dtype.kind == "c" else values

    x, g = drawn(batch, 4, *spatial), drawn(batch, 5, *output)
    w = drawn(*output, 5, 4, *kernel).astype(dtype)
    if layout == "channels_last":
        x, g = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, g))
    return x.astype(dtype), w, g.astype(dtype), dict(options, data_format=layout)


def functions(ndim):
    return (
        getattr(fastconv, f"locally_connected{ndim}d"), getattr(grad, f"locally_connected{ndim}d")
    )  # fmt: skip


def inner(a, b):
    return (a.conj() * b).sum()


@pytest.mark.parametrize("ndim", [1, 2, 3])
@LAYOUT
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128", "int16", "int64"])
def test_adjoint(ndim, layout, dtype):
    run, differentiate = functions(ndim)
    for options in OPTIONS:
        x, w, g, options = layer(ndim, options, np.dtype(dtype), layout)
        y = run(x, w, **options)
        gx, gw, gb = differentiate(x, w, g, **options)
        assert (gx.shape, gw.shape) == (x.shape, w.shape)
        assert gx.dtype == gw.dtype == gb.dtype == np.dtype(dtype)
        wide = [a.astype(np.int64) if a.dtype.kind == "i" else a for a in (y, g, x, gx, w, gw)]
        assert inner(*wide[:2]) == inner(*wide[2:4]) == inner(*wide[4:]) != 0
        planes = np.moveaxis(g, -1, 1) if layout == "channels_last" else g
        assert np.array_equal(gb, planes.sum(axis=0))


def test_against_a_loop_over_positions():
    x, w, g, options = layer(2, dict(stride=2, padding=1))
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    gx, gw = np.zeros_like(padded), np.zeros_like(w)
    for i, j in np.ndindex(*g.shape[2:]):
        window = np.s_[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
        gw[i, j] = np.einsum("nk,ncab->kcab", g[:, :, i, j], padded[window])
        gx[window] += np.einsum("nk,kcab->ncab", g[:, :, i, j], w[i, j])
    found = grad.locally_connected2d(x, w, g, **options)
    assert np.array_equal(found[0], gx[:, :, 1:-1, 1:-1]) and np.array_equal(found[1], gw)


@LAYOUT
def test_per_sample(layout):
    x, w, g, options = layer(2, dict(padding=1), layout=layout)
    each = grad.locally_connected2d(x, w, g, needs=("weight_per_sample", "input"), **options)
    assert each[2] is None and each[1].shape == (3, *w.shape)
    for n in range(3):
        one = grad.locally_connected2d(x[n], w, g[n], needs=("weight_per_sample",), **options)[1]
        assert one.shape == w.shape and np.array_equal(each[1][n], one)
    whole = grad.locally_connected2d(x, w, g, **options)
    assert np.array_equal(each[1].sum(axis=0), whole[1]) and np.array_equal(each[0], whole[0])


def test_without_a_batch_and_only_what_is_needed():
    x, w, g, options = layer(1, {}, batch=1)
    whole = grad.locally_connected1d(x, w, g, **options)
    for alone, batched in zip(grad.locally_connected1d(x[0], w, g[0]), (whole[0][0], *whole[1:])):
        assert np.array_equal(alone, batched)
    for i, name in enumerate(("input", "weight", "bias")):
        some = grad.locally_connected1d(x, w, g, needs=(name,))
        assert [a is not None for a in some] == [i == n for n in range(3)]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_rounded_once(dtype):
    dtype = np.dtype(dtype) if dtype == "float16" else np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    x, w, g, options = layer(2, {}, dtype)
    wide = grad.locally_connected2d(*(a.astype(np.float32) for a in (x, w, g)), **options)
    for a, b in zip(grad.locally_connected2d(x, w, g, **options), wide):
        assert a.dtype == dtype and np.array_equal(a, b.astype(dtype))


def test_blocks_of_rows_make_no_difference(monkeypatch):
    from fastconv._operations import local

    x, w, g, options = layer(2, dict(stride=2, padding=2))
    whole = grad.locally_connected2d(x, w, g, **options)
    monkeypatch.setattr(local, "_BLOCK_BYTES", 1)
    assert all(map(np.array_equal, grad.locally_connected2d(x, w, g, **options), whole))


def test_any_strides_and_byte_order_and_nothing_is_written():
    x, w, g, _ = layer(2, {})
    known = grad.locally_connected2d(x, w, g)
    for disguise in (np.asfortranarray, lambda a: a[::-1].copy()[::-1], lambda a: a.astype(">f8")):
        arrays = [disguise(a) for a in (x, w, g)]
        for a in arrays:
            a.flags.writeable = False
        assert all(map(np.array_equal, grad.locally_connected2d(*arrays), known))


def test_no_channels_and_no_filters():
    for x, w in ((2, 0, 4), (3, 5, 0, 2)), ((2, 3, 4), (3, 0, 3, 2)):
        x, w = np.ones(x), np.ones(w)
        g = np.ones((2, w.shape[1], 3))
        for needs in ("weight", "weight_per_sample"):
            gx, gw, gb = grad.locally_connected1d(x, w, g, needs=("input", "bias", needs))
            assert gx.shape == x.shape and not gx.any() and gw.shape[-4:] == w.shape
            assert gb.tolist() == np.full(g.shape[1:], 2.0).tolist()


def test_empty_arrays_and_integers_that_do_not_fit():
    gx, gw, gb = grad.locally_connected1d(np.ones((0, 2, 4)), np.ones((3, 5, 2, 2)), np.ones((0, 5, 3)))
    assert gx.shape == (0, 2, 4) and not gw.any() and gb.shape == (5, 3) and not gb.any()
    x, w, g = np.full((3, 1, 1), 100, np.int8), np.ones((1, 1, 1, 1), np.int8), np.ones((3, 1, 1), np.int8)
    assert grad.locally_connected1d(x, w, g, needs=("input",))[0].ravel().tolist() == [1, 1, 1]
    with pytest.raises(OverflowError, match="does not fit int8: it spans 300"):
        grad.locally_connected1d(x, w, g, needs=("weight",))


def test_wrong_arguments():
    x, w, g, _ = layer(2, {})
    for wrong in (g[:1], g[..., 1:], g[0]):
        with pytest.raises(ValueError, match=r"grad\.locally_connected2d: grad_output must have the shape"):
            grad.locally_connected2d(x, w, wrong)
    with pytest.raises(TypeError, match=r"grad\.locally_connected2d: grad_output of dtype complex128"):
        grad.locally_connected2d(x, w, g + 0j)
    with pytest.raises(ValueError, match=r"grad\.locally_connected2d: input of shape"):
        grad.locally_connected2d(x, w[1:], g)
    with pytest.raises(ValueError, match=r"grad\.locally_connected2d: needs may name"):
        grad.locally_connected2d(x, w, g, needs=("wait",))
